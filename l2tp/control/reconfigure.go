package control

import (
	"bytes"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Reconfigure replaces the Config. Connections and sessions continue. Changes of Timing, Hello,
// Role and MaxSessions apply to them at once; so do those of the secrets and Digest, as described
// at SetSecrets. All other changes apply to new connections. Retry, Admission and Rand keep their
// values.
func (p *Peer) Reconfigure(now time.Time, cfg Config, out *Output) {
	cfg.Retry, cfg.Admission, cfg.Rand = p.cfg.Retry, p.cfg.Admission, p.cfg.Rand
	cfg.normalize()
	was := p.cfg
	p.cfg = cfg
	for _, c := range p.appendAll(nil) {
		c.reliable.timing = cfg.Timing
		c.reliable.limit = messagesPerSession * cfg.MaxSessions
		if cfg.Hello != was.Hello {
			c.drawHello()
			c.scheduleHello()
		}
	}
	if cfg.Digest != was.Digest || !bytes.Equal(cfg.Secret, was.Secret) || !bytes.Equal(cfg.NextSecret, was.NextSecret) {
		p.SetSecrets(now, cfg.Secret, cfg.NextSecret, out)
	}
	switch {
	case cfg.Role == was.Role || !p.wanted:
	case cfg.Role == Passive:
		p.retryAt = time.Time{}
	case was.Role == Passive && len(p.live()) == 0:
		p.retryAt = now
		p.Advance(now, out)
	}
}

// Reset ends all connections with a StopCCN that carries text, and starts a new attempt at once
// unless the role is Passive.
func (p *Peer) Reset(now time.Time, text string, out *Output) {
	result := stopError(l2tp.StopGeneral, text)
	for _, c := range p.live() {
		c.end(now, result, Reason{Cause: CauseClosed, Result: result, Text: text}, out)
	}
	p.failures = 0
	if p.wanted && p.cfg.Role != Passive {
		p.retryAt = now
		p.Advance(now, out)
	}
}
