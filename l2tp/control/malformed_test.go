package control

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A message without any one of the AVPs that section 6 requires is answered with result code 2.
func TestRequiredAVPs(t *testing.T) {
	for _, avp := range []l2tp.AVPType{
		l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPAssignedConnectionID, l2tp.AVPPseudowireCapabilities, l2tp.AVPNonce,
	} {
		t.Run("SCCRQ "+avp.String(), func(t *testing.T) {
			d := newDialogue(t)
			d.send(l2tp.SCCRQ, without(avp))
			m := d.take(l2tp.StopCCN)
			if m.Result.Code != uint16(l2tp.StopGeneralError) || len(m.Result.Message) == 0 {
				t.Errorf("result %s", m.Result.Text(l2tp.StopCCN))
			}
		})
	}
	for _, avp := range []l2tp.AVPType{l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPPseudowireCapabilities} {
		t.Run("SCCRP "+avp.String(), func(t *testing.T) {
			d := newDialogue(t, active)
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP, without(avp))
			d.expectStop(l2tp.StopGeneralError)
			d.expectConnectionDown(CauseProtocol)
		})
	}
	session := func(m l2tp.MessageType, avp l2tp.AVPType, s *Session, d *dialogue) {
		d.send(m, ids(5, s.ID), without(avp))
		d.expectCDN(l2tp.CDNGeneralError, s.PeerID)
		d.expectSessionDown(s, CauseProtocol)
		d.expectState(d.peer.Established(), Established)
	}
	for _, avp := range []l2tp.AVPType{
		l2tp.AVPSerialNumber, l2tp.AVPPseudowireType, l2tp.AVPRemoteEndID, l2tp.AVPCircuitStatus, l2tp.AVPRemoteSessionID,
	} {
		t.Run("ICRQ "+avp.String(), func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			d.send(l2tp.ICRQ, ids(5, 0), without(avp))
			d.expectCDN(l2tp.CDNGeneralError, 5)
		})
	}
	for _, avp := range []l2tp.AVPType{l2tp.AVPLocalSessionID, l2tp.AVPCircuitStatus} {
		t.Run("ICRP "+avp.String(), func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			session(l2tp.ICRP, avp, s, d)
		})
	}
	for _, m := range []l2tp.MessageType{l2tp.ICCN, l2tp.SLI} {
		t.Run(m.String(), func(t *testing.T) {
			d := newDialogue(t)
			d.scriptConnects()
			s := d.scriptRequests("red", 5)
			d.accept(s)
			d.expect(l2tp.ICRP)
			session(m, l2tp.AVPLocalSessionID, s, d)
		})
	}
	t.Run("WEN", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		session(l2tp.WEN, l2tp.AVPCircuitErrors, d.scriptOpens("red", 5), d)
	})
	// StopCCN and CDN work without a Result Code, because their sender has cleaned up.
	t.Run("StopCCN without Result Code", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		d.send(l2tp.StopCCN, without(l2tp.AVPResultCode))
		d.expect(l2tp.ACK)
		d.expectConnectionDown(CauseRefused)
	})
	t.Run("CDN without Result Code", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptOpens("red", 5)
		d.send(l2tp.CDN, ids(5, s.ID), without(l2tp.AVPResultCode))
		d.expect(l2tp.ACK)
		d.expectSessionDown(s, CauseRefused)
	})
}

