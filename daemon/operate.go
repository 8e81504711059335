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

// target finds the link that a request names; one of the operators alone may ask.
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
	return target{}, errOver
}

// do runs f in the loop of a link, and tells how the link is then.
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
	return api.Done{}, errOver
}

// operate finds a link, and does something to it, as the only one who changes anything.
func (d *Daemon) operate(vpn, peer string, f func(target) (api.Done, error)) (api.Done, error) {
	d.operators.mu.Lock()
	defer d.operators.mu.Unlock()
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
		switch was := d.operators.disabled[t.linkName]; {
		case disabled && was:
			done = fmt.Sprintf("%s was taken down already", t)
		case disabled:
			d.operators.disabled[t.linkName] = true
			done = fmt.Sprintf("%s is taken down, until `l2tpvl-ctl up %s %s` or a restart of l2tpvld; a reload leaves it down", t, t.vpn, t.peer)
		case was:
			delete(d.operators.disabled, t.linkName)
			done = fmt.Sprintf("%s may come up again", t)
		default:
			done = fmt.Sprintf("%s was not taken down by an operator", t)
		}
		return t.do(ctx, done, func(now time.Time) {
			t.loop.pair.SetDisabled(now, t.id, disabled, &t.loop.out)
		})
	})
}

// ResetLink implements rest.Backend.
func (d *Daemon) ResetLink(ctx context.Context, vpn, peer string) (api.Done, error) {
	return d.operate(vpn, peer, func(t target) (api.Done, error) {
		if d.operators.disabled[t.linkName] {
			return api.Done{}, rest.Conflict("%s is taken down by an operator: `l2tpvl-ctl up %s %s` lets it come up", t, t.vpn, t.peer)
		}
		return t.do(ctx, fmt.Sprintf("%s is reset, and begins anew", t), func(now time.Time) {
			t.loop.pair.ResetLink(now, t.id, &t.loop.out)
		})
	})
}

// ResetPeer implements rest.Backend.
func (d *Daemon) ResetPeer(ctx context.Context, peer string) (api.Done, error) {
	d.operators.mu.Lock()
	defer d.operators.mu.Unlock()
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
		done += fmt.Sprintf("the control connection to %s is reset, with %s", peer, report.Plural(uint64(links), "link"))
		if l.class == config.IPsecRequired {
			done += " that IPsec protects" + l.reconnect(ctx)
		}
	}
	if !found {
		return api.Done{}, rest.NotFound("no peer %q is configured here", peer)
	}
	return api.Done{Done: done}, nil
}
