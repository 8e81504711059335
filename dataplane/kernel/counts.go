package kernel

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// counts are those of a session: what passed through our hands, and what the kernel said last.
type counts struct {
	rxFrames, rxFrameOctets, txFrames, txFrameOctets atomic.Uint64 // octets of information, without the protocol field

	rxMalformed, rxClosed atomic.Uint64

	lastHeard atomic.Int64 // nanoseconds since 1970, 0: never

	mu      sync.Mutex
	settled bool // the kernel is not asked any more
	kernel  uapi.Stats
}

func (c *counts) received(frame []byte) {
	c.rxFrames.Add(1)
	c.rxFrameOctets.Add(uint64(len(frame) - protocolField))
}

func (c *counts) sent(frame []byte) {
	c.txFrames.Add(1)
	c.txFrameOctets.Add(uint64(len(frame) - protocolField))
}

// ask takes the session's counts from the kernel. They say whether the peer was heard since they
// were asked for last.
func (s *session) ask() error {
	c := &s.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		return nil
	}
	now, err := s.tunnel.kernel.stats(s.kernel)
	if err != nil {
		return err
	}
	if now.RxPackets > c.kernel.RxPackets {
		s.heard(time.Now())
	}
	c.kernel = now
	return nil
}

// settle takes the session's counts from the kernel for the last time.
func (s *session) settle() {
	_ = s.ask() // what was last said is better than nothing
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	s.counts.settled = true
}

// protocolField is the size of a frame's protocol field in octets.
const protocolField = 2

// Stats are the kernel's counts of data messages, less those that were frames. The kernel does not
// tell which packets it dropped because their NCP is closed or the interface down: those received
// are counted as received, those sent show as dropped at the interface alone. Octets are right for
// a peer that sends address, control and protocol field in full, as Linux does.
func (s *session) Stats() dataplane.Stats {
	_ = s.ask() // what was last said is better than nothing
	c := &s.counts
	c.mu.Lock()
	kernel := c.kernel
	c.mu.Unlock()
	stats := dataplane.Stats{
		RxFrames: c.rxFrames.Load(), TxFrames: c.txFrames.Load(),
		RxClosed: c.rxClosed.Load(), RxMalformed: c.rxMalformed.Load(),

		RxCookie: kernel.RxCookie,
		TxErrors: kernel.TxErrors,

		LastHeard: s.LastHeard(),
	}
	errors := &stats.RxErrors
	if s.cfg.Sublayer.Sequenced() { // the kernel counts but some of these apart, and knows few other errors
		errors = &stats.RxSequence
	}
	*errors = less(kernel.RxErrors, kernel.RxCookie)
	stats.RxPackets = less(kernel.RxPackets, stats.RxFrames+stats.RxClosed+stats.RxMalformed)
	stats.TxPackets = less(kernel.TxPackets, stats.TxFrames)
	stats.RxOctets = less(kernel.RxOctets, kernel.RxPackets*s.overhead(s.cfg.LocalCookie)+c.rxFrameOctets.Load())
	stats.TxOctets = less(kernel.TxOctets, kernel.TxPackets*s.overhead(s.cfg.PeerCookie)+c.txFrameOctets.Load())
	return stats
}

// LastHeard is as old as the watch's last look.
func (s *session) LastHeard() time.Time { return timeOf(&s.counts.lastHeard) }

// overhead is how many octets of a data message with that cookie, as the kernel counts them, are no
// user's.
func (s *session) overhead(cookie []byte) uint64 {
	o := s.tunnel.cfg.Encapsulation.Overhead(s.tunnel.cfg.Peer.Addr(), len(cookie), s.cfg.Sublayer)
	return uint64(o.Total() - o.IP - o.UDP)
}

// less is a-b, and 0 where a frame has been counted on one side alone.
func less(a, b uint64) uint64 { return a - min(a, b) }
