package control

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// expectForgotten checks that s has ended and was removed, and that its connection is established.
func (d *dialogue) expectForgotten(s *Session) {
	d.t.Helper()
	c := s.Connection
	if s.State != SessionIdle || c.sessions[s.ID] != nil || c.byPeer[s.PeerID] != nil || len(c.waiting) != 0 {
		d.t.Fatalf("session in state %s, or not removed", s.State)
	}
	d.expectState(c, Established)
}

func (d *dialogue) expectSessionState(s *Session, want SessionState) {
	d.t.Helper()
	if s.State != want {
		d.t.Fatalf("state %s, want %s", s.State, want)
	}
}

// TestICRQSenderStates checks each row of the table of RFC 3931, section 7.3.1, except for
// wait-control-conn, which is a state of the owner.
func TestICRQSenderStates(t *testing.T) {
	const id = 5 // the script's session ID
	tests := []struct {
		row  string
		talk func(d *dialogue)
	}{
		{"idle | receive ICCN | clean up | idle", func(d *dialogue) {
			d.send(l2tp.ICCN, ids(id, 0x999))
			d.expect(l2tp.ACK)
		}},
		{"idle | receive ICRP | clean up | idle (section 7.3.2 requires a CDN)", func(d *dialogue) {
			d.send(l2tp.ICRP, ids(id, 0x999))
			if m := d.expectCDN(l2tp.CDNGeneralError, id); m.Result.Error != l2tp.ErrorSessionID || m.LocalSessionID != 0x999 {
				t.Errorf("CDN %+v", m)
			}
		}},
		{"idle | receive CDN | clean up | idle", func(d *dialogue) {
			d.send(l2tp.CDN, ids(id, 0x999))
			d.expect(l2tp.ACK)
			d.send(l2tp.CDN, ids(0, 0))
			d.expect(l2tp.ACK)
		}},
		{"wait-control-conn | control-conn-open | send ICRQ | wait-reply", func(d *dialogue) {
			s := d.open("red")
			m := d.expect(l2tp.ICRQ)
			if m.LocalSessionID != s.ID || m.RemoteSessionID != 0 || string(m.RemoteEndID) != "red" ||
				m.PseudowireType != l2tp.PseudowirePPP || !bytes.Equal(m.AssignedCookie, s.LocalCookie) ||
				len(s.LocalCookie) != 8 || !m.CircuitStatus.Active() || !m.Has.Has(l2tp.AVPTieBreaker) {
				t.Errorf("ICRQ %+v", m)
			}
			d.expectSessionState(s, WaitReply)
			d.send(l2tp.ACK)
		}},
		{"wait-reply | receive ICRP, acceptable | send ICCN | established", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRP, ids(id, s.ID), func(m *draft) {
				m.AssignedCookie = []byte("ABCD")
				m.Has.Add(l2tp.AVPAssignedCookie)
			})
			d.expect(l2tp.ACK)
			if event[CallAnswered](d).Session != s || s.PeerID != id || string(s.PeerCookie) != "ABCD" {
				t.Errorf("session %+v", s)
			}
			d.expectSessionState(s, WaitReply) // until the owner is ready for data
			d.connect(s)
			d.connect(s) // the second one has no effect
			if m := d.expect(l2tp.ICCN); m.LocalSessionID != s.ID || m.RemoteSessionID != id {
				t.Errorf("ICCN %+v", m)
			}
			event[SessionUp](d)
			d.expectSessionState(s, SessionEstablished)
		}},
		{"wait-reply | receive ICRP, not acceptable | send CDN, clean up | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRP, ids(id, s.ID), sublayer)
			d.expectCDN(l2tp.CDNSequencingSublayer, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-reply | receive ICRQ, lose tie breaker | process as ICRQ recipient | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRQ, ids(id, 0), tieBreaker(0))
			d.expectSessionDown(s, CauseYielded)
			d.expectForgotten(s)
			d.expect(l2tp.ACK)
			theirs := event[CallIncoming](d).Session
			// The winner's CDN for our ICRQ is for an unknown session.
			d.send(l2tp.CDN, ids(0x888, s.ID), result(l2tp.CDNLostTie))
			d.expect(l2tp.ACK)
			d.accept(theirs)
			d.expect(l2tp.ICRP)
			d.send(l2tp.ICCN, ids(id, theirs.ID))
			d.expect(l2tp.ACK)
			event[SessionUp](d)
		}},
		{"wait-reply | receive ICRQ, win tie breaker | send CDN for losing session | wait-reply", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRQ, ids(id, 0), tieBreaker(1<<64-1))
			d.expectCDN(l2tp.CDNLostTie, id)
			d.expectSessionState(s, WaitReply)
		}},
		{"wait-reply | receive ICRQ, no tie breaker | ours wins (5.4.4) | wait-reply", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRQ, ids(id, 0))
			d.expectCDN(l2tp.CDNLostTie, id)
			d.expectSessionState(s, WaitReply)
		}},
		{"wait-reply | receive ICRQ, equal tie breakers | both discard (5.4.4) | idle", func(d *dialogue) {
			s := d.open("red")
			m := d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRQ, ids(id, 0), tieBreaker(m.TieBreaker))
			d.expectCDN(l2tp.CDNLostTie, id)
			d.expectSessionDown(s, CauseTie)
			d.expectForgotten(s)
		}},
		{"wait-reply, answered | receive ICRQ for the same Remote End ID | no tie: the owner decides | wait-reply", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expect(l2tp.ACK)
			event[CallAnswered](d)
			other := d.scriptRequests("red", id+1)
			d.close(other)
			d.expectCDN(l2tp.CDNAdministrative, id+1)
			d.expectSessionState(s, WaitReply)
		}},
		{"wait-reply, answered | receive ICRP | send CDN, clean up | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expect(l2tp.ACK)
			event[CallAnswered](d)
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-reply | receive ICRQ for another Remote End ID | no tie | wait-reply", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRQ, ids(id, 0), endID("blue"), tieBreaker(0))
			d.expect(l2tp.ACK)
			event[CallIncoming](d)
			d.expectSessionState(s, WaitReply)
		}},
		{"wait-reply | receive CDN | clean up | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.CDN, ids(0, s.ID), result(l2tp.CDNPermanentFacilities))
			d.expect(l2tp.ACK)
			if e := event[SessionDown](d); e.Session != s || e.Why.Cause != CauseRefused ||
				e.Why.Result.Code != uint16(l2tp.CDNPermanentFacilities) {
				t.Errorf("SessionDown %+v", e.Why)
			}
			d.expectForgotten(s)
		}},
		{"wait-reply | receive ICCN | clean up | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICCN, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, 0)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-reply | local close request | send CDN, clean up | idle", func(d *dialogue) {
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.close(s)
			d.send(l2tp.ACK)
			if m := d.expectCDN(l2tp.CDNAdministrative, 0); m.LocalSessionID != s.ID {
				t.Error("the CDN before the ICRP lacks our Local Session ID (section 5.4.4)")
			}
			d.expectForgotten(s)
			// An ICRP that crosses the CDN is for an unknown session.
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expectCDN(l2tp.CDNGeneralError, id)
		}},
		{"established | receive CDN | clean up | idle", func(d *dialogue) {
			s := d.ownerOpens("red", id)
			d.send(l2tp.CDN, ids(id, s.ID))
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseRefused)
			d.expectForgotten(s)
		}},
		{"established | receive ICRQ | send CDN, clean up | idle", func(d *dialogue) {
			s := d.ownerOpens("red", id)
			d.send(l2tp.ICRQ, ids(id, 0))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"established | receive ICRP | send CDN, clean up | idle", func(d *dialogue) {
			s := d.ownerOpens("red", id)
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"established | receive ICCN | send CDN, clean up | idle", func(d *dialogue) {
			s := d.ownerOpens("red", id)
			d.send(l2tp.ICCN, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"established | local close request | send CDN, clean up | idle", func(d *dialogue) {
			s := d.ownerOpens("red", id)
			d.close(s)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
			d.close(s) // the second one has no effect
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

// sublayer demands an undefined L2-specific sublayer.
func sublayer(m *draft) {
	m.Sublayer = 2
	m.Has.Add(l2tp.AVPSublayer)
}

// sequencing demands sequence numbers without a sublayer.
func sequencing(m *draft) {
	m.DataSequencing = l2tp.SequenceAll
	m.Has.Add(l2tp.AVPDataSequencing)
}

func ethernet(m *draft) { m.PseudowireType = l2tp.PseudowireEthernet }

// TestICRQRecipientStates checks each row of the table of RFC 3931, section 7.3.2. A session is in
// wait-connect until the owner accepts or closes it.
func TestICRQRecipientStates(t *testing.T) {
	const id = 5
	tests := []struct {
		row  string
		talk func(d *dialogue)
	}{
		{"idle | receive ICRQ, acceptable | send ICRP | wait-connect", func(d *dialogue) {
			d.send(l2tp.ICRQ, ids(id, 0), func(m *draft) {
				m.AssignedCookie = []byte("ABCDEFGH")
				m.Has.Add(l2tp.AVPAssignedCookie)
			})
			d.expect(l2tp.ACK)
			s := event[CallIncoming](d).Session
			if s.Initiator || s.PeerID != id || string(s.PeerCookie) != "ABCDEFGH" || string(s.RemoteEndID) != "red" {
				t.Errorf("session %+v", s)
			}
			d.accept(s)
			d.accept(s) // the second one has no effect
			m := d.expect(l2tp.ICRP)
			if m.LocalSessionID != s.ID || m.RemoteSessionID != id || !bytes.Equal(m.AssignedCookie, s.LocalCookie) ||
				!m.CircuitStatus.Active() {
				t.Errorf("ICRP %+v", m)
			}
			d.expectSessionState(s, WaitConnect)
		}},
		{"idle | receive ICRQ, not acceptable: pseudowire type | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.ICRQ, ids(id, 0), ethernet)
			d.expectCDN(l2tp.CDNUnsupportedPseudowire, id)
		}},
		{"idle | receive ICRQ, not acceptable: sublayer | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.ICRQ, ids(id, 0), sublayer)
			d.expectCDN(l2tp.CDNSequencingSublayer, id)
		}},
		{"idle | receive ICRQ, not acceptable: sequencing | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.ICRQ, ids(id, 0), sequencing)
			d.expectCDN(l2tp.CDNSequencingSublayer, id)
		}},
		{"idle | receive ICRQ, not acceptable: unknown AVP | send CDN | idle", func(d *dialogue) {
			d.send(l2tp.ICRQ, ids(id, 0), mandatoryUnknown)
			if m := d.expectCDN(l2tp.CDNGeneralError, id); m.Result.Error != l2tp.ErrorUnknownAVP {
				t.Errorf("error code %s", m.Result.Error)
			}
		}},
		{"idle | receive ICRQ, not acceptable to the owner | send CDN | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.close(s)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
			d.accept(s) // too late
		}},
		{"wait-connect | receive ICCN, acceptable | prepare for data | established", func(d *dialogue) {
			s := d.scriptOpens("red", id)
			d.expectSessionState(s, SessionEstablished)
		}},
		{"wait-connect | receive ICCN, not acceptable: sublayer | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.accept(s)
			d.expect(l2tp.ICRP)
			d.send(l2tp.ICCN, ids(id, s.ID), sublayer)
			d.expectCDN(l2tp.CDNSequencingSublayer, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive ICCN, not acceptable: before our ICRP | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.send(l2tp.ICCN, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive ICCN, not acceptable: unknown AVP | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.accept(s)
			d.expect(l2tp.ICRP)
			d.send(l2tp.ICCN, ids(id, s.ID), mandatoryUnknown)
			if m := d.expectCDN(l2tp.CDNGeneralError, id); m.Result.Error != l2tp.ErrorUnknownAVP {
				t.Errorf("error code %s", m.Result.Error)
			}
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive ICRQ | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.send(l2tp.ICRQ, ids(id, 0))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive ICRP | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.send(l2tp.ICRP, ids(id, s.ID))
			d.expectCDN(l2tp.CDNFSMError, id)
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive CDN | clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.send(l2tp.CDN, ids(id, s.ID))
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseRefused)
			d.expectForgotten(s)
		}},
		{"wait-connect | receive CDN with Remote Session ID 0 | reverse lookup (5.4.4), clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			other := d.scriptRequests("blue", id+1)
			d.send(l2tp.CDN, ids(id, 0))
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseRefused)
			d.expectForgotten(s)
			d.expectSessionState(other, WaitConnect)
		}},
		{"wait-connect | local close request | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptRequests("red", id)
			d.accept(s)
			d.expect(l2tp.ICRP)
			d.close(s)
			d.send(l2tp.ACK)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
		}},
		{"established | receive CDN | clean up | idle", func(d *dialogue) {
			s := d.scriptOpens("red", id)
			d.send(l2tp.CDN, ids(id, s.ID))
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseRefused)
			d.expectForgotten(s)
		}},
		{"established | local close request | send CDN, clean up | idle", func(d *dialogue) {
			s := d.scriptOpens("red", id)
			d.close(s)
			d.expectCDN(l2tp.CDNAdministrative, id)
			d.expectForgotten(s)
		}},
		{"established | receive ICRQ, ICRP, ICCN | send CDN, clean up | idle", func(d *dialogue) {
			for i, m := range []l2tp.MessageType{l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN, l2tp.OCRQ, l2tp.OCRP, l2tp.OCCN} {
				theirs := uint32(id + i)
				s := d.scriptOpens(fmt.Sprint("vpn", i), theirs)
				remote := s.ID
				if m == l2tp.ICRQ || m == l2tp.OCRQ {
					remote = 0
				}
				d.send(m, ids(theirs, remote))
				d.expectCDN(l2tp.CDNFSMError, theirs)
				d.expectSessionDown(s, CauseProtocol)
				d.expectForgotten(s)
			}
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
