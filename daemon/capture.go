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

// tap receives copies of the control messages of a peer for one client. The loop never waits for
// the client.
type tap struct {
	messages chan tapped
	missed   atomic.Uint64 // messages since the last one that the channel had room for
}

// tapped is a sent or received control message.
type tapped struct {
	at       time.Time
	sent     bool
	from, to netip.AddrPort
	octets   []byte
	missed   uint64
}

// Limits of captures: messages that wait for a client, and clients of one peer.
const (
	tapSize = 1024
	maxTaps = 8
)

func (l *loop) tapSent(now time.Time, message []byte) {
	if len(l.taps) == 0 {
		return
	}
	if tunnel, to := l.path.route(message); tunnel != nil {
		l.tap(tapped{at: now, sent: true, from: tunnel.LocalAddr(), to: to, octets: message})
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
	case !to.Addr().IsValid(): // the destination address of the message is unknown
		to = netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port())
		if from.Addr().Is4() {
			to = netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())
		}
	}
	l.tap(tapped{at: now, from: from, to: to, octets: message})
}

// tap passes a copy of a message to all taps. A tap without room misses it.
func (l *loop) tap(m tapped) {
	m.octets = bytes.Clone(m.octets)
	for _, t := range l.taps {
		m.missed = t.missed.Load()
		select {
		case t.messages <- m:
			t.missed.Store(0)
		default:
			t.missed.Add(1)
		}
	}
}

// addTap adds a tap, unless there are too many, and passes the IDs and nonces of the
// control connection to the dissector.
func (l *loop) addTap(t *tap, d *dissect.Dissector) bool {
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
	t, dissector := &tap{messages: make(chan tapped, tapSize)}, dissect.New(secretsOf(&peer), false)
	removeTap := func() {
		for _, l := range loops {
			l.post(func(time.Time) { l.taps = slices.DeleteFunc(l.taps, func(x *tap) bool { return x == t }) })
		}
	}
	for _, l := range loops {
		added, err := ask(ctx, l, func(time.Time) bool { return l.addTap(t, dissector) })
		if err == nil && !added {
			err = rest.Conflict("peer %s already has %d captures; end one of them", name, maxTaps)
		}
		if err != nil {
			removeTap()
			return nil, err
		}
	}
	return func(yield func([]api.Captured) bool) {
		defer removeTap()
		if !yield(nil) { // sends the header, so the client knows that the capture has started
			return
		}
		for range count {
			select {
			case m := <-t.messages:
				if !yield([]api.Captured{dissected(&m, &peer, dissector)}) {
					return
				}
			case <-loops[0].ended:
				return
			case <-ctx.Done():
				return
			}
		}
	}, nil
}

// secretsOf returns the secrets of a peer, under names that do not reveal them.
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

// dissected returns a message in the form of the API.
func dissected(m *tapped, peer *config.Peer, dissector *dissect.Dissector) api.Captured {
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
	dissector.Add(g)
	if messages := dissector.Drain().Messages; len(messages) > 0 {
		if text, err := json.Marshal(&messages[0]); err == nil { // it never fails
			c.Message = text
		}
	}
	return c
}
