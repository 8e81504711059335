package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// Demands are the L2-specific sublayer and the data sequencing that one end of a session requires
// of the data messages that it receives (RFC 3931, section 5.4.4). The RFC allows the two ends to
// differ. Linux does not: it has one setting for both directions. Therefore each end adopts the
// demands of the other here, and a peer that does not is refused.
type Demands struct {
	Sublayer   l2tp.Sublayer
	Sequencing l2tp.DataSequencing
}

// sequenced demands sequence numbers in all data messages.
var sequenced = Demands{l2tp.SublayerDefault, l2tp.SequenceAll}

// demandsFor returns the demands of an end with that sequencing configured. Any level other than
// SequenceNone becomes SequenceAll.
func demandsFor(sequencing l2tp.DataSequencing) Demands {
	if sequencing == l2tp.SequenceNone {
		return Demands{}
	}
	return sequenced
}

// with returns d updated by the AVPs of a later message of the same end.
func (d Demands) with(m *l2tp.Message) Demands {
	if m.Has.Has(l2tp.AVPSublayer) {
		d.Sublayer = m.Sublayer
	}
	if m.Has.Has(l2tp.AVPDataSequencing) {
		d.Sequencing = m.DataSequencing
	}
	return d
}

// addAVPs adds the demands to a message as AVPs.
func (d Demands) addAVPs(m *l2tp.Message) {
	m.Sublayer, m.DataSequencing = d.Sublayer, d.Sequencing
	m.Has.Add(l2tp.AVPSublayer, l2tp.AVPDataSequencing)
}

// check reports whether the demands can be met. If not, it returns the result for a CDN.
func (d Demands) check() (l2tp.Result, bool) {
	switch {
	case d.Sublayer > l2tp.SublayerDefault:
		return sequencingError("unsupported L2-Specific Sublayer Type: only 0 (none) and 1 (default) are supported"), false
	case d.Sequencing > l2tp.SequenceAll:
		return sequencingError("unsupported Data Sequencing Level: only 0, 1 and 2 are supported"), false
	case d.Sequencing != l2tp.SequenceNone && d.Sublayer == l2tp.SublayerNone:
		return sequencingError("data sequencing requested without an L2-specific sublayer"), false
	}
	return l2tp.Result{}, true
}

func sequencingError(text string) l2tp.Result {
	return cdnError(l2tp.CDNSequencingSublayer, l2tp.ErrorNone, text)
}

// RequireSequencing makes the answer to the peer's session request demand sequence numbers. The
// owner calls it before Accept. PeerDemands then holds the demands that the peer must make in
// return. SequenceNone changes nothing.
func (s *Session) RequireSequencing(sequencing l2tp.DataSequencing) {
	if sequencing == l2tp.SequenceNone || s.Demands.Sequencing != l2tp.SequenceNone {
		return
	}
	s.Demands = demandsFor(sequencing)
	s.PeerDemands = s.Demands
}

// recordDemands stores the demands in a message of the peer.
func (s *Session) recordDemands(m *l2tp.Message) {
	s.receivedDemands = s.receivedDemands.with(m)
}

// mirrorDemands expects the peer to keep the demands that it has sent, and adopts them as ours. Any
// sequencing level other than SequenceNone becomes SequenceAll in ours.
func (s *Session) mirrorDemands() {
	s.PeerDemands = s.receivedDemands
	s.Demands.Sublayer = max(s.Demands.Sublayer, s.receivedDemands.Sublayer)
	if s.receivedDemands.Sequencing != l2tp.SequenceNone {
		s.Demands = sequenced
	}
}

// demandsMatch reports whether the peer's demands match ours. If not, it returns the result for a
// CDN.
func (s *Session) demandsMatch() (l2tp.Result, bool) {
	if s.receivedDemands == s.PeerDemands && s.receivedDemands.Sublayer == s.Demands.Sublayer &&
		(s.receivedDemands.Sequencing != l2tp.SequenceNone) == (s.Demands.Sequencing != l2tp.SequenceNone) {
		return l2tp.Result{}, true
	}
	return sequencingError("the L2-specific sublayer and data sequencing must be the same in both directions: request them as this end does"), false
}
