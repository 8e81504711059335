package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/config/plan"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
)

// restartError is returned for a configuration that requires a restart of the daemon.
type restartError struct{ changes []config.Change }

func (e *restartError) Error() string {
	return fmt.Sprintf("%s: requires a restart of l2tpvld; nothing was changed", changesText(e.changes))
}

// changesText returns changes as text, in one line.
func changesText(changes []config.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// change applies another configuration. It makes exactly the changes of the plan. Everything that
// can fail is tried before anything is changed.
func (d *Daemon) change(to *config.Config, log *zap.Logger) (*plan.Plan, error) {
	d.operations.mu.Lock()
	defer d.operations.mu.Unlock()
	if d.operations.stopped || d.operations.life == nil {
		return nil, errEnded
	}
	from := d.running.Load()
	p := plan.Make(from.cfg, to)
	if len(p.Restart) > 0 {
		return p, &restartError{p.Restart}
	}
	c := &change{daemon: d, plan: p, from: from, to: &running{cfg: to}, work: make(map[*loop]*work)}
	c.pickLoops()
	if err := d.listeners.Open(listenPeers(c.to.loops)); err != nil {
		return nil, fmt.Errorf("listen for peers: %w; nothing was changed", err)
	}
	c.distribute()
	logPlan(log, p)
	c.carryOut()
	return p, nil
}

// change is a change of the configuration in progress.
type change struct {
	daemon   *Daemon
	plan     *plan.Plan
	from, to *running
	kept     []*loop // loops of to that run already
	added    []*loop // loops of to that do not run yet
	removed  []*loop // loops of from that are not in to
	work     map[*loop]*work
}

// work is what one kept loop changes.
type work struct{ remove, change, add []configuredLink }

// configuredLink is a link in the configuration.
type configuredLink struct {
	vpn              *config.VPN
	link             *config.Link
	reason           string // why it is removed
	disabled         bool   // it stays down when it is added
	becomesProtected bool   // it is removed from the clear class and added to the protected one
}

// pickLoops keeps the loops that need no restart, and makes new ones for the rest.
func (c *change) pickLoops() {
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
				c.added = append(c.added, l)
			} else {
				delete(runs, name)
				c.kept = append(c.kept, l)
			}
			c.to.loops = append(c.to.loops, l)
		}
	}
	for _, l := range c.from.loops {
		if runs[l.name] == l {
			c.removed = append(c.removed, l)
		}
	}
}

// distribute assigns the steps of the plan to the kept loops. If something about a peer or its
// links changes, the loops of both classes get work, because each knows the VPNs of the other
// class.
func (c *change) distribute() {
	kept := make(map[loopName]*loop)
	for _, l := range c.kept {
		kept[l.name] = l
	}
	workOf := func(peer string, class config.IPsec) *work {
		l := kept[loopName{peer, class}]
		if l == nil {
			return &work{} // done by the start or the end of the loop
		}
		if c.work[l] == nil {
			c.work[l] = &work{}
		}
		return c.work[l]
	}
	bothClasses := func(peer string) {
		workOf(peer, config.IPsecNone)
		workOf(peer, config.IPsecRequired)
	}
	for _, x := range c.plan.Connections {
		bothClasses(x.Peer)
	}
	was, is := linksOf(c.from.cfg), linksOf(c.to.cfg)
	for _, x := range c.plan.Links {
		name := linkName{x.VPN, x.Peer}
		bothClasses(x.Peer)
		switch x.Action {
		case plan.Change:
			w := workOf(x.Peer, x.To)
			w.change = append(w.change, is[name])
			continue
		case plan.Remove:
			delete(c.daemon.operations.disabled, name)
		}
		if x.Action != plan.Add {
			w, removed := workOf(x.Peer, x.From), was[name]
			removed.becomesProtected = x.Action == plan.Restart && x.From == config.IPsecNone && x.To == config.IPsecRequired
			removed.reason = "removed from the configuration"
			if x.Action == plan.Restart {
				removed.reason = "its configuration has changed"
			}
			w.remove = append(w.remove, removed)
		}
		if x.Action != plan.Remove {
			w, added := workOf(x.Peer, x.To), is[name]
			added.disabled = c.daemon.operations.disabled[name]
			w.add = append(w.add, added)
		}
	}
}

// linksOf returns the links of a configuration by name.
func linksOf(cfg *config.Config) map[linkName]configuredLink {
	links := make(map[linkName]configuredLink)
	for i := range cfg.VPNs {
		v := &cfg.VPNs[i]
		for j := range v.Links {
			links[linkName{v.Name, v.Links[j].Peer}] = configuredLink{vpn: v, link: &v.Links[j]}
		}
	}
	return links
}

// carryOut makes the changes. It removes before it adds: a new link may use the name, the address
// or the virtual router of a removed one, and a link that becomes protected must not exist in the
// clear any more.
func (c *change) carryOut() {
	d := c.daemon
	d.running.Store(&running{c.to.cfg, c.kept})
	d.listeners.Dispatch(listenPeers(c.kept))
	c.takeDown()
	if d.operations.life.Err() != nil {
		return // the daemon ends: links may still exist, and nothing is added any more
	}
	d.changeRouters(c.to.cfg, c.plan.Routers)
	d.raiseFileLimit()
	c.bringUp()
	d.running.Store(c.to)
	d.listeners.Dispatch(listenPeers(c.to.loops))
	for _, l := range c.added {
		l.start(d.operations.life)
	}
	d.setLevel(c.to.cfg.Log.Level)
}

// removalTimeout is how long a change waits until the kernel has removed what was taken down.
const removalTimeout = 20 * time.Second

// takeDown ends loops and removes links, and waits until nothing of them exists, for at most
// removalTimeout. For a clear link that becomes protected it waits as long as the daemon runs.
func (c *change) takeDown() {
	life := c.daemon.operations.life
	ctx, cancel := context.WithTimeout(life, removalTimeout)
	defer cancel()
	var removing sync.WaitGroup
	for _, l := range c.removed {
		reason := "the peer was removed from the configuration here"
		if slices.ContainsFunc(c.added, func(a *loop) bool { return a.name == l.name }) {
			reason = "the configuration of the connection has changed here"
		}
		removing.Go(func() { l.end(reason) })
	}
	for l, w := range c.work {
		if len(w.remove) > 0 {
			removing.Go(func() {
				removed, _ := ask(life, l, func(now time.Time) []removal { return l.remove(now, w.remove) })
				for _, r := range removed {
					wait := ctx
					if r.becomesProtected {
						wait = life
					}
					select {
					case <-r.done:
					case <-wait.Done():
					}
				}
			})
		}
	}
	removing.Wait()
	if ctx.Err() != nil {
		c.daemon.log.Warn("old links are still being removed; new links start in parallel", zap.Duration("waited", removalTimeout))
	}
}

// bringUp makes the kept loops apply the rest of their work, in parallel.
func (c *change) bringUp() {
	ctx, cancel := context.WithTimeout(context.Background(), removalTimeout)
	defer cancel()
	var changing sync.WaitGroup
	for l, w := range c.work {
		changing.Go(func() {
			// A loop that is too busy to answer in time still applies its work.
			_, _ = ask(ctx, l, func(now time.Time) struct{} {
				l.change(now, c.to.cfg, w)
				return struct{}{}
			})
		})
	}
	changing.Wait()
}

// changeRouters creates and removes virtual routers, and attaches or releases customer interfaces.
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
				log.Warn("virtual router not ready yet", zap.String("reason", err.Error()))
			}
		}
	}
}
