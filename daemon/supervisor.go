package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Supervisor is the service manager that has started the daemon, such as systemd. The zero value is
// none.
type Supervisor struct {
	// Notify sends it a state in the format of sd_notify(3). It is safe for concurrent use.
	Notify func(state string)

	// Watchdog is the longest time between two notifications that the daemon is alive; 0: none are
	// expected.
	Watchdog time.Duration
}

// statusInterval is the time between two notifications to a supervisor without a watchdog.
const statusInterval = 15 * time.Second

// notifySupervisor notifies the supervisor until ctx is done: that the daemon is ready, once every
// loop has answered, and that it is alive, whenever all loops answer again. While a loop does not
// answer, it sends no notification, and the watchdog restarts the daemon.
func (d *Daemon) notifySupervisor(ctx context.Context, s Supervisor) {
	if s.Notify == nil {
		return
	}
	interval := statusInterval
	if s.Watchdog > 0 {
		interval = s.Watchdog / 3
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	ready := "READY=1\n"
	for ctx.Err() == nil {
		switch up, all, err := d.countLinks(ctx, interval); {
		case ctx.Err() != nil:
		case err != nil:
			d.log.Error("peer loop not responding; watchdog notification withheld", zap.String("reason", err.Error()))
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

// countLinks makes each loop count its links. It fails if a loop does not answer within that time.
func (d *Daemon) countLinks(ctx context.Context, within time.Duration) (up, all int, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, l := range d.loops() {
		asking.Go(func() {
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
			// A loop that a new configuration has removed does not count.
			if e != nil && slices.Contains(d.loops(), l) {
				err = fmt.Errorf("loop of peer %s: %w", l.name.peer, e)
			}
		})
	}
	asking.Wait()
	return up, all, err
}
