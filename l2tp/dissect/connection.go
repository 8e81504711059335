package dissect

import (
	"bytes"
	"net/netip"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// endKey names one end of a control connection or session: who assigned the ID, and the ID. Ports
// do not count, since a responder may answer from another one than it was called at (RFC 3931,
// section 4.1.2.2).
type endKey struct {
	addr netip.Addr
	id   uint32
}

// connection is a control connection of which at least the SCCRQ was seen.
type connection struct {
	ends [2]end // of the SCCRQ's sender and of its receiver
}

// end is what one side told of itself in its SCCRQ or SCCRP.
type end struct {
	told   bool // there was that message
	signed bool // it had a Message Digest
	nonce  []byte
}

// place is a sender's in a connection, the zero one if the connection is not known.
type place struct {
	connection *connection
	sender     int // index of the connection's ends
}

func (p place) known() bool { return p.connection != nil && p.connection.ends[p.sender].told }

func (p place) ends() (sender, receiver end) {
	if p.connection == nil {
		return end{}, end{}
	}
	return p.connection.ends[p.sender], p.connection.ends[1-p.sender]
}

// authenticated reports whether both ends sign their messages, all of which have a digest then (RFC
// 3931, section 5.4.1).
func (p place) authenticated() bool {
	sender, receiver := p.ends()
	return sender.signed && receiver.signed
}

// End is one side of a control connection.
type End struct {
	Addr  netip.Addr
	ID    uint32 // of the connection, that it has assigned
	Nonce []byte // nil: its messages have no digest
}

// Know tells of a control connection whose SCCRQ and SCCRP are not among the datagrams.
func (d *Dissector) Know(a, b End) {
	c := &connection{}
	for i, e := range []End{a, b} {
		c.ends[i] = end{told: true, signed: e.Nonce != nil, nonce: bytes.Clone(e.Nonce)}
		d.connections[endKey{e.Addr, e.ID}] = place{c, i}
	}
}

// find finds the connection that a message belongs to: by its receiver's ID in the header, or, as
// long as the sender has not heard of one, by the sender's own ID.
func (d *Dissector) find(g *Datagram, m *l2tp.Message) place {
	if m.ConnectionID != 0 {
		p := d.connections[endKey{g.To.Addr(), m.ConnectionID}]
		p.sender = 1 - p.sender
		return p
	}
	if !m.Has.Has(l2tp.AVPAssignedConnectionID) {
		return place{}
	}
	return d.connections[endKey{g.From.Addr(), m.AssignedConnectionID}]
}

// learnConnection takes IDs and nonces from SCCRQ and SCCRP. An SCCRQ with another nonce than
// before is a new connection.
func (d *Dissector) learnConnection(g *Datagram, m *l2tp.Message, p place) {
	if !m.Has.Has(l2tp.AVPAssignedConnectionID) {
		return
	}
	sender, _ := p.ends()
	switch {
	case m.Type == l2tp.SCCRQ && (p.connection == nil || !bytes.Equal(sender.nonce, m.Nonce)):
		p = place{connection: new(connection)}
	case m.Type == l2tp.SCCRP && p.connection != nil:
	default:
		return
	}
	p.connection.ends[p.sender] = end{told: true, signed: m.NumDigests > 0, nonce: bytes.Clone(m.Nonce)}
	d.connections[endKey{g.From.Addr(), m.AssignedConnectionID}] = p
}
