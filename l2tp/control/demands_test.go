package control

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// The demands of the tests.
var (
	none         = Demands{}
	sublayerOnly = Demands{l2tp.SublayerDefault, l2tp.SequenceNone}
	nonIP        = Demands{l2tp.SublayerDefault, l2tp.SequenceNonIP}
	sequencedAll = Demands{l2tp.SublayerDefault, l2tp.SequenceAll}
)

// withDemands adds demands to a message; none adds no AVPs.
func withDemands(d Demands) option {
	return func(m *draft) {
		if d != none {
			d.addAVPs(&m.Message)
		}
	}
}

// expectDemands checks the demands in a message of the Peer. Without demands it must have no AVPs.
func (d *dialogue) expectDemands(t l2tp.MessageType, want Demands) {
	d.t.Helper()
	m := d.expect(t)
	if got := none.with(m); got != want || m.Has.Has(l2tp.AVPSublayer) != (want != none) {
		d.t.Errorf("%s demands %+v, want %+v", t, got, want)
	}
}

func (d *dialogue) expectSessionDemands(s *Session, ours, theirs Demands) {
	d.t.Helper()
	if s.Demands != ours || s.PeerDemands != theirs {
		d.t.Errorf("demands %+v, the peer's %+v; want %+v and %+v", s.Demands, s.PeerDemands, ours, theirs)
	}
}

// RFC 3931, section 5.4.4, at the initiator of a session: its ICCN has the demands that it has
// adopted from the ICRP.
func TestDemandsOfInitiator(t *testing.T) {
	for _, tt := range []struct {
		name       string
		sequencing l2tp.DataSequencing
		icrq       Demands
		icrp       Demands
		iccn       Demands // in its AVPs
		ours       Demands // finally
		refused    bool
	}{
		{"no demands", l2tp.SequenceNone, none, none, none, none, false},
		{"both demand", l2tp.SequenceAll, sequencedAll, sequencedAll, none, sequencedAll, false},
		{"both demand, the peer only for non-IP", l2tp.SequenceAll, sequencedAll, nonIP, none, sequencedAll, false},
		{"the peer demands", l2tp.SequenceNone, none, sequencedAll, sequencedAll, sequencedAll, false},
		{"the peer demands for non-IP", l2tp.SequenceNone, none, nonIP, sequencedAll, sequencedAll, false},
		{"the peer demands a sublayer", l2tp.SequenceNone, none, sublayerOnly, sublayerOnly, sublayerOnly, false},
		{"only we demand", l2tp.SequenceAll, sequencedAll, none, none, none, true},
		{"the peer demands a sublayer, we numbers", l2tp.SequenceAll, sequencedAll, sublayerOnly, none, none, true},
		{"numbers without sublayer", l2tp.SequenceNone, none, Demands{0, l2tp.SequenceAll}, none, none, true},
		{"sublayer unknown", l2tp.SequenceNone, none, Demands{2, 0}, none, none, true},
		{"level unknown", l2tp.SequenceNone, none, Demands{1, 3}, none, none, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			var s *Session
			offer := SessionOptions{Circuit: l2tp.CircuitActive, Sequencing: tt.sequencing}
			d.step(func(out *Output) { s = d.peer.Established().OpenWith(d.now, []byte("red"), offer, out) })
			d.expectDemands(l2tp.ICRQ, tt.icrq)
			d.send(l2tp.ICRP, ids(5, s.ID), withDemands(tt.icrp))
			if tt.refused {
				d.expectCDN(l2tp.CDNSequencingSublayer, 5)
				d.expectSessionDown(s, CauseProtocol)
				return
			}
			d.expect(l2tp.ACK)
			event[CallAnswered](d)
			d.expectSessionDemands(s, tt.ours, tt.icrp)
			d.connect(s)
			d.expectDemands(l2tp.ICCN, tt.iccn)
			event[SessionUp](d)
		})
	}
}

// At the recipient of a session request: the peer must adopt our demands with its ICCN, because the
// data plane's session exists by then.
func TestDemandsOfRecipient(t *testing.T) {
	for _, tt := range []struct {
		name    string
		icrq    Demands
		require l2tp.DataSequencing
		ours    Demands // in the ICRP
		theirs  Demands // expected of the peer
		iccn    Demands
		refused bool
	}{
		{"no demands", none, l2tp.SequenceNone, none, none, none, false},
		{"the peer demands", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, none, false},
		{"the peer demands, and repeats it", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, sequencedAll, false},
		{"the peer demands for non-IP", nonIP, l2tp.SequenceNone, sequencedAll, nonIP, none, false},
		{"the peer demands a sublayer", sublayerOnly, l2tp.SequenceNone, sublayerOnly, sublayerOnly, none, false},
		{"both demand", nonIP, l2tp.SequenceAll, sequencedAll, nonIP, none, false},
		{"we demand, the peer adopts it", none, l2tp.SequenceAll, sequencedAll, sequencedAll, sequencedAll, false},
		{"we demand, the peer does not", none, l2tp.SequenceAll, sequencedAll, sequencedAll, none, true},
		{"we demand more, the peer does not", sublayerOnly, l2tp.SequenceAll, sequencedAll, sequencedAll, none, true},
		{"the peer demands too late", none, l2tp.SequenceNone, none, none, sequencedAll, true},
		{"the peer changes its demands", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, nonIP, true},
		{"numbers without sublayer", none, l2tp.SequenceNone, none, none, Demands{0, l2tp.SequenceAll}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			d.send(l2tp.ICRQ, ids(5, 0), withDemands(tt.icrq))
			d.expect(l2tp.ACK)
			s := event[CallIncoming](d).Session
			s.RequireSequencing(tt.require)
			d.expectSessionDemands(s, tt.ours, tt.theirs)
			d.accept(s)
			d.expectDemands(l2tp.ICRP, tt.ours)
			d.send(l2tp.ICCN, ids(5, s.ID), withDemands(tt.iccn))
			if tt.refused {
				d.expectCDN(l2tp.CDNSequencingSublayer, 5)
				d.expectSessionDown(s, CauseProtocol)
				return
			}
			d.expect(l2tp.ACK)
			event[SessionUp](d)
			d.expectSessionDemands(s, tt.ours, tt.theirs)
		})
	}
}

// At the recipient of an OCRQ: the peer sends no further message, so our demands must match the
// OCRQ.
func TestDemandsOfOutgoingCall(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ocrq    Demands
		require l2tp.DataSequencing
		ours    Demands
		refused bool
	}{
		{"no demands", none, l2tp.SequenceNone, none, false},
		{"the peer demands", sequencedAll, l2tp.SequenceNone, sequencedAll, false},
		{"both demand", nonIP, l2tp.SequenceAll, sequencedAll, false},
		{"only we demand", none, l2tp.SequenceAll, none, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			d.send(l2tp.OCRQ, ids(5, 0), withDemands(tt.ocrq))
			d.expect(l2tp.ACK)
			s := event[CallIncoming](d).Session
			s.RequireSequencing(tt.require)
			d.accept(s)
			if tt.refused {
				d.expectCDN(l2tp.CDNSequencingSublayer, 5)
				d.expectSessionDown(s, CauseProtocol)
				return
			}
			d.expectDemands(l2tp.OCRP, tt.ours)
			d.expectDemands(l2tp.OCCN, none)
			event[SessionUp](d)
		})
	}
}
