package dissect

import (
	"bytes"
	"net/netip"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// endKey identifies one end of a control connection or session: its address, and the ID that it has
// assigned. It has no port, because a responder may answer from another port than the one that the
// SCCRQ was sent to (RFC 3931, section 4.1.2.2).
type endKey struct {
	addr netip.Addr
	id   uint32
}

// connection is a control connection. At least its SCCRQ was seen.
type connection struct {
	ends [2]end // the sender of the SCCRQ, and its receiver
}

// end is one end of a connection, as its SCCRQ or SCCRP describes it.
type end struct {
	seen   bool // its SCCRQ or SCCRP was seen
	signed bool // that message had a Message Digest
	nonce  []byte
}

// origin is the end of a connection that sent a message. The zero value is an unknown connection.
type origin struct {
	connection *connection
	index      int // of the sender in connection.ends
}

func (o origin) known() bool { return o.connection != nil && o.connection.ends[o.index].seen }

func (o origin) ends() (sender, receiver end) {
	if o.connection == nil {
		return end{}, end{}
	}
	return o.connection.ends[o.index], o.connection.ends[1-o.index]
}

// authenticated reports whether both ends sign their messages. All messages of the connection must
// then have a digest (RFC 3931, section 5.4.1).
func (o origin) authenticated() bool {
	sender, receiver := o.ends()
	return sender.signed && receiver.signed
}

// End is one end of a control connection, for AddConnection.
type End struct {
	Addr  netip.Addr
	ID    uint32 // the control connection ID that it has assigned
	Nonce []byte // nil: it does not sign its messages
}

// AddConnection adds a control connection whose SCCRQ and SCCRP are not among the datagrams.
func (d *Dissector) AddConnection(a, b End) {
	c := &connection{}
	for i, e := range []End{a, b} {
		c.ends[i] = end{seen: true, signed: e.Nonce != nil, nonce: bytes.Clone(e.Nonce)}
		d.connections[endKey{e.Addr, e.ID}] = origin{c, i}
	}
}

// find returns the origin of a message. It finds the connection by the receiver's ID in the header.
// While the sender does not know that ID, it finds the connection by the ID that the sender has
// assigned.
func (d *Dissector) find(g *Datagram, m *l2tp.Message) origin {
	if m.ConnectionID != 0 {
		o := d.connections[endKey{g.To.Addr(), m.ConnectionID}]
		o.index = 1 - o.index
		return o
	}
	if !m.Has.Has(l2tp.AVPAssignedConnectionID) {
		return origin{}
	}
	return d.connections[endKey{g.From.Addr(), m.AssignedConnectionID}]
}

// learnConnection learns IDs and nonces from an SCCRQ or SCCRP. An SCCRQ with another nonce than
// before begins a new connection.
func (d *Dissector) learnConnection(g *Datagram, m *l2tp.Message, o origin) {
	if !m.Has.Has(l2tp.AVPAssignedConnectionID) {
		return
	}
	sender, _ := o.ends()
	switch {
	case m.Type == l2tp.SCCRQ && (o.connection == nil || !bytes.Equal(sender.nonce, m.Nonce)):
		o = origin{connection: new(connection)}
	case m.Type == l2tp.SCCRP && o.connection != nil:
	default:
		return
	}
	o.connection.ends[o.index] = end{seen: true, signed: m.NumDigests > 0, nonce: bytes.Clone(m.Nonce)}
	d.connections[endKey{g.From.Addr(), m.AssignedConnectionID}] = o
}
