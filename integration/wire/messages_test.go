// Package wire tests the codec of package l2tp against Wireshark's dissector: tshark and
// `l2tpvl-ctl decode` must both read what the codec writes. The tests send every message with every
// AVP that it may have, in the clear and hidden, with one digest and with two, over UDP and over
// IP.
package wire

import (
	"errors"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// types are all messages of RFC 3931, section 3.1, in an order that is possible on one control
// connection.
var types = []l2tp.MessageType{
	l2tp.SCCRQ, l2tp.SCCRP, l2tp.SCCCN, l2tp.HELLO,
	l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN,
	l2tp.OCRQ, l2tp.OCRP, l2tp.OCCN,
	l2tp.SLI, l2tp.WEN, l2tp.ACK, l2tp.ZLB, l2tp.CDN, l2tp.StopCCN,
}

// fromB are the messages that the responder of the control connection sends. The initiator sends
// the others.
var fromB = map[l2tp.MessageType]bool{l2tp.SCCRP: true, l2tp.ICRP: true, l2tp.OCRP: true, l2tp.ACK: true, l2tp.StopCCN: true}

// filled has a different value for every AVP.
var filled = l2tp.Message{
	RandomVector: []byte("sixteen octets.."),
	Result: l2tp.Result{
		Code: uint16(l2tp.CDNGeneralError), HasError: true, Error: l2tp.ErrorValue, Message: []byte("no such VPN"),
	},
	TieBreaker:        0x0102030405060708,
	HostName:          []byte("pe1.example.net"),
	RouterID:          0xc0000201,
	VendorName:        []byte("a vendor's name of more than one block of sixteen octets"),
	ReceiveWindow:     16,
	Pseudowires:       l2tp.Pseudowires(l2tp.PseudowirePPP, l2tp.PseudowireEthernet),
	PreferredLanguage: []byte("en"),
	LocalSessionID:    0x11223344,
	RemoteSessionID:   0x55667788,
	AssignedCookie:    []byte{0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8},
	SerialNumber:      42,
	RemoteEndID:       []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01},
	PseudowireType:    l2tp.PseudowirePPP,
	Sublayer:          l2tp.SublayerDefault,
	DataSequencing:    l2tp.SequenceAll,
	TxSpeed:           10_000_000_000,
	RxSpeed:           1_000_000_000,
	PhysicalChannelID: 9,
	CircuitStatus:     l2tp.CircuitActive | l2tp.CircuitNew,
	CircuitErrors: l2tp.CircuitErrors{
		CRC: 1, Framing: 2, HardwareOverruns: 3, BufferOverruns: 4, Timeouts: 5, Alignment: 6,
	},
}

// allOf returns a message of this type with every AVP that it may have. It asks the codec which
// ones these are: Append returns Misplaced for the others.
func allOf(t *testing.T, kind l2tp.MessageType, nonce []byte, id uint32) l2tp.Message {
	t.Helper()
	m := filled
	m.Type, m.Nonce, m.AssignedConnectionID = kind, nonce, id
	if kind == l2tp.ZLB {
		return l2tp.Message{}
	}
	bare, err := l2tp.Append(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	var allowed l2tp.AVPSet
	for avp := range l2tp.AVPType(100) {
		m.Has = l2tp.AVPs(avp)
		with, err := l2tp.Append(nil, &m)
		problem, refused := errors.AsType[*l2tp.AVPError](err)
		switch {
		case refused && problem.Problem == l2tp.Misplaced:
		case err != nil:
			t.Fatal(err)
		case len(with) > len(bare):
			allowed.Add(avp)
		}
	}
	m.Has = allowed
	return m
}
