package userspace

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/internal/check"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// session is a TUN device and the goroutine that reads it; the tunnel's reader writes it.
type session struct {
	cfg    dataplane.SessionConfig
	tunnel *tunnel
	prefix []byte         // of each sent data message, see appendPrefix
	work   sync.WaitGroup // the goroutine

	numbering sync.Mutex // guards next
	next      uint32     // number of the next sent message
	order     *order     // of received messages; nil: no sublayer; guarded by tunnel.mu

	opened atomic.Uint32 // dataplane.Protocols
	stats  counters

	sending sync.Mutex // guards ended and message
	ended   bool       // no frame is sent any more
	message []byte     // the data message that SendFrame is sending

	closing sync.Once
	closed  bool       // guarded by tunnel.mu
	device  tun.Device // nil until it is open; guarded by tunnel.mu
	writing [1][]byte  // argument of device.Write; guarded by tunnel.mu
}

// counters are the counters of dataplane.Stats, which several goroutines write.
type counters struct {
	rxPackets, rxOctets, txPackets, txOctets, rxFrames, txFrames atomic.Uint64

	rxCookie, rxSequence, rxMalformed, rxClosed, rxErrors, txClosed, txErrors atomic.Uint64

	lastHeard atomic.Int64 // nanoseconds since 1970, 0: never
}

func newSession(t *tunnel, cfg dataplane.SessionConfig) (*session, error) {
	if err := check.Session(cfg); err != nil {
		return nil, err
	}
	cfg.LocalCookie = bytes.Clone(cfg.LocalCookie) // prefix contains the peer's
	return &session{
		cfg: cfg, tunnel: t, order: newOrder(cfg.Sublayer),
		prefix: appendPrefix(nil, t.cfg.Encapsulation, cfg.PeerID, cfg.PeerCookie, cfg.Sublayer),
	}, nil
}

// open opens the device and starts to read it.
func (s *session) open() error {
	var device tun.Device
	err := s.cfg.Namespace.Do(func() (err error) {
		device, err = openTUN(s.cfg.Interface, s.cfg.MTU)
		return err
	})
	if err != nil {
		return err
	}
	s.tunnel.mu.Lock()
	defer s.tunnel.mu.Unlock()
	if s.closed {
		return errors.Join(net.ErrClosed, device.Close())
	}
	s.device = device
	s.work.Go(func() { s.read(device) })
	return nil
}

// read sends the packets of the device until it is closed or vanishes.
func (s *session) read(device tun.Device) {
	at := maxPrefix + 2 // the position of a packet in its buffer
	b := newBatch(device.BatchSize(), at+max(s.cfg.MTU, 1500))
	for {
		n, err := device.Read(b.buffers, b.sizes, at)
		longest := 0
		for i, size := range b.sizes[:n] {
			if longest = max(longest, size); at+size > b.stride {
				s.stats.txErrors.Add(1) // the next packet overwrote its end
				continue
			}
			s.transmit(b.buffers[i][:at+size], at)
		}
		if longest > b.stride-at {
			b = newBatch(len(b.buffers), at+longest)
		}
		switch {
		case err == nil:
		// Not only errors of the kernel: the poller of the Go runtime has its own, and returns it
		// again and again.
		case errors.Is(err, os.ErrClosed), errors.As(err, new(*os.PathError)):
			s.vanished(device, err)
			return
		default: // the device could not return a packet
			s.stats.txErrors.Add(1)
		}
	}
}

// vanished ends a session whose device cannot be read any more, unless Close has closed it.
func (s *session) vanished(device tun.Device, err error) {
	s.tunnel.mu.Lock()
	closed := s.closed
	s.tunnel.mu.Unlock()
	if closed {
		return
	}
	// An open device keeps its namespace open.
	err = errors.Join(err, device.Close())
	s.cfg.Gone(fmt.Errorf("interface %s vanished: %w", s.cfg.Interface, err))
}

// transmit sends the IP packet b[at:] to the peer.
func (s *session) transmit(b []byte, at int) {
	message, carried := encode(b, at, s.prefix)
	switch {
	case carried == 0:
		s.stats.txErrors.Add(1)
	case !s.isOpen(carried):
		s.stats.txClosed.Add(1)
	case s.send(message, s.cfg.Sublayer == dataplane.SublayerSequenced) != nil:
		s.stats.txErrors.Add(1)
	default:
		s.stats.txPackets.Add(1)
		s.stats.txOctets.Add(uint64(len(b) - at))
	}
}

