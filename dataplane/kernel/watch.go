package kernel

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// watchEvery is the time between two queries of all sessions, for changes that the kernel does not
// report by itself. With very many sessions, watchShare times the duration of a query if that is
// longer, because the kernel does nothing else for L2TP during it.
const (
	watchEvery = 3 * time.Second
	watchShare = 10
)

// watch queries the kernel for the sessions and their received messages. Deletion by netlink and
// with a closed tunnel is not reported otherwise. It also checks the path MTU, because the kernel
// does not report errors for packets of its sessions.
func (t *tunnel) watch() {
	next := time.NewTimer(watchEvery)
	defer next.Stop()
	for {
		select {
		case <-t.done:
			return
		case s := <-t.suspects:
			s.check()
		case <-next.C:
			start := time.Now()
			t.hints.CheckPath()
			for _, s := range t.list() {
				s.check()
			}
			next.Reset(max(watchEvery, watchShare*time.Since(start)))
		}
	}
}

// check reports to the owner if the kernel does not have the session any more.
func (s *session) check() {
	t := s.tunnel
	t.mu.Lock()
	alive := s.opened && !s.closed && !s.gone
	t.mu.Unlock()
	if !alive {
		return
	}
	if err := s.query(); errors.Is(err, unix.ENODEV) {
		s.vanished(errDeleted)
	}
}

// errDeleted is reported by check.
var errDeleted = errors.New("L2TP session deleted in the kernel: by the operator, with its tunnel, or for a newer control connection")
