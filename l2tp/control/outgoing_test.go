package control

import (
	"bytes"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// scriptRequestsOutgoing makes the script request an outgoing call.
func (d *dialogue) scriptRequestsOutgoing(name string, id uint32) *Session {
	d.t.Helper()
	d.send(l2tp.OCRQ, ids(id, 0), endID(name))
	d.expect(l2tp.ACK)
	s := event[CallIncoming](d).Session
	d.expectSessionState(s, WaitCSAnswer)
	return s
}

// scriptOpensOutgoing establishes an outgoing call.
func (d *dialogue) scriptOpensOutgoing(name string, id uint32) *Session {
	d.t.Helper()
	s := d.scriptRequestsOutgoing(name, id)
	d.accept(s)
	d.expect(l2tp.OCRP)
	d.expect(l2tp.OCCN)
	d.send(l2tp.ACK)
	event[SessionUp](d)
	return s
}

// TestOCRQRecipientStates checks each row of the table of RFC 3931, section 7.4.2. The OCRP is sent
// when the owner accepts: it confirms that the call can be placed, and here the call is placed at
// the same time.
func TestOCRQRecipientStates(t *testing.T) {
	const id = 5
	unexpected := func(begin func(d *dialogue) *Session) func(d *dialogue) {
		return func(d *dialogue) {
			for _, m := range []l2tp.MessageType{l2tp.OCRQ, l2tp.OCRP, l2tp.OCCN, l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN} {
				s := begin(d)
				remote := s.ID
				if m == l2tp.OCRQ || m == l2tp.ICRQ {
					remote = 0
				}
				d.send(m, ids(id, remote))
				d.expectCDN(l2tp.CDNFSMError, id)
				d.expectSessionDown(s, CauseProtocol)
				d.expectForgotten(s)
			}
		}
	}
	tests := []struct {
		row  string
		talk func(d *dialogue)
	}{
		{"idle | receive OCRQ, acceptable | send OCRP, place call | wait-cs-answer", func(d *dialogue) {
			d.send(l2tp.OCRQ, ids(id, 0), circuit(circuitDown|circuitNew), func(m *draft) {
				m.AssignedCookie = []byte("ABCD")
				m.Has.Add(l2tp.AVPAssignedCookie)
			})
			d.expect(l2tp.ACK)
			s := event[CallIncoming](d).Session
			d.expectCircuitChanged(s, circuitDown)
			if !s.Outgoing || s.Initiator || s.PeerID != id || string(s.PeerCookie) != "ABCD" || string(s.RemoteEndID) != "red" {
				t.Errorf("session %+v", s)
			}
			d.expectSessionState(s, WaitCSAnswer)
		}},
		{"wait-cs-answer | call placement successful | send OCCN | established", func(d *dialogue) {
			s := d.scriptRequestsOutgoing("red", id)
			d.setCircuit(s, circuitDown)
			d.connect(s) // no effect on an outgoing call
			d.accept(s)
			d.accept(s) // the second one has no effect
			m := d.expect(l2tp.OCRP)
			if m.LocalSessionID != s.ID || m.RemoteSessionID != id || !bytes.Equal(m.AssignedCookie, s.LocalCookie) ||
				m.CircuitStatus != circuitDown|circuitNew {
				t.Errorf("OCRP %+v", m)
			}
			if m := d.expect(l2tp.OCCN); m.LocalSessionID != s.ID || m.RemoteSessionID != id {
				t.Errorf("OCCN %+v", m)
			}
			event[SessionUp](d)
			d.expectSessionState(s, SessionEstablished)
			d.send(l2tp.ACK)
			d.setCircuit(s, circuitUp)
			d.expectCircuit(l2tp.SLI, circuitUp)
			d.send(l2tp.SLI, ids(id, s.ID), circuit(circuitDown))
			d.expect(l2tp.ACK)
			d.expectCircuitChanged(s, circuitDown)
		}},
		{"idle | receive OCRQ, not acceptable: pseudowire type | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.OCRQ, ids(id, 0), ethernet)
			d.expectCDN(l2tp.CDNUnsupportedPseudowire, id)
		}},
		{"idle | receive OCRQ, not acceptable: sublayer | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.OCRQ, ids(id, 0), sublayer)
			d.expectCDN(l2tp.CDNSequencingSublayer, id)
		}},
		{"idle | receive OCRQ, not acceptable: unknown AVP | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.OCRQ, ids(id, 0), mandatoryUnknown)
			d.expectCDN(l2tp.CDNGeneralError, id)
		}},
		{"idle | receive OCRP | send CDN, clean up | idle", func(d *dialogue) {
			d.send(l2tp.OCRP, ids(id, 0x999))
			if m := d.expectCDN(l2tp.CDNGeneralError, id); m.Result.Error != l2tp.ErrorSessionID {
				t.Errorf("CDN %+v", m)
			}
		}},
		{"idle | receive OCCN, CDN | clean up | idle", func(d *dialogue) {
			d.send(l2tp.OCCN, ids(id, 0x999))
			d.expect(l2tp.ACK)
			d.send(l2tp.CDN, ids(id, 0x999))
			d.expect(l2tp.ACK)
		}},
		{"wait-cs-answer | call placement failed | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequestsOutgoing("red", id)
			d.close(s)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
			d.accept(s) // too late
		}},
		{"wait-cs-answer | a timer expires | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequestsOutgoing("red", id)
			d.wait(40 * time.Second)
			s.Connection.DataReceived(d.now) // avoids HELLOs
			d.wait(testLimit - 40*time.Second)
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseLocal)
			d.expectForgotten(s)
		}},
		{"wait-cs-answer | receive OCRQ, OCRP, OCCN | send CDN, clean up | idle", unexpected(func(d *dialogue) *Session {
			return d.scriptRequestsOutgoing("red", id)
		})},
		{"established | receive OCRQ, OCRP, OCCN | send CDN, clean up | idle", unexpected(func(d *dialogue) *Session {
			return d.scriptOpensOutgoing("red", id)
		})},
		{"wait-cs-answer, established | receive CDN | clean up | idle", func(d *dialogue) {
			for _, begin := range []func(string, uint32) *Session{d.scriptRequestsOutgoing, d.scriptOpensOutgoing} {
				s := begin("red", id)
				d.send(l2tp.CDN, ids(id, s.ID))
				d.expect(l2tp.ACK)
				d.expectSessionDown(s, CauseRefused)
				d.expectForgotten(s)
			}
		}},
		{"established | local close request | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptOpensOutgoing("red", id)
			d.close(s)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
		}},
		{"wait-cs-answer | receive CDN with Remote Session ID 0 | reverse lookup (5.4.4) | idle", func(d *dialogue) {
			s := d.scriptRequestsOutgoing("red", id)
			d.send(l2tp.CDN, ids(id, 0))
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseRefused)
			d.expectForgotten(s)
		}},
	}
	for _, test := range tests {
		t.Run(test.row, func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			test.talk(d)
		})
	}
}

