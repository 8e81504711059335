package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// These tests verify the table "What bad input gets" of docs/rfc3931.md.

// scenario sends a message in a state where it is expected, and describes what follows if the
// message is accepted, and if it is rejected.
type scenario struct {
	message  l2tp.MessageType
	role     Role
	send     func(d *dialogue, bad option)   // sends the message, modified by bad
	accepted func(d *dialogue)               // the message is accepted, bad is ignored
	rejected func(d *dialogue) *l2tp.Message // the answer to the rejected message
}

// scenarios has one scenario for each message type. StopCCN, CDN and ACK are accepted whatever is
// wrong with them; their rejected is nil.
var scenarios = []scenario{
	{
		l2tp.SCCRQ, Passive,
		func(d *dialogue, bad option) { d.send(l2tp.SCCRQ, bad) },
		func(d *dialogue) { d.expect(l2tp.SCCRP) },
		func(d *dialogue) *l2tp.Message { return d.expect(l2tp.StopCCN) },
	},
	{
		l2tp.SCCRP, Active,
		func(d *dialogue, bad option) {
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP, bad)
		},
		func(d *dialogue) {
			d.expect(l2tp.SCCCN)
			event[ConnectionUp](d)
		},
		connectionEnded,
	},
	{
		l2tp.SCCCN, Passive,
		func(d *dialogue, bad option) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCCN, bad)
		},
		func(d *dialogue) {
			d.expect(l2tp.ACK)
			event[ConnectionUp](d)
		},
		connectionEnded,
	},
	{
		l2tp.HELLO, Passive,
		func(d *dialogue, bad option) {
			d.scriptConnects()
			d.send(l2tp.HELLO, bad)
		},
		acknowledged, connectionEnded,
	},
	{
		l2tp.StopCCN, Passive,
		func(d *dialogue, bad option) {
			d.scriptConnects()
			d.send(l2tp.StopCCN, bad)
		},
		func(d *dialogue) {
			d.expect(l2tp.ACK)
			d.expectConnectionDown(CauseRefused)
		},
		nil,
	},
	{
		l2tp.ACK, Passive,
		func(d *dialogue, bad option) {
			d.scriptConnects()
			d.send(l2tp.ACK, bad)
		},
		func(*dialogue) {},
		nil,
	},
	{l2tp.ICRQ, Passive, request(l2tp.ICRQ), callOffered, refusedCall},
	{l2tp.OCRQ, Passive, request(l2tp.OCRQ), callOffered, refusedCall},
	{
		l2tp.ICRP, Passive,
		func(d *dialogue, bad option) {
			d.scriptConnects()
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			d.send(l2tp.ICRP, ids(5, s.ID), bad)
		},
		func(d *dialogue) {
			d.expect(l2tp.ACK)
			event[CallAnswered](d)
		},
		sessionEnded,
	},
	{
		l2tp.ICCN, Passive,
		func(d *dialogue, bad option) {
			d.scriptConnects()
			s := d.scriptRequests("red", 5)
			d.accept(s)
			d.expect(l2tp.ICRP)
			d.send(l2tp.ICCN, ids(5, s.ID), bad)
		},
		func(d *dialogue) {
			d.expect(l2tp.ACK)
			event[SessionUp](d)
		},
		sessionEnded,
	},
	{l2tp.SLI, Passive, onSession(l2tp.SLI), acknowledged, sessionEnded},
	{l2tp.WEN, Passive, onSession(l2tp.WEN), acknowledged, sessionEnded},
	{
		l2tp.CDN, Passive, onSession(l2tp.CDN),
		func(d *dialogue) {
			d.expect(l2tp.ACK)
			if e := event[SessionDown](d); e.Why.Cause != CauseRefused {
				d.t.Errorf("SessionDown %+v", e.Why)
			}
		},
		nil,
	},
}

func request(t l2tp.MessageType) func(*dialogue, option) {
	return func(d *dialogue, bad option) {
		d.scriptConnects()
		d.send(t, ids(5, 0), bad)
	}
}

func onSession(t l2tp.MessageType) func(*dialogue, option) {
	return func(d *dialogue, bad option) {
		d.scriptConnects()
		s := d.scriptOpens("red", 5)
		d.send(t, ids(5, s.ID), bad)
	}
}

func acknowledged(d *dialogue) { d.expect(l2tp.ACK) }

func callOffered(d *dialogue) {
	d.expect(l2tp.ACK)
	event[CallIncoming](d)
}

func connectionEnded(d *dialogue) *l2tp.Message {
	m := d.expect(l2tp.StopCCN)
	d.expectConnectionDown(CauseProtocol)
	return m
}

