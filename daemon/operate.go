package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/endid"
)

// target is a link that an operator has named.
type target struct {
	linkName
	id   endid.VPNID
	loop *loop
}

func (t target) String() string { return t.vpn + " ⇄ " + t.peer }

// target finds a link. It needs operations.mu.
func (d *Daemon) target(name linkName) (target, error) {
	now := d.running.Load()
	lc, found := linksOf(now.cfg)[name]
	if !found {
		return target{}, rest.NotFound("no link of VPN %q to peer %q is configured here", name.vpn, name.peer)
	}
	for _, l := range now.loops {
		if l.name == (loopName{name.peer, lc.link.Class()}) {
			return target{name, lc.vpn.VPNID, l}, nil
		}
	}
	return target{}, errEnded
}

// do runs f in the loop of the link, and returns the state of the link after it.
func (t target) do(ctx context.Context, done string, f func(now time.Time)) (api.Done, error) {
	v, err := ask(ctx, t.loop, func(now time.Time) report.View {
		f(now)
		return t.loop.look(now)
	})
	if err != nil {
		return api.Done{}, err
	}
	for i := range v.Links {
		if l := &v.Links[i]; l.Config.VPNID == t.id {
			return api.Done{Done: done, Link: new(v.Link(l))}, nil
		}
	}
	return api.Done{}, errEnded
}

// operate finds a link and calls f with it, with operations.mu held.
func (d *Daemon) operate(vpn, peer string, f func(target) (api.Done, error)) (api.Done, error) {
	d.operations.mu.Lock()
	defer d.operations.mu.Unlock()
	t, err := d.target(linkName{vpn, peer})
	if err != nil {
		return api.Done{}, err
	}
	return f(t)
}

// SetDisabled implements rest.Backend.
func (d *Daemon) SetDisabled(ctx context.Context, vpn, peer string, disabled bool) (api.Done, error) {
	return d.operate(vpn, peer, func(t target) (api.Done, error) {
		var done string
		switch was := d.operations.disabled[t.linkName]; {
		case disabled && was:
			done = fmt.Sprintf("%s is already disabled", t)
		case disabled:
			d.operations.disabled[t.linkName] = true
			done = fmt.Sprintf("%s is disabled until `l2tpvl-ctl up %s %s` or a restart of l2tpvld; a reload does not enable it", t, t.vpn, t.peer)
		case was:
			delete(d.operations.disabled, t.linkName)
			done = fmt.Sprintf("%s is enabled", t)
		default:
			done = fmt.Sprintf("%s is not disabled", t)
		}
		return t.do(ctx, done, func(now time.Time) {
			t.loop.pair.SetDisabled(now, t.id, disabled, &t.loop.out)
		})
	})
}

// ResetLink implements rest.Backend.
func (d *Daemon) ResetLink(ctx context.Context, vpn, peer string) (api.Done, error) {
	return d.operate(vpn, peer, func(t target) (api.Done, error) {
		if d.operations.disabled[t.linkName] {
			return api.Done{}, rest.Conflict("%s is disabled by the operator; `l2tpvl-ctl up %s %s` enables it", t, t.vpn, t.peer)
		}
		return t.do(ctx, fmt.Sprintf("%s is reset: its session ends and a new attempt starts", t), func(now time.Time) {
			t.loop.pair.ResetLink(now, t.id, &t.loop.out)
		})
	})
}

// ResetPeer implements rest.Backend.
func (d *Daemon) ResetPeer(ctx context.Context, peer string) (api.Done, error) {
	d.operations.mu.Lock()
	defer d.operations.mu.Unlock()
	found, done := false, ""
	for _, l := range d.loops() {
		if l.name.peer != peer {
			continue
		}
		found = true
		links, err := ask(ctx, l, func(now time.Time) int {
			l.pair.Reset(now, &l.out)
			return len(l.pair.Status().Links)
		})
		if err != nil {
			return api.Done{}, err
		}
		if done != "" {
			done += "; "
		}
		kind, reconnected := "", ""
		if l.class == config.IPsecRequired {
			kind, reconnected = "protected ", l.reconnect(ctx)
		}
		done += fmt.Sprintf("the %scontrol connection to %s is reset, with %s%s", kind, peer, report.Plural(uint64(links), "link"), reconnected)
	}
	if !found {
		return api.Done{}, rest.NotFound("no peer %q is configured here", peer)
	}
	return api.Done{Done: done}, nil
}