// RFC 3931, section 5.4.4: an OCRQ ties with our ICRQ for the same Remote End ID.
func TestTieBetweenICRQAndOCRQ(t *testing.T) {
	tests := []struct {
		name   string
		theirs func(ours uint64) option
		code   l2tp.CDNCode // of the CDN for the OCRQ; 0: none
		down   Cause
		lost   bool // our ICRQ
	}{
		{"ours wins", func(uint64) option { return tieBreaker(1<<64 - 1) }, l2tp.CDNLostTie, 0, false},
		{"theirs has none", func(uint64) option { return func(*draft) {} }, l2tp.CDNLostTie, 0, false},
		{"theirs wins", func(uint64) option { return tieBreaker(0) }, 0, CauseYielded, true},
		{"equal", tieBreaker, l2tp.CDNLostTie, CauseTie, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			ours := d.open("red")
			m := d.expect(l2tp.ICRQ)
			d.send(l2tp.OCRQ, ids(5, 0), test.theirs(m.TieBreaker))
			if test.code != 0 {
				d.expectCDN(test.code, 5)
			} else {
				d.expect(l2tp.ACK)
			}
			if !test.lost {
				d.expectSessionState(ours, WaitReply)
				return
			}
			d.expectSessionDown(ours, test.down)
			if test.code == 0 {
				theirs := event[CallIncoming](d).Session
				d.accept(theirs)
				d.expect(l2tp.OCRP)
				d.send(l2tp.ACK)
				d.expect(l2tp.OCCN)
				event[SessionUp](d)
			}
		})
	}
}
