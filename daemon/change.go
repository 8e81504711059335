package daemon

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/config/plan"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/session"
)

// restartError is why a configuration cannot be taken by a daemon that runs.
type restartError struct{ changes []config.Change }

func (e *restartError) Error() string {
	return fmt.Sprintf("%s: only a restart of l2tpvld takes that; nothing is changed", texts(e.changes))
}

// texts are changes as people read them, in one line.
func texts(changes []config.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// change makes another configuration run. It does what the plan says, and nothing more: what the
// plan does not name is not touched. All that can fail is tried before anything is changed.
func (d *Daemon) change(to *config.Config, log *zap.Logger) (*plan.Plan, error) {
	d.operators.mu.Lock()
	defer d.operators.mu.Unlock()
	if d.operators.over || d.operators.life == nil {
		return nil, errOver
	}
	from := d.running.Load()
	p := plan.Make(from.cfg, to)
	if len(p.Restart) > 0 {
		return p, &restartError{p.Restart}
	}
	c := &changing{daemon: d, plan: p, from: from, to: &running{cfg: to}, work: make(map[*loop]*work)}
	c.pickLoops()
	if err := d.listeners.Open(listenPeers(c.to.loops)); err != nil {
		return nil, fmt.Errorf("listen for peers: %w; nothing is changed", err)
	}
	c.share()
	tell(log, p)
	c.carryOut()
	return p, nil
}

// changing is a change that is under way.
type changing struct {
	daemon   *Daemon
	plan     *plan.Plan
	from, to *running
	kept     []*loop // of to.loops those that run
	fresh    []*loop // of to.loops those that do not run yet
	ended    []*loop // of from.loops those that are not to run any more
	work     map[*loop]*work
}

// work is what a loop that stays has to do.
type work struct{ remove, change, add []linkOf }

// linkOf is a link as it is configured.
type linkOf struct {
	vpn      *config.VPN
	link     *config.Link
	why      string // it is removed
	disabled bool   // it is to stay down when it is added
	shielded bool   // it is removed in clear, and comes back protected
}

// pickLoops takes those of the loops that stay, and makes new ones for the rest.
func (c *changing) pickLoops() {
	restart := make(map[loopName]bool)
	for _, x := range c.plan.Connections {
		if x.Action == plan.Restart {
			restart[loopName{x.Peer, x.Class}] = true
		}
	}
	runs := make(map[loopName]*loop)
	for _, l := range c.from.loops {
		runs[l.name] = l
	}
	for _, p := range c.to.cfg.Peers {
		for _, class := range c.to.cfg.Classes(p.Name) {
			name := loopName{p.Name, class}
			l := runs[name]
			if l == nil || restart[name] {
				l = newLoop(c.daemon, c.to.cfg, p, class)
				c.fresh = append(c.fresh, l)
			} else {
				delete(runs, name)
				c.kept = append(c.kept, l)
			}
			c.to.loops = append(c.to.loops, l)
		}
	}
	for _, l := range c.from.loops {
		if runs[l.name] == l {
			c.ended = append(c.ended, l)
		}
	}
}

// share gives each loop that stays its part of the work. A peer's loops all hear of what changes
// about the peer or its links, as each knows the VPNs of the other class.
func (c *changing) share() {
	stays := make(map[loopName]*loop)
	for _, l := range c.kept {
		stays[l.name] = l
	}
	of := func(peer string, class config.IPsec) *work {
		l := stays[loopName{peer, class}]
		if l == nil {
			return &work{} // the loop's beginning, or its end, does it
		}
		if c.work[l] == nil {
			c.work[l] = &work{}
		}
		return c.work[l]
	}
	both := func(peer string) {
		of(peer, config.IPsecNone)
		of(peer, config.IPsecRequired)
	}
	for _, x := range c.plan.Connections {
		both(x.Peer)
	}
	was, is := linksOf(c.from.cfg), linksOf(c.to.cfg)
	for _, x := range c.plan.Links {
		name := linkName{x.VPN, x.Peer}
		both(x.Peer)
		switch x.Action {
		case plan.Change:
			w := of(x.Peer, x.To)
			w.change = append(w.change, is[name])
			continue
		case plan.Remove:
			delete(c.daemon.operators.disabled, name)
		}
		if x.Action != plan.Add {
			w, gone := of(x.Peer, x.From), was[name]
			gone.shielded = x.Action == plan.Restart && x.From == config.IPsecNone && x.To == config.IPsecRequired
			gone.why = "removed from the configuration"
			if x.Action == plan.Restart {
				gone.why = "its configuration has changed"
			}
			w.remove = append(w.remove, gone)
		}
		if x.Action != plan.Remove {
			w, added := of(x.Peer, x.To), is[name]
			added.disabled = c.daemon.operators.disabled[name]
			w.add = append(w.add, added)
		}
	}
}

// linksOf are the links of a configuration by name.
func linksOf(cfg *config.Config) map[linkName]linkOf {
	links := make(map[linkName]linkOf)
	for i := range cfg.VPNs {
		v := &cfg.VPNs[i]
		for j := range v.Links {
			links[linkName{v.Name, v.Links[j].Peer}] = linkOf{vpn: v, link: &v.Links[j]}
		}
	}
	return links
}

// carryOut changes what runs. What goes is gone before anything new comes, as that may take its
// name, its address or its virtual router; and a link that is to be protected from now on is gone
// from where it was in clear.
func (c *changing) carryOut() {
	d := c.daemon
	d.running.Store(&running{c.to.cfg, c.kept})
	d.listeners.Dispatch(listenPeers(c.kept))
	c.takeDown()
	if d.operators.life.Err() != nil {
		return // what goes is perhaps not gone, and nothing is to come any more
	}
	d.changeRouters(c.to.cfg, c.plan.Routers)
	d.makeRoom()
	c.bringUp()
	d.running.Store(c.to)
	d.listeners.Dispatch(listenPeers(c.to.loops))
	for _, l := range c.fresh {
		l.start(d.operators.life)
	}
	d.setLevel(c.to.cfg.Log.Level)
}

// patience is for how long a change waits for what the kernel takes down.
const patience = 20 * time.Second

// takeDown ends loops and links, and returns when nothing of them is there; or before, if that
// takes its time, but never while there is a link in clear that is to be protected: it waits for
// that as long as the daemon lives.
func (c *changing) takeDown() {
	life := c.daemon.operators.life
	ctx, cancel := context.WithTimeout(life, patience)
	defer cancel()
	var going sync.WaitGroup
	for _, l := range c.ended {
		why := "the peer was removed from the configuration here"
		if slices.ContainsFunc(c.fresh, func(f *loop) bool { return f.name == l.name }) {
			why = "the configuration of the connection has changed here"
		}
		going.Go(func() { l.end(why) })
	}
	for l, w := range c.work {
		if len(w.remove) > 0 {
			going.Go(func() {
				removed, _ := ask(life, l, func(now time.Time) []removal { return l.remove(now, w.remove) })
				for _, r := range removed {
					wait := ctx
					if r.shielded {
						wait = life
					}
					select {
					case <-r.gone:
					case <-wait.Done():
					}
				}
			})
		}
	}
	going.Wait()
	if ctx.Err() != nil {
		c.daemon.log.Warn("what goes takes its time; what comes is begun beside it", zap.Duration("waited", patience))
	}
}

// bringUp has the loops that stay do the rest of their work, all at once.
func (c *changing) bringUp() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var changing sync.WaitGroup
	for l, w := range c.work {
		changing.Go(func() {
			// One that is too busy to say that it is done does it all the same.
			_, _ = ask(ctx, l, func(now time.Time) struct{} {
				l.change(now, c.to.cfg, w)
				return struct{}{}
			})
		})
	}
	changing.Wait()
}

