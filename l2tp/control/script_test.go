package control

import (
	"encoding/binary"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// draft is a message of the script before it is encoded.
type draft struct {
	l2tp.Message
	hiding *l2tp.HidingKey       // hides the Remote End ID; nil: not hidden
	tail   []byte                // octets after the last AVP
	tamper func(b []byte) []byte // changes the signed datagram
}

type option func(*draft)

func without(avp l2tp.AVPType) option { return func(m *draft) { m.Has.Remove(avp) } }

func tail(avp ...byte) option { return func(m *draft) { m.tail = avp } }

func tampered(f func([]byte) []byte) option { return func(m *draft) { m.tamper = f } }

func numbered(ns uint16) option { return func(m *draft) { m.Ns = ns } }

func acking(nr uint16) option { return func(m *draft) { m.Nr = nr } }

func ids(local, remote uint32) option {
	return func(m *draft) { m.LocalSessionID, m.RemoteSessionID = local, remote }
}

// hidden makes the message hide its Remote End ID with secret.
func hidden(secret string) option {
	return func(m *draft) {
		m.hiding = l2tp.NewHidingKey([]byte(secret))
		m.RandomVector = []byte("0123456789abcdef")
		m.Has.Add(l2tp.AVPRandomVector)
	}
}

func endID(name string) option { return func(m *draft) { m.RemoteEndID = []byte(name) } }

func circuit(status l2tp.CircuitStatus) option {
	return func(m *draft) {
		m.CircuitStatus = status
		m.Has.Add(l2tp.AVPCircuitStatus)
	}
}

func tieBreaker(value uint64) option {
	return func(m *draft) {
		m.TieBreaker = value
		m.Has.Add(l2tp.AVPTieBreaker)
	}
}

func result[C l2tp.StopCCNCode | l2tp.CDNCode](code C) option {
	return func(m *draft) { m.Result.Code = uint16(code) }
}

// mandatoryUnknown appends an AVP with the M bit and a type that RFC 3931 does not define.
var mandatoryUnknown = tail(0x80, 6, 0, 0, 0xff, 0xff)

// draft returns a message of type t with the AVPs that RFC 3931, section 6, requires.
func (d *dialogue) draft(t l2tp.MessageType, options []option) *draft {
	c := d.call
	m := &draft{Message: l2tp.Message{Type: t}}
	m.Header = l2tp.Header{ConnectionID: c.peerID, Ns: c.ns, Nr: c.nr}
	if d.key != nil && t != l2tp.ZLB {
		m.AddDigest(d.digest)
	}
	switch t {
	case l2tp.SCCRQ, l2tp.SCCRP:
		m.HostName, m.RouterID = []byte("pe2"), 0xc0000202
		m.AssignedConnectionID, m.ReceiveWindow = c.id, 16
		m.Pseudowires = l2tp.Pseudowires(l2tp.PseudowirePPP)
		m.Has.Add(l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPAssignedConnectionID, l2tp.AVPReceiveWindowSize,
			l2tp.AVPPseudowireCapabilities)
		if d.key != nil {
			m.Nonce = c.nonce
			m.Has.Add(l2tp.AVPNonce)
		}
	case l2tp.StopCCN:
		m.AssignedConnectionID = c.id
		m.Result.Code = uint16(l2tp.StopGeneral)
		m.Has.Add(l2tp.AVPResultCode, l2tp.AVPAssignedConnectionID)
	case l2tp.CDN:
		m.Result.Code = uint16(l2tp.CDNAdministrative)
		m.Has.Add(l2tp.AVPResultCode)
	case l2tp.ICRQ, l2tp.OCRQ:
		m.SerialNumber, m.PseudowireType, m.RemoteEndID = 1, l2tp.PseudowirePPP, []byte("red")
		m.CircuitStatus = l2tp.CircuitActive
		m.Has.Add(l2tp.AVPSerialNumber, l2tp.AVPPseudowireType, l2tp.AVPRemoteEndID, l2tp.AVPCircuitStatus)
	case l2tp.ICRP, l2tp.OCRP, l2tp.SLI:
		m.CircuitStatus = l2tp.CircuitActive
		m.Has.Add(l2tp.AVPCircuitStatus)
	case l2tp.WEN:
		m.Has.Add(l2tp.AVPCircuitErrors)
	}
	if t.IsSession() {
		m.LocalSessionID = 0x77
		m.Has.Add(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID)
	}
	for _, o := range options {
		o(m)
	}
	return m
}

// encode encodes a message to the Peer. The message uses the next Ns of the call, unless it is an
// ACK, a ZLB or numbered.
func (d *dialogue) encode(t l2tp.MessageType, options ...option) []byte {
	d.t.Helper()
	c := d.call
	m := d.draft(t, options)
	if t != l2tp.ACK && t != l2tp.ZLB && m.Ns == c.ns {
		c.ns++
	}
	b, err := l2tp.Append(nil, &m.Message)
	if m.hiding != nil {
		b, err = l2tp.AppendHidden(nil, &m.Message, m.hiding, l2tp.AVPs(l2tp.AVPRemoteEndID))
	}
	if err != nil {
		d.t.Fatal(err)
	}
	b = append(b, m.tail...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if t == l2tp.SCCRQ || t == l2tp.SCCRP {
		c.nonceSent = m.Has.Has(l2tp.AVPNonce)
	}
	if d.key != nil && t != l2tp.ZLB && m.Has.Has(l2tp.AVPMessageDigest) {
		nonce := c.nonce
		if !c.nonceSent {
			nonce = nil
		}
		if err := d.key.Sign(b, d.digest, nonce, c.peerNonce); err != nil {
			d.t.Fatal(err)
		}
	}
	if m.tamper != nil {
		b = m.tamper(b)
	}
	return b
}