// RFC 3931, sections 5.2 and 7.1: a malformed message ends the connection, unless the fault may be
// ignored.
func TestMalformed(t *testing.T) {
	overrun := tail(0x80, 20, 0, 0, 0, 7) // claims 14 octets beyond the message
	messageType := func(bits byte, value uint16) option {
		return tampered(func(b []byte) []byte {
			b[l2tp.HeaderLen] = bits
			b[l2tp.HeaderLen+6], b[l2tp.HeaderLen+7] = byte(value>>8), byte(value)
			return b
		})
	}
	tests := []struct {
		name    string
		option  option
		stopped bool
		err     l2tp.ErrorCode
	}{
		{"unknown AVP, M set", mandatoryUnknown, true, l2tp.ErrorUnknownAVP},
		{"unknown AVP, M clear", tail(0, 6, 0, 0, 0xff, 0xff), false, 0},
		{"AVP overruns the message", overrun, true, l2tp.ErrorLength},
		{"AVP shorter than its header", tail(0, 5, 0, 0, 0xff, 0xff), true, l2tp.ErrorLength},
		{"unknown message type, M set", messageType(0x80, 99), true, l2tp.ErrorValue},
		{"unknown message type, M clear", messageType(0, 99), false, 0},
		{"message type 0, M set", messageType(0x80, 0), true, l2tp.ErrorValue},
		{"another AVP before the message type", tampered(func(b []byte) []byte {
			b[l2tp.HeaderLen+5] = byte(l2tp.AVPHostName)
			return b
		}), true, l2tp.ErrorValue},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDialogue(t, noSecret)
			c := d.scriptConnects()
			d.send(l2tp.HELLO, test.option)
			if !test.stopped {
				d.expect(l2tp.ACK)
				d.expectState(c, Established)
				return
			}
			if m := d.expectStop(l2tp.StopGeneralError); m.Result.Error != test.err || len(m.Result.Message) == 0 {
				t.Errorf("result %s", m.Result.Text(l2tp.StopCCN))
			}
			d.expectConnectionDown(CauseProtocol)
		})
	}
}

// RFC 3931, section 7.1: a control message with a malformed header must be discarded. So are those
// of L2TPv2.
func TestMalformedHeader(t *testing.T) {
	d := newDialogue(t, noSecret)
	d.scriptConnects()
	hello := d.encode(l2tp.HELLO)
	for n := range hello {
		d.deliver(hello[:n])
	}
	for _, octet := range []byte{0x48, 0x80, 0x88, 0xc0} { // T, S or L clear
		b := append([]byte{octet}, hello[1:]...)
		d.deliver(b)
	}
	v2 := append([]byte(nil), hello...)
	v2[1] = 2
	d.deliver(v2)
	want := Drops{DropMalformed: uint64(len(hello)) + 4, DropVersion: 1}
	if got := d.peer.Status().Drops; got != want {
		t.Errorf("drops %v, want %v", got, want)
	}
	d.deliver(hello)
	d.expect(l2tp.ACK)
}

// A session message before the connection is established is a message in the wrong state.
func TestSessionMessageBeforeEstablished(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.ICRQ, ids(5, 0))
	d.expectStop(l2tp.StopFSMError)
	d.expectConnectionDown(CauseProtocol)
}

// A peer without PPP pseudowires is refused: a PPP session must not be requested from it (section
// 5.4.4), and no other pseudowire type is supported.
func TestPeerWithoutPPP(t *testing.T) {
	ethernet := func(m *draft) { m.Pseudowires = l2tp.Pseudowires(l2tp.PseudowireEthernet) }
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, ethernet)
	d.expectStop(l2tp.StopGeneralError)

	d = newDialogue(t, active)
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.SCCRP, ethernet)
	d.expectStop(l2tp.StopGeneralError)
	d.expectConnectionDown(CauseProtocol)
}

// A text that is too long for a Result Code AVP is cut between characters.
func TestLongResult(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	long := make([]byte, 0, 4000)
	for range 1000 {
		long = append(long, "¶"...)
	}
	d.step(func(out *Output) {
		d.peer.Stop(d.now, l2tp.Result{Code: uint16(l2tp.StopGeneral), HasError: true, Message: long}, out)
	})
	if m := d.expectStop(l2tp.StopGeneral); len(m.Result.Message) != 254 {
		t.Errorf("%d octets of text, want 254", len(m.Result.Message))
	}
	d.expectConnectionDown(CauseClosed)
}
