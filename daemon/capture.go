package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// tap is one who listens in on the control messages of a peer. The loop does not wait for it.
type tap struct {
	heard  chan overheard
	missed atomic.Uint64 // since the last that found room
}

// overheard is a control message, sent or received.
type overheard struct {
	at       time.Time
	sent     bool
	from, to netip.AddrPort
	octets   []byte
	missed   uint64
}

// Bounds of captures: what may wait for a client, and how many clients a peer may have.
const (
	tapSize = 1024
	maxTaps = 8
)

func (l *loop) tapSent(now time.Time, message []byte) {
	if len(l.taps) == 0 {
		return
	}
	if tunnel, to := l.path.way(message); tunnel != nil {
		l.tap(overheard{at: now, sent: true, from: tunnel.LocalAddr(), to: to, octets: message})
	}
}

func (l *loop) tapReceived(now time.Time, message []byte, from netip.AddrPort) {
	if len(l.taps) == 0 {
		return
	}
	to := l.local
	switch {
	case l.path.tunnel != nil:
		to = l.path.tunnel.LocalAddr()
	case !to.Addr().IsValid(): // nobody knows yet where the message came to
		to = netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port())
		if from.Addr().Is4() {
			to = netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())
		}
	}
	l.tap(overheard{at: now, from: from, to: to, octets: message})
}

func (l *loop) tap(m overheard) {
	m.octets = bytes.Clone(m.octets)
	for _, t := range l.taps {
		m.missed = t.missed.Load()
		select {
		case t.heard <- m:
			t.missed.Store(0)
		default:
			t.missed.Add(1)
		}
	}
}

// listenIn adds a tap, unless there are too many, and tells what the dissector needs to know.
func (l *loop) listenIn(t *tap, d *dissect.Dissector) bool {
	if len(l.taps) >= maxTaps {
		return false
	}
	l.taps = append(l.taps, t)
	if c := l.pair.Status().Connection; c != nil && l.path.tunnel != nil {
		d.AddConnection(
			dissect.End{Addr: l.path.tunnel.LocalAddr().Addr(), ID: c.ID, Nonce: c.Nonce},
			dissect.End{Addr: l.path.peer.Addr(), ID: c.PeerID, Nonce: c.PeerNonce},
		)
	}
	return true
}

// Capture implements rest.Backend. It captures on the peer's connections of all classes.
func (d *Daemon) Capture(ctx context.Context, name string, count int) (iter.Seq[[]api.Captured], error) {
	loops := slices.DeleteFunc(slices.Clone(d.loops()), func(l *loop) bool { return l.name.peer != name })
	if len(loops) == 0 {
		return nil, rest.NotFound("no peer %q is configured here", name)
	}
	peer, err := ask(ctx, loops[0], func(time.Time) config.Peer { return loops[0].peer })
	if err != nil {
		return nil, err
	}
	if peer.IsStatic() {
		return nil, rest.Conflict("peer %s has no control connection (signalling: static)", name)
	}
	t, words := &tap{heard: make(chan overheard, tapSize)}, dissect.New(secretsOf(&peer), false)
	leave := func() {
		for _, l := range loops {
			l.post(func(time.Time) { l.taps = slices.DeleteFunc(l.taps, func(x *tap) bool { return x == t }) })
		}
	}
	for _, l := range loops {
		added, err := ask(ctx, l, func(time.Time) bool { return l.listenIn(t, words) })
		if err == nil && !added {
			err = rest.Conflict("peer %s is being captured %d times already; end one of these", name, maxTaps)
		}
		if err != nil {
			leave()
			return nil, err
		}
	}
	return func(yield func([]api.Captured) bool) {
		defer leave()
		if !yield(nil) { // it has begun
			return
		}
		for range count {
			select {
			case m := <-t.heard:
				if !yield([]api.Captured{captured(&m, &peer, words)}) {
					return
				}
			case <-loops[0].over:
				return
			case <-ctx.Done():
				return
			}
		}
	}, nil
}

// secretsOf are those of a peer, by names that say nothing of them.
func secretsOf(p *config.Peer) (secrets []dissect.Secret) {
	for _, s := range []struct {
		name   string
		octets config.Secret
	}{{"secret", p.Secret}, {"next_secret", p.NextSecret}} {
		if len(s.octets) > 0 {
			secrets = append(secrets, dissect.Secret{Name: s.name, Octets: s.octets})
		}
	}
	return secrets
}

// captured puts a message into words.
func captured(m *overheard, peer *config.Peer, words *dissect.Dissector) api.Captured {
	g := dissect.Datagram{
		Time: m.at, Transport: dissect.OverUDP, From: dissect.Endpoint{AddrPort: m.from}, To: dissect.Endpoint{AddrPort: m.to}, Payload: m.octets,
	}
	if peer.Encapsulation == config.EncapsulationIP {
		g.Transport, g.Payload = dissect.OverIP, append(make([]byte, 4), m.octets...)
	}
	c := api.Captured{
		Time: m.at, Sent: m.sent, Transport: string(g.Transport), From: g.From.String(), To: g.To.String(), Octets: m.octets,
		Message: json.RawMessage("{}"), Missed: m.missed,
	}
	words.Add(g)
	if said := words.Drain().Messages; len(said) > 0 {
		if text, err := json.Marshal(&said[0]); err == nil { // it always does
			c.Message = text
		}
	}
	return c
}
