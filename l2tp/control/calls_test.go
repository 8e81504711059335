package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931, section 5.2: an unknown mandatory AVP in a session message ends that session, not the
// connection.
func TestUnknownAVPInSessionMessage(t *testing.T) {
	for _, m := range []l2tp.MessageType{l2tp.SLI, l2tp.WEN, l2tp.ICRP, l2tp.ICCN} {
		t.Run(m.String(), func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			s, other := d.scriptOpens("red", 5), d.ownerOpens("blue", 6)
			d.send(m, ids(5, s.ID), mandatoryUnknown)
			if m := d.expectCDN(l2tp.CDNGeneralError, 5); m.Result.Error != l2tp.ErrorUnknownAVP {
				t.Errorf("error code %s", m.Result.Error)
			}
			d.expectSessionDown(s, CauseProtocol)
			d.expectForgotten(s)
			d.expectSessionState(other, SessionEstablished)
		})
	}
}

// RFC 3931, section 5.4.4: Serial Numbers increase, so that people can distinguish sessions.
func TestSerialNumbersIncrease(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	var last uint32
	for n := range 5 {
		d.open("red")
		m := d.expect(l2tp.ICRQ)
		if n > 0 && m.SerialNumber != last+1 {
			t.Errorf("serial number %d after %d, want the next number", m.SerialNumber, last)
		}
		last = m.SerialNumber
		d.send(l2tp.ACK)
	}
}

func TestSLIAndWENKeepSession(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	s := d.scriptOpens("red", 5)
	for _, m := range []l2tp.MessageType{l2tp.SLI, l2tp.WEN} {
		d.send(m, ids(5, s.ID))
		d.expect(l2tp.ACK)
	}
	d.expectSessionState(s, SessionEstablished)
}

// The peer may choose any session IDs, but must not use one for two sessions.
func TestICRPWithAnotherSessionsID(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	red := d.ownerOpens("red", 5)
	blue := d.open("blue")
	d.expect(l2tp.ICRQ)
	d.send(l2tp.ICRP, ids(5, blue.ID))
	if m := d.expectCDN(l2tp.CDNGeneralError, 0); m.LocalSessionID != blue.ID || m.Result.Error != l2tp.ErrorSessionID {
		t.Errorf("CDN %+v", m)
	}
	d.expectSessionDown(blue, CauseProtocol)
	d.expectSessionState(red, SessionEstablished)
	d.send(l2tp.CDN, ids(5, 0))
	d.expect(l2tp.ACK)
	d.expectSessionDown(red, CauseRefused)
	d.expectForgotten(red)
}

// Without a timer a peer could leave sessions half open indefinitely.
func TestSessionTimesOut(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Hello = 0 })
	d.scriptConnects()
	first := d.open("red")
	d.expect(l2tp.ICRQ)
	d.send(l2tp.ACK)
	d.wait(time.Second)
	second := d.scriptRequests("blue", 6)
	d.accept(second)
	d.expect(l2tp.ICRP)
	d.send(l2tp.ACK)
	third := d.scriptRequests("green", 7) // the owner does not answer
	d.wait(testLimit - time.Second)
	d.expectCDN(l2tp.CDNFSMError, 0)
	d.expectSessionDown(first, CauseTimeout)
	d.expectForgotten(first)
	d.send(l2tp.ACK)
	d.wait(time.Second)
	d.expectCDN(l2tp.CDNFSMError, 6)
	d.expectSessionDown(second, CauseTimeout)
	d.expectForgotten(second)
	d.send(l2tp.ACK)
	d.expectCDN(l2tp.CDNFSMError, 7)
	d.expectSessionDown(third, CauseLocal)
}

// RFC 3931, section 6.4: all sessions end with their connection, without a CDN for each. Sessions
// that have ended before get no second SessionDown.
func TestSessionsEndWithConnection(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	up := d.scriptOpens("red", 5)
	waiting := d.open("blue")
	d.expect(l2tp.ICRQ)
	offered := d.scriptRequests("green", 6)
	closed := d.scriptOpens("grey", 7)
	d.close(closed)
	d.expectCDN(l2tp.CDNAdministrative, 7)
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	ended := map[*Session]bool{}
	for range 3 {
		e := event[SessionDown](d)
		ended[e.Session] = e.Why.Cause == CauseParent && e.Session.State == SessionIdle
	}
	if !ended[up] || !ended[waiting] || !ended[offered] {
		t.Error("not all sessions ended with CauseParent")
	}
	d.expectConnectionDown(CauseRefused)
	d.accept(offered)
	d.close(up)
}
