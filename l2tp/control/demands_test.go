package control

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// The demands of the tests: of a sublayer sublayerOnly, and of sequence numbers in it.
var (
	none         = Demands{}
	sublayerOnly = Demands{l2tp.SublayerDefault, l2tp.SequenceNone}
	nonIP        = Demands{l2tp.SublayerDefault, l2tp.SequenceNonIP}
	sequencedAll = Demands{l2tp.SublayerDefault, l2tp.SequenceAll}
)

// withDemands has a message demand; of nothing it says nothing.
func withDemands(d Demands) option {
	return func(m *draft) {
		if d != none {
			d.addAVPs(&m.Message)
		}
	}
}

// expectDemands checks what a message of ours demands; of nothing it is to say nothing.
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

// RFC 3931 section 5.4.4, as the one that asks for a session: the ICCN says what the ICRP has
// brought us to demand besides.
func TestDemandsOfInitiator(t *testing.T) {
	for _, tt := range []struct {
		name       string
		sequencing l2tp.DataSequencing
		icrq       Demands
		icrp       Demands
		iccn       Demands // said in it
		ours       Demands // in the end
		refused    bool
	}{
		{"nobody demands", l2tp.SequenceNone, none, none, none, none, false},
		{"both demand", l2tp.SequenceAll, sequencedAll, sequencedAll, none, sequencedAll, false},
		{"both demand, the peer not for IP", l2tp.SequenceAll, sequencedAll, nonIP, none, sequencedAll, false},
		{"the peer demands", l2tp.SequenceNone, none, sequencedAll, sequencedAll, sequencedAll, false},
		{"the peer demands for other than IP", l2tp.SequenceNone, none, nonIP, sequencedAll, sequencedAll, false},
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

// As the one that is asked: the peer has to follow with its ICCN, as the data plane is made by
// then.
func TestDemandsOfRecipient(t *testing.T) {
	for _, tt := range []struct {
		name    string
		icrq    Demands
		require l2tp.DataSequencing
		ours    Demands // in the ICRP
		theirs  Demands // as expected then
		iccn    Demands
		refused bool
	}{
		{"nobody demands", none, l2tp.SequenceNone, none, none, none, false},
		{"the peer demands", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, none, false},
		{"the peer demands, and says so again", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, sequencedAll, false},
		{"the peer demands for other than IP", nonIP, l2tp.SequenceNone, sequencedAll, nonIP, none, false},
		{"the peer demands a sublayer", sublayerOnly, l2tp.SequenceNone, sublayerOnly, sublayerOnly, none, false},
		{"both demand", nonIP, l2tp.SequenceAll, sequencedAll, nonIP, none, false},
		{"we demand, the peer follows", none, l2tp.SequenceAll, sequencedAll, sequencedAll, sequencedAll, false},
		{"we demand, the peer does not follow", none, l2tp.SequenceAll, sequencedAll, sequencedAll, none, true},
		{"we demand more, the peer does not follow", sublayerOnly, l2tp.SequenceAll, sequencedAll, sequencedAll, none, true},
		{"the peer demands too late", none, l2tp.SequenceNone, none, none, sequencedAll, true},
		{"the peer thinks better of it", sequencedAll, l2tp.SequenceNone, sequencedAll, sequencedAll, nonIP, true},
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

// An OCRQ is the peer's only word: what it does not demand it will not, and so we cannot.
func TestDemandsOfOutgoingCall(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ocrq    Demands
		require l2tp.DataSequencing
		ours    Demands
		refused bool
	}{
		{"nobody demands", none, l2tp.SequenceNone, none, false},
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
