package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Section 5.2: an unknown mandatory AVP in a message of a session ends this session, not the
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

// Section 5.4.4: Serial Numbers are for people to tell sessions apart; they increase.
func TestSerialNumbersIncrease(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	var last uint32
	for n := range 5 {
		d.open("red")
		m := d.expect(l2tp.ICRQ)
		if n > 0 && m.SerialNumber != last+1 {
			t.Errorf("serial number %d after %d", m.SerialNumber, last)
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

// Session IDs of the peer are its own to choose, but one for each session.
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

// Without a timer a peer could leave sessions half open forever.
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

// Section 6.4: with the connection its sessions end, without a message for each. What has ended is
// not told again.
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
		t.Error("not all sessions have ended")
	}
	d.expectConnectionDown(CauseRefused)
	d.accept(offered)
	d.close(up)
}