func refusedCall(d *dialogue) *l2tp.Message {
	m := d.expect(l2tp.CDN)
	d.expectState(d.peer.Established(), Established)
	return m
}

func sessionEnded(d *dialogue) *l2tp.Message {
	m := d.expect(l2tp.CDN)
	if e := event[SessionDown](d); e.Why.Cause != CauseProtocol {
		d.t.Errorf("SessionDown %+v", e.Why)
	}
	d.expectState(d.peer.Established(), Established)
	return m
}

// check runs a scenario with a bad message. Unless the message is accepted, the answer must have
// result code 2, the given error code, and a text that contains names.
func (p *scenario) check(t *testing.T, bad option, ignored bool, code l2tp.ErrorCode, names string) {
	d := newDialogue(t, func(c *Config) { c.Role = p.role })
	p.send(d, bad)
	if ignored || p.rejected == nil {
		p.accepted(d)
		return
	}
	m := p.rejected(d)
	if text := string(m.Result.Message); m.Result.Code != 2 || m.Result.Error != code || !strings.Contains(text, names) {
		t.Errorf("result %d, error %s, %q; want 2, %s, %q", m.Result.Code, m.Result.Error, text, code, names)
	}
}

// avp returns an encoded AVP with the given bits in its first octet.
func avp(bits byte, vendor uint16, kind l2tp.AVPType, value ...byte) []byte {
	b := []byte{bits, byte(6 + len(value)), byte(vendor >> 8), byte(vendor), byte(kind >> 8), byte(kind)}
	return append(b, value...)
}

// TestFaultyAVPs adds each kind of unknown, malformed, repeated or misplaced AVP to each message
// (RFC 3931, sections 5.1, 5.2, 5.3 and 7.1).
func TestFaultyAVPs(t *testing.T) {
	const (
		M = 0x80
		H = 0x40
	)
	misplaced := func(t l2tp.MessageType) []byte {
		if t == l2tp.SCCRQ || t == l2tp.SCCRP {
			return avp(M, 0, l2tp.AVPSerialNumber, 0, 0, 0, 1)
		}
		return avp(M, 0, l2tp.AVPHostName, 'x')
	}
	always := func(b []byte) func(l2tp.MessageType) []byte { return func(l2tp.MessageType) []byte { return b } }
	vector := make([]byte, 16)
	tests := []struct {
		name    string
		avp     func(l2tp.MessageType) []byte
		ignored bool
		code    l2tp.ErrorCode
		names   string
	}{
		{"unknown, M set", always(avp(M, 0, 200)), false, l2tp.ErrorUnknownAVP, "AVP 200"},
		{"unknown, M clear", always(avp(0, 0, 200)), true, 0, ""},
		{"unknown, hidden, M set", always(avp(M|H, 0, 200)), false, l2tp.ErrorUnknownAVP, "AVP 200"},
		{"unknown, reserved bits set", always(avp(0x3c, 0, 200)), true, 0, ""},
		{"vendor-specific, M set", always(avp(M, 9, 7, 1)), false, l2tp.ErrorUnknownAVP, "vendor 9 AVP 7"},
		{"vendor-specific, M clear", always(avp(0, 9, 7, 1)), true, 0, ""},
		{"Extended Vendor ID", always(avp(0, 0, l2tp.AVPExtendedVendorID, 0, 1, 0, 0, 0, 1)), true, 0, ""},
		{"Extended Vendor ID, M set", always(avp(M, 0, l2tp.AVPExtendedVendorID, 0, 1, 0, 0, 0, 1)), true, 0, ""},
		{"shorter than its header", always([]byte{M, 5, 0, 0, 0, 200}), false, l2tp.ErrorLength, "length"},
		{"shorter than its header, M clear", always([]byte{0, 5, 0, 0, 0, 200}), false, l2tp.ErrorLength, "length"},
		{"beyond the message", always([]byte{M, 20, 0, 0, 0, 200}), false, l2tp.ErrorLength, "length"},
		{"truncated header", always([]byte{0, 6, 0}), false, l2tp.ErrorLength, "length"},
		{"must not be hidden, M set", always(avp(M|H, 0, l2tp.AVPRandomVector, vector...)), false, l2tp.ErrorValue, "Random Vector"},
		{"must not be hidden, M clear", always(avp(H, 0, l2tp.AVPRandomVector, vector...)), true, 0, ""},
		{"repeated", always(avp(M, 0, l2tp.AVPMessageType, 0, 6)), true, 0, ""},
		{"in a message that must not have it", misplaced, true, 0, ""},
		{"digest not directly after the Message Type", always(avp(M, 0, l2tp.AVPMessageDigest, make([]byte, 17)...)), true, 0, ""},
	}
	for _, test := range tests {
		for _, p := range scenarios {
			t.Run(fmt.Sprintf("%s, in %s", test.name, p.message), func(t *testing.T) {
				p.check(t, tail(test.avp(p.message)...), test.ignored, test.code, test.names)
			})
		}
	}
}

