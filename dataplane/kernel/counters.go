package kernel

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// counters are the counters of a session: those of the frames that it handled, and those that the
// kernel returned last.
type counters struct {
	rxFrames, txFrames           atomic.Uint64
	rxFrameOctets, txFrameOctets atomic.Uint64 // of information, without the protocol field

	rxMalformed, rxClosed atomic.Uint64

	lastHeard atomic.Int64 // nanoseconds since 1970, 0: never

	mu     sync.Mutex
	final  bool // the kernel is not queried any more
	kernel uapi.Stats
}

func (c *counters) received(frame []byte) {
	c.rxFrames.Add(1)
	c.rxFrameOctets.Add(uint64(len(frame) - protocolField))
}

func (c *counters) sent(frame []byte) {
	c.txFrames.Add(1)
	c.txFrameOctets.Add(uint64(len(frame) - protocolField))
}

// query reads the session's counters from the kernel. They also show whether a message was received
// since the last query.
func (s *session) query() error {
	c := &s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return nil
	}
	now, err := s.tunnel.kernel.stats(s.kernel)
	if err != nil {
		return err
	}
	if now.RxPackets > c.kernel.RxPackets {
		s.markHeard(time.Now())
	}
	c.kernel = now
	return nil
}

// queryLast reads the session's counters from the kernel for the last time.
func (s *session) queryLast() {
	_ = s.query() // if it fails, the counters of the query before remain
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	s.counters.final = true
}

// protocolField is the length of a frame's protocol field in octets.
const protocolField = 2

// Stats returns the kernel's counters of data messages, minus those that were frames. The kernel
// does not report packets that it dropped because their NCP is closed or the interface is down:
// received ones are counted as received, sent ones only as dropped by the interface. Octets are
// correct for a peer that sends address, control and protocol field uncompressed, as Linux does.
func (s *session) Stats() dataplane.Stats {
	_ = s.query() // if it fails, the counters of the query before remain
	c := &s.counters
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
	if s.cfg.Sublayer.Sequenced() {
		// The kernel counts only some of these separately, and has few other errors.
		errors = &stats.RxSequence
	}
	*errors = less(kernel.RxErrors, kernel.RxCookie)
	stats.RxPackets = less(kernel.RxPackets, stats.RxFrames+stats.RxClosed+stats.RxMalformed)
	stats.TxPackets = less(kernel.TxPackets, stats.TxFrames)
	stats.RxOctets = less(kernel.RxOctets, kernel.RxPackets*s.overhead(s.cfg.LocalCookie)+c.rxFrameOctets.Load())
	stats.TxOctets = less(kernel.TxOctets, kernel.TxPackets*s.overhead(s.cfg.PeerCookie)+c.txFrameOctets.Load())
	return stats
}

// LastHeard returns the time that watch found at its last query.
func (s *session) LastHeard() time.Time { return timeOf(&s.counters.lastHeard) }

// overhead returns the octets of a data message that are not the user's, as the kernel counts them,
// with that cookie.
func (s *session) overhead(cookie []byte) uint64 {
	o := s.tunnel.cfg.Encapsulation.Overhead(s.tunnel.cfg.Peer.Addr(), len(cookie), s.cfg.Sublayer)
	return uint64(o.Total() - o.IP - o.UDP)
}

// less returns a-b, or 0 if a frame was counted only in b so far.
func less(a, b uint64) uint64 { return a - min(a, b) }
