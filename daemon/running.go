package daemon

import (
	"context"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// running is the running configuration with its loops. It is replaced, never changed, so it can be
// read without a lock.
type running struct {
	cfg   *config.Config
	loops []*loop // in the order of the configuration; one for each peer and class of its links
}

// cfg returns the running configuration.
func (d *Daemon) cfg() *config.Config { return d.running.Load().cfg }

// loops returns the running loops.
func (d *Daemon) loops() []*loop { return d.running.Load().loops }

// linkName identifies a link for operators.
type linkName struct{ vpn, peer string }

// operations serializes the changes of what runs: new configurations, and the operator's changes of
// links and peers.
type operations struct {
	mu       sync.Mutex      // held during a change
	life     context.Context // of all loops; nil: they are not started yet
	stopped  bool            // the daemon ends, and nothing is changed any more
	disabled map[linkName]bool
}

// makeLoops makes the loops of the configuration.
func (d *Daemon) makeLoops() {
	cfg := d.cfg()
	r := &running{cfg: cfg}
	for _, p := range cfg.Peers {
		for _, class := range cfg.Classes(p.Name) {
			r.loops = append(r.loops, newLoop(d, cfg, p, class))
		}
	}
	d.running.Store(r)
}

// startLoops starts the loops, which run until ctx is done.
func (d *Daemon) startLoops(ctx context.Context) {
	d.operations.mu.Lock()
	defer d.operations.mu.Unlock()
	d.operations.life = ctx
	d.tidyGuard()
	for _, l := range d.loops() {
		l.start(ctx)
	}
}

// awaitEnd waits until ctx is done and all links are taken down.
func (d *Daemon) awaitEnd(ctx context.Context) {
	var supervising sync.WaitGroup
	supervising.Go(func() { d.notifySupervisor(ctx, d.supervisor) })
	defer supervising.Wait()
	<-ctx.Done()
	d.events.Publish(api.Event{Kind: api.EventStopping, Message: "shutting down"})
	d.operations.mu.Lock() // a change in progress is completed first
	d.operations.stopped = true
	d.logDisabled()
	d.operations.mu.Unlock()
	loops := d.loops()
	for _, l := range loops {
		<-l.ended
	}
	d.executor.wait()
	for _, l := range loops {
		l.closePath()
	}
	d.executor.wait()
	// Only now, when no socket of the daemon is open.
	if err := d.guard.Close(); err != nil {
		d.log.Warn("IPsec not removed cleanly", zap.String("reason", err.Error()))
	}
}

// logDisabled logs which links will not be disabled any more after the next start.
func (d *Daemon) logDisabled() {
	var names []string
	for name := range d.operations.disabled {
		names = append(names, name.vpn+" "+name.peer)
	}
	if len(names) > 0 {
		slices.Sort(names)
		d.log.Warn("links disabled by the operator come up after the next start", zap.Strings("links", names))
	}
}