// TestImpossibleValues replaces an AVP by one with an invalid value.
func TestImpossibleValues(t *testing.T) {
	const (
		M = 0x80
		H = 0x40
	)
	tests := []struct {
		message l2tp.MessageType
		what    string
		avp     []byte
		ignored bool
		code    l2tp.ErrorCode
	}{
		{l2tp.SCCRQ, "empty", avp(M, 0, l2tp.AVPHostName), false, l2tp.ErrorLength},
		{l2tp.SCCRQ, "empty, M clear: as if it were missing", avp(0, 0, l2tp.AVPHostName), false, l2tp.ErrorValue},
		{l2tp.SCCRQ, "3 octets", avp(M, 0, l2tp.AVPRouterID, 1, 2, 3), false, l2tp.ErrorLength},
		{l2tp.SCCRQ, "zero", avp(M, 0, l2tp.AVPAssignedConnectionID, 0, 0, 0, 0), false, l2tp.ErrorValue},
		{l2tp.SCCRQ, "odd", avp(M, 0, l2tp.AVPPseudowireCapabilities, 0, 7, 0), false, l2tp.ErrorLength},
		{l2tp.SCCRQ, "1 octet", avp(M, 0, l2tp.AVPReceiveWindowSize, 8), false, l2tp.ErrorLength},
		{l2tp.SCCRQ, "4 octets", avp(M, 0, l2tp.AVPTieBreaker, 1, 2, 3, 4), false, l2tp.ErrorLength},
		{l2tp.SCCRQ, "4 octets, M clear", avp(0, 0, l2tp.AVPTieBreaker, 1, 2, 3, 4), true, 0},
		{l2tp.SCCRP, "3 octets", avp(M, 0, l2tp.AVPRouterID, 1, 2, 3), false, l2tp.ErrorLength},
		{l2tp.SCCRP, "odd", avp(M, 0, l2tp.AVPPseudowireCapabilities, 0, 7, 0), false, l2tp.ErrorLength},
		{l2tp.StopCCN, "1 octet", avp(M, 0, l2tp.AVPResultCode, 1), true, 0},
		{l2tp.ICRQ, "zero", avp(M, 0, l2tp.AVPLocalSessionID, 0, 0, 0, 0), false, l2tp.ErrorValue},
		{l2tp.ICRQ, "5 octets", avp(M, 0, l2tp.AVPAssignedCookie, 1, 2, 3, 4, 5), false, l2tp.ErrorLength},
		{l2tp.ICRQ, "1 octet", avp(M, 0, l2tp.AVPPseudowireType, 7), false, l2tp.ErrorLength},
		{l2tp.ICRQ, "3 octets", avp(M, 0, l2tp.AVPCircuitStatus, 0, 0, 1), false, l2tp.ErrorLength},
		{l2tp.ICRQ, "4 octets, M clear: section 7.1's example", avp(0, 0, l2tp.AVPRxConnectSpeed, 0, 0, 0, 1), true, 0},
		{l2tp.ICRQ, "4 octets, M set", avp(M, 0, l2tp.AVPRxConnectSpeed, 0, 0, 0, 1), false, l2tp.ErrorLength},
		{l2tp.ICRQ, "hidden without Random Vector", avp(M|H, 0, l2tp.AVPTxConnectSpeed, make([]byte, 10)...), false, l2tp.ErrorUnknownAVP},
		{l2tp.ICRQ, "hidden without Random Vector, M clear", avp(H, 0, l2tp.AVPTxConnectSpeed, make([]byte, 10)...), true, 0},
		{l2tp.OCRQ, "zero", avp(M, 0, l2tp.AVPLocalSessionID, 0, 0, 0, 0), false, l2tp.ErrorValue},
		{l2tp.ICRP, "5 octets", avp(M, 0, l2tp.AVPAssignedCookie, 1, 2, 3, 4, 5), false, l2tp.ErrorLength},
		{l2tp.SLI, "1 octet", avp(M, 0, l2tp.AVPCircuitStatus, 1), false, l2tp.ErrorLength},
		{l2tp.SLI, "1 octet, M clear", avp(0, 0, l2tp.AVPCircuitStatus, 1), true, 0},
		{l2tp.WEN, "4 octets, M clear: as if it were missing", avp(0, 0, l2tp.AVPCircuitErrors, 1, 2, 3, 4), false, l2tp.ErrorValue},
		{l2tp.CDN, "1 octet", avp(M, 0, l2tp.AVPResultCode, 1), true, 0},
	}
	for _, test := range tests {
		kind := l2tp.AVPType(test.avp[4])<<8 | l2tp.AVPType(test.avp[5])
		t.Run(fmt.Sprintf("%s, %s %s", test.message, kind.Name(), test.what), func(t *testing.T) {
			for _, p := range scenarios {
				if p.message == test.message {
					p.check(t, func(m *draft) {
						m.Has.Remove(kind)
						m.tail = test.avp
					}, test.ignored, test.code, kind.Name())
				}
			}
		})
	}
}

