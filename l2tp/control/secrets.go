package control

import (
	"bytes"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// SetSecrets changes Config.Secret and Config.NextSecret. Connections and sessions continue as long
// as both ends have a secret in common at every moment. To change the secret, both ends first add
// the new one as NextSecret, then both make it their only one. All connections end if this switches
// authentication on or off, because the ends agree on authentication during setup.
func (p *Peer) SetSecrets(now time.Time, secret, next []byte, out *Output) {
	p.cfg.Secret, p.cfg.NextSecret = secret, next
	p.ring = newKeyring(&p.cfg)
	var changed []*Connection
	for _, c := range p.appendAll(nil) {
		switch {
		case c.auth.hasSecret == p.ring.hasSecret:
			c.rekey(p.ring)
		case c.State != Stopping && c.State != Stopped:
			changed = append(changed, c)
		}
	}
	const text = "control message authentication switched on or off at this end"
	result := stopError(l2tp.StopGeneral, text)
	for _, c := range changed {
		c.end(now, result, Reason{Cause: CauseClosed, Result: result, Text: text}, out)
	}
}

// rekey applies other secrets. Queued messages are encoded again with one digest for each secret.
// Messages held out of order are forgotten: their AVPs may be hidden with a secret that is no
// longer known. The peer retransmits them.
func (c *Connection) rekey(ring *keyring) {
	c.auth.keyring = ring
	r := &c.reliable
	for i, message := range r.queue {
		m := &c.peer.out
		if err := m.Parse(message, nil); err != nil {
			panic("control: " + err.Error())
		}
		m.NumDigests = 0
		c.auth.reserveDigests(m)
		c.peer.scratch = encode(c.peer.scratch[:0], m)
		r.queue[i] = bytes.Clone(c.peer.scratch)
	}
	clear(r.early)
}
