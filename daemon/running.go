package daemon

import (
	"context"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// running is the configuration that runs, and the loops that there are for it. It does not change:
// another takes its place, so whoever has it may look at it at leisure.
type running struct {
	cfg   *config.Config
	loops []*loop // in the order of the configuration; of one peer, one for each class that its links have
}

// cfg is the configuration that runs.
func (d *Daemon) cfg() *config.Config { return d.running.Load().cfg }

// loops are those that run.
func (d *Daemon) loops() []*loop { return d.running.Load().loops }

// linkName is what operators call a link.
type linkName struct{ vpn, peer string }

// operators are those who change what runs, one at a time.
type operators struct {
	mu       sync.Mutex
	life     context.Context // of all loops; nil: they are not started
	over     bool            // the daemon ends: nothing is changed any more
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

// startLoops runs the loops until ctx is done.
func (d *Daemon) startLoops(ctx context.Context) {
	d.operators.mu.Lock()
	defer d.operators.mu.Unlock()
	d.operators.life = ctx
	d.tidyGuard()
	for _, l := range d.loops() {
		l.start(ctx)
	}
}

// awaitEnd returns when ctx is done and all links are taken down.
func (d *Daemon) awaitEnd(ctx context.Context) {
	var supervising sync.WaitGroup
	supervising.Go(func() { d.supervised(ctx, d.supervisor) })
	defer supervising.Wait()
	<-ctx.Done()
	d.events.Publish(api.Event{Kind: api.EventStopping, Message: "shutting down"})
	d.operators.mu.Lock() // what is being changed now is changed to the end
	d.operators.over = true
	d.tellDisabled()
	d.operators.mu.Unlock()
	loops := d.loops()
	for _, l := range loops {
		<-l.over
	}
	d.executor.wait()
	for _, l := range loops {
		l.closePath()
	}
	d.executor.wait()
	// Only when no socket of ours is open.
	if err := d.guard.Close(); err != nil {
		d.log.Warn("IPsec not ended cleanly", zap.String("reason", err.Error()))
	}
}

// tellDisabled says which links will not be down any more when the daemon is started again.
func (d *Daemon) tellDisabled() {
	var names []string
	for name := range d.operators.disabled {
		names = append(names, name.vpn+" "+name.peer)
	}
	if len(names) > 0 {
		slices.Sort(names)
		d.log.Warn("links that the operator has disabled come up when the daemon is started again", zap.Strings("links", names))
	}
}

// start runs the loop until ctx is done, or end is called.
func (l *loop) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancelCause(ctx)
	if l.protection != nil {
		l.daemon.unprotected.Add(1)
	}
	go l.run(ctx)
}

// leaving is why a loop is ended while the daemon goes on.
type leaving string

func (why leaving) Error() string { return string(why) }

// end has the loop take everything down and tell the peer why, and returns when nothing of it is
// there.
func (l *loop) end(why string) {
	l.cancel(leaving(why))
	<-l.over
	for _, x := range l.links {
		l.daemon.interfaces.remove(x)
		idle := make(chan struct{})
		x.queue.add(func() { close(idle) })
		<-idle
	}
	l.closePath()
	l.closing.Wait()
	l.unprotect()
}