// A refusal is sent to the ID that the peer has assigned, or to 0 if that ID cannot be read.
func TestRefusalOfUnreadableID(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, without(l2tp.AVPAssignedConnectionID))
	if m := d.expectStop(l2tp.StopGeneralError); m.ConnectionID != 0 || m.AssignedConnectionID == 0 {
		t.Errorf("StopCCN to %#x from %#x, want it to 0 and from another ID than 0", m.ConnectionID, m.AssignedConnectionID)
	}
	d = newDialogue(t)
	d.scriptConnects()
	d.send(l2tp.ICRQ, ids(5, 0), without(l2tp.AVPLocalSessionID))
	if m := d.expectCDN(l2tp.CDNGeneralError, 0); m.LocalSessionID == 0 {
		t.Error("CDN with Local Session ID 0")
	}
}

// RFC 3931, section 5.4.4: the Remote Session ID identifies the session. Other IDs in the message
// are ignored.
func TestMismatchedSessionIDs(t *testing.T) {
	t.Run("another Local Session ID", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptOpens("red", 5)
		d.send(l2tp.SLI, ids(6, s.ID), circuit(circuitDown))
		d.expect(l2tp.ACK)
		d.expectCircuitChanged(s, circuitDown)
		if s.PeerID != 5 {
			t.Error("the peer's session ID has changed")
		}
	})
	t.Run("ICRQ with an unknown Remote Session ID", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		d.send(l2tp.ICRQ, ids(5, 0x999))
		d.expect(l2tp.ACK)
		if s := event[CallIncoming](d).Session; s.ID == 0x999 || s.PeerID != 5 {
			t.Errorf("session IDs %#x and %#x, want another ID than 0x999, and 5", s.ID, s.PeerID)
		}
	})
	t.Run("ICRQ with the Remote Session ID of a session", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptOpens("red", 5)
		d.send(l2tp.ICRQ, ids(6, s.ID), endID("blue"))
		d.expectCDN(l2tp.CDNFSMError, 5)
		d.expectSessionDown(s, CauseProtocol)
	})
	t.Run("unknown IDs", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		for _, m := range []l2tp.MessageType{l2tp.ICCN, l2tp.OCCN, l2tp.CDN, l2tp.WEN, l2tp.SLI} {
			d.send(m, ids(6, 0))
			d.expect(l2tp.ACK)
			d.send(m, ids(6, 0x999))
			d.expect(l2tp.ACK)
		}
	})
}

// The states of section 7.2 do not mention HELLO: it is accepted in any of them.
func TestHelloBeforeEstablished(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.HELLO)
	d.expect(l2tp.ACK)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
}

// RFC 3931, section 3.2.1: octets after Length are not part of the message, and reserved bits are
// ignored.
func TestLenientHeader(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.deliver(append(d.encode(l2tp.HELLO), "trailing octets"...))
	d.expect(l2tp.ACK)

	d = newDialogue(t, noSecret)
	d.scriptConnects()
	d.send(l2tp.HELLO, tampered(func(b []byte) []byte {
		b[0] |= 0x37
		b[1] |= 0xf0
		return b
	}))
	d.expect(l2tp.ACK)
}

// RFC 3931, section 5.4.1: a vendor-specific message is unknown. Its M bit decides whether it is
// ignored.
func TestVendorMessage(t *testing.T) {
	vendor := func(bits byte) option {
		return tampered(func(b []byte) []byte {
			b[l2tp.HeaderLen], b[l2tp.HeaderLen+3] = bits, 9
			return b
		})
	}
	d := newDialogue(t, noSecret)
	d.scriptConnects()
	d.send(l2tp.HELLO, vendor(0))
	d.expect(l2tp.ACK)
	if d.peer.Status().Drops[DropUnexpected] != 1 {
		t.Error("the ignored message was not counted")
	}
	d.send(l2tp.HELLO, vendor(0x80))
	d.expectStop(l2tp.StopGeneralError)
	d.expectConnectionDown(CauseProtocol)
}
