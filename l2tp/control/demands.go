package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// Demands are what one end of a session requires of the data that it receives (RFC 3931 section
// 5.4.4). The RFC lets the two ends differ, Linux does not: it has one setting for both ways. So
// each end demands what the other does here, and a peer that does not go along is refused.
type Demands struct {
	Sublayer   l2tp.Sublayer
	Sequencing l2tp.DataSequencing
}

// sequenced are the demands for sequence numbers in all data messages.
var sequenced = Demands{l2tp.SublayerDefault, l2tp.SequenceAll}

// demandsFor is what an end wants by itself.
func demandsFor(sequencing l2tp.DataSequencing) Demands {
	if sequencing == l2tp.SequenceNone {
		return Demands{}
	}
	return sequenced
}

// with is d as a message of its end amends it.
func (d Demands) with(m *l2tp.Message) Demands {
	if m.Has.Has(l2tp.AVPSublayer) {
		d.Sublayer = m.Sublayer
	}
	if m.Has.Has(l2tp.AVPDataSequencing) {
		d.Sequencing = m.DataSequencing
	}
	return d
}

// addAVPs adds the demands to a message.
func (d Demands) addAVPs(m *l2tp.Message) {
	m.Sublayer, m.DataSequencing = d.Sublayer, d.Sequencing
	m.Has.Add(l2tp.AVPSublayer, l2tp.AVPDataSequencing)
}

// check says whether the demands can be met.
func (d Demands) check() (l2tp.Result, bool) {
	switch {
	case d.Sublayer > l2tp.SublayerDefault:
		return sequencingError("only the default L2-specific sublayer (1) or none here"), false
	case d.Sequencing > l2tp.SequenceAll:
		return sequencingError("no data sequencing level above 2 here"), false
	case d.Sequencing != l2tp.SequenceNone && d.Sublayer == l2tp.SublayerNone:
		return sequencingError("data sequencing is asked for without an L2-specific sublayer"), false
	}
	return l2tp.Result{}, true
}

func sequencingError(text string) l2tp.Result {
	return cdnError(l2tp.CDNSequencingSublayer, l2tp.ErrorNone, text)
}

// RequireSequencing has the peer's call answered with a demand for sequence numbers, before Accept.
// PeerDemands then has what the peer is expected to demand in return.
func (s *Session) RequireSequencing(sequencing l2tp.DataSequencing) {
	if sequencing == l2tp.SequenceNone || s.Demands.Sequencing != l2tp.SequenceNone {
		return
	}
	s.Demands = demandsFor(sequencing)
	s.PeerDemands = s.Demands
}

// recordDemands takes what a message of the peer demands.
func (s *Session) recordDemands(m *l2tp.Message) {
	s.receivedDemands = s.receivedDemands.with(m)
}

// mirrorDemands demands of the peer what it demands of us.
func (s *Session) mirrorDemands() {
	s.PeerDemands = s.receivedDemands
	s.Demands.Sublayer = max(s.Demands.Sublayer, s.receivedDemands.Sublayer)
	if s.receivedDemands.Sequencing != l2tp.SequenceNone {
		s.Demands = sequenced
	}
}

// demandsMatch says whether the peer demands what we do.
func (s *Session) demandsMatch() (l2tp.Result, bool) {
	if s.receivedDemands == s.PeerDemands && s.receivedDemands.Sublayer == s.Demands.Sublayer &&
		(s.receivedDemands.Sequencing != l2tp.SequenceNone) == (s.Demands.Sequencing != l2tp.SequenceNone) {
		return l2tp.Result{}, true
	}
	return sequencingError("sublayer and sequence numbers are to be the same both ways here: the peer has to ask for them as we do"), false
}
