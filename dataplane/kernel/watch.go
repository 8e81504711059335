package kernel

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// watchEvery is how often the kernel is asked for what it does not tell by itself: less often when
// it takes longer than a tenth of that, with very many sessions, as it does nothing else for L2TP
// meanwhile.
const (
	watchEvery = 3 * time.Second
	watchShare = 10
)

// watch asks the kernel whether the sessions are there, and what they heard; both netlink and
// closed tunnels delete them without a word to anybody. It has the path looked at too: packets of
// the kernel's sessions come back with no error.
func (t *tunnel) watch() {
	next := time.NewTimer(watchEvery)
	defer next.Stop()
	for {
		select {
		case <-t.done:
			return
		case s := <-t.suspects:
			s.look()
		case <-next.C:
			start := time.Now()
			t.hints.CheckPath()
			for _, s := range t.list() {
				s.look()
			}
			next.Reset(max(watchEvery, watchShare*time.Since(start)))
		}
	}
}

// look tells the owner if the kernel does not have the session any more.
func (s *session) look() {
	t := s.tunnel
	t.mu.Lock()
	alive := s.opened && !s.closed && !s.gone
	t.mu.Unlock()
	if !alive {
		return
	}
	if err := s.ask(); errors.Is(err, unix.ENODEV) {
		s.vanished(errDeleted)
	}
}

// errDeleted says what look found.
var errDeleted = errors.New("its L2TP session was deleted: by hand, by a newer control connection, or with its tunnel")
