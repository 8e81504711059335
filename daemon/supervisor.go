package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Supervisor has started the daemon and watches over it, as systemd does. The zero value is nobody.
type Supervisor struct {
	// Notify tells it of a state, in the words of sd_notify(3). It may be called from any
	// goroutine.
	Notify func(state string)

	// Watchdog is the time within which it wants to hear that the daemon is alive; 0: it does not
	// ask.
	Watchdog time.Duration
}

// statusEvery is how often a supervisor without a watchdog hears how things are.
const statusEvery = 15 * time.Second

// supervised tells the supervisor how things are until ctx is done: that the daemon is ready when
// every loop has answered once, and that it is alive whenever they all do so again. A loop that
// does not answer leaves the watchdog to bite.
func (d *Daemon) supervised(ctx context.Context, s Supervisor) {
	if s.Notify == nil {
		return
	}
	every := statusEvery
	if s.Watchdog > 0 {
		every = s.Watchdog / 3
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	ready := "READY=1\n"
	for ctx.Err() == nil {
		switch up, all, err := d.alive(ctx, every); {
		case ctx.Err() != nil:
		case err != nil:
			d.log.Error("a loop is stuck: the supervisor is not told that all is well", zap.String("reason", err.Error()))
		default:
			s.Notify(fmt.Sprintf("%sWATCHDOG=1\nSTATUS=%d of %d links up", ready, up, all))
			ready = ""
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	s.Notify("STOPPING=1")
}

// alive has each loop count its links. It fails if one does not answer within that time.
func (d *Daemon) alive(ctx context.Context, within time.Duration) (up, all int, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, l := range d.loops() {
		asked.Go(func() {
			of, e := ask(ctx, l, func(time.Time) [2]int {
				var of [2]int
				for _, link := range l.pair.Status().Links {
					of[1]++
					if link.Up {
						of[0]++
					}
				}
				return of
			})
			mu.Lock()
			defer mu.Unlock()
			up, all = up+of[0], all+of[1]
			if e != nil && slices.Contains(d.loops(), l) { // else the configuration has no such loop any more
				err = fmt.Errorf("that of peer %s: %w", l.name.peer, e)
			}
		})
	}
	asked.Wait()
	return up, all, err
}
