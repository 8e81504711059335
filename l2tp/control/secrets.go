package control

import (
	"bytes"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// SetSecrets changes Config.Secret and Config.NextSecret. Connections and sessions stay, as long as
// each side has a secret that the other has, at any time; for two sides to change over, both add
// the new secret as the next one, then both make it the only one. If there was no secret, or there
// is none any more, all connections end, for authentication is agreed on as they begin.
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
	const text = "control message authentication is changed here"
	result := stopError(l2tp.StopGeneral, text)
	for _, c := range changed {
		c.end(now, result, Reason{Cause: CauseClosed, Result: result, Text: text}, out)
	}
}

// rekey makes other secrets count from now on. What is yet to be transmitted, or to be transmitted
// again, gets room for as many digests as there are secrets. What has come ahead of its turn may be
// hidden with a secret that is no more: it will come again.
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