// send sends a data message that begins with the session's prefix.
func (s *session) send(message []byte, numbered bool) error {
	if !numbered {
		return s.tunnel.send(message)
	}
	s.numbering.Lock() // until it is sent, so that numbers are sent in order
	defer s.numbering.Unlock()
	at := len(s.prefix) - addressSize - l2tp.SublayerLen // overwrite the sublayer there
	l2tp.AppendDefaultSublayer(message[:at], l2tp.DefaultSublayer{Sequenced: true, Sequence: s.next})
	s.next = (s.next + 1) & l2tp.SequenceMask
	return s.tunnel.send(message)
}

// receive handles a data message for the session: b without its first virtioHeader octets. Its
// cookie begins after header octets. The caller holds tunnel.mu.
func (s *session) receive(b []byte, header int, now time.Time) {
	message := b[virtioHeader:]
	v, at, carried := decode(message, header, s.cfg.LocalCookie, s.order)
	switch v {
	case wrongCookie:
		s.stats.rxCookie.Add(1)
		return
	case outOfOrder:
		s.stats.rxSequence.Add(1)
		return
	case malformed:
		s.stats.rxMalformed.Add(1)
		return
	}
	s.stats.lastHeard.Store(now.UnixNano())
	s.tunnel.lastHeard.Store(now.UnixNano())
	switch {
	case v == pppFrame:
		s.stats.rxFrames.Add(1)
		s.cfg.Deliver(message[at:])
	case !s.isOpen(carried):
		s.stats.rxClosed.Add(1)
	case s.write(b[at:]) != nil:
		s.stats.rxErrors.Add(1)
	default:
		s.stats.rxPackets.Add(1)
		s.stats.rxOctets.Add(uint64(len(message) - at))
	}
}

// write writes an IP packet to the device: b without its first virtioHeader octets.
func (s *session) write(b []byte) error {
	if s.device == nil {
		return net.ErrClosed
	}
	s.writing[0] = b
	_, err := s.device.Write(s.writing[:], virtioHeader)
	return err
}

func (s *session) isOpen(p dataplane.Protocols) bool {
	return dataplane.Protocols(s.opened.Load()).Has(p)
}

func (s *session) SetOpen(p dataplane.Protocols) { s.opened.Store(uint32(p)) }

func (s *session) SendFrame(frame []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	s.message = append(append(s.message[:0], s.prefix...), frame...)
	err := s.send(s.message, s.cfg.Sublayer.Sequenced())
	if err == nil {
		s.stats.txFrames.Add(1)
	}
	return err
}

func (s *session) Stats() dataplane.Stats {
	c := &s.stats
	stats := dataplane.Stats{
		RxPackets: c.rxPackets.Load(), RxOctets: c.rxOctets.Load(),
		TxPackets: c.txPackets.Load(), TxOctets: c.txOctets.Load(),
		RxFrames: c.rxFrames.Load(), TxFrames: c.txFrames.Load(),

		RxCookie:    c.rxCookie.Load(),
		RxSequence:  c.rxSequence.Load(),
		RxMalformed: c.rxMalformed.Load(),
		RxClosed:    c.rxClosed.Load(),
		RxErrors:    c.rxErrors.Load(),
		TxClosed:    c.txClosed.Load(),
		TxErrors:    c.txErrors.Load(),
	}
	stats.LastHeard = s.LastHeard()
	return stats
}

func (s *session) LastHeard() (at time.Time) {
	if heard := s.stats.lastHeard.Load(); heard != 0 {
		at = time.Unix(0, heard)
	}
	return at
}

// Close closes the device. It must not be called from a callback.
func (s *session) Close() (err error) {
	s.closing.Do(func() {
		s.tunnel.mu.Lock() // the reader does not find the session from here on
		delete(s.tunnel.sessions, s.cfg.LocalID)
		s.closed = true
		device := s.device
		s.tunnel.mu.Unlock()

		s.sending.Lock()
		s.ended = true
		s.sending.Unlock()

		if device != nil {
			err = device.Close()
			s.work.Wait()
		}
	})
	return err
}