// removal is a link that is being removed.
type removal struct {
	gone     <-chan struct{} // closed when nothing of it is there
	shielded bool            // as of the linkOf
}

// remove takes links away, and returns those of which something is there.
func (l *loop) remove(now time.Time, links []linkOf) []removal {
	execution := make(map[string]*execution)
	for link, x := range l.links {
		execution[link.VPN] = x
	}
	var removed []removal
	for _, lc := range links {
		if x := execution[lc.vpn.Name]; x != nil {
			removed = append(removed, removal{x.gone, lc.shielded})
		}
		l.pair.RemoveLink(now, lc.vpn.VPNID, lc.why, &l.out)
	}
	return removed
}

// change is the loop's part of a change, but for what was removed before.
func (l *loop) change(now time.Time, cfg *config.Config, w *work) {
	i := slices.IndexFunc(cfg.Peers, func(p config.Peer) bool { return p.Name == l.name.peer })
	peer := cfg.Peers[i]
	if was := l.peer; !bytes.Equal(was.Secret, peer.Secret) || !bytes.Equal(was.NextSecret, peer.NextSecret) {
		l.publish(api.Event{Kind: api.EventSecretsChanged, Message: "secrets changed"}, zap.Bool("next_secret", peer.NextSecret != nil))
	}
	l.peer = wiring.ForClass(peer, l.class)
	pc := wiring.Pair(cfg, peer, l.class)
	l.pair.Reconfigure(now, pc.Control, pc.OtherClass, &l.out)
	links := make(map[string]session.LinkConfig)
	for _, lc := range pc.Links {
		links[lc.VPN] = lc
	}
	for _, lc := range w.change {
		l.pair.ChangeLink(now, links[lc.vpn.Name], &l.out)
	}
	for _, lc := range w.add {
		added := links[lc.vpn.Name]
		added.Disabled = lc.disabled
		l.pair.AddLink(now, added, &l.out)
	}
}

// changeRouters makes and removes virtual routers, and puts interfaces of customers there or gives
// them back.
func (d *Daemon) changeRouters(cfg *config.Config, routers []plan.Router) {
	for _, r := range routers {
		log := d.log.With(zap.Stringer("vr", &r.VR))
		switch r.Action {
		case plan.Remove:
			if err := d.vrs.Release(wiring.Router(r.VR)); err != nil {
				log.Warn("virtual router not removed cleanly", zap.String("reason", err.Error()))
			}
		case plan.Change:
			d.attach(cfg, r.VR)
		case plan.Add:
			d.attach(cfg, r.VR)
			if _, err := d.vrs.Ensure(wiring.Router(r.VR)); err != nil {
				log.Warn("virtual router not there yet", zap.String("reason", err.Error()))
			}
		}
	}
}
