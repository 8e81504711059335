package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// session is a session of the kernel, its PPP channel and unit, and the goroutines that read them.
type session struct {
	cfg      dataplane.SessionConfig
	tunnel   *tunnel
	counters counters
	work     sync.WaitGroup // the readers, and a call of Gone

	// Set by open, in this order.
	kernel  uapi.Session
	channel channel  // File nil until it is open
	unit    *os.File // nil until it is open

	closing sync.Once
	// Guarded by tunnel.mu.
	opened bool // all parts exist
	closed bool
	gone   bool // reported to the owner
}

func newSession(t *tunnel, cfg dataplane.SessionConfig) *session {
	cfg.LocalCookie, cfg.PeerCookie = bytes.Clone(cfg.LocalCookie), bytes.Clone(cfg.PeerCookie)
	return &session{cfg: cfg, tunnel: t}
}

// open creates all parts of the session. If it fails, Close removes those that exist.
func (s *session) open() error {
	t := s.tunnel
	if err := s.create(); err != nil {
		return err
	}
	err := netns.Do(t.home, func() (err error) {
		s.channel, err = openChannel(s.kernel)
		return err
	})
	if err != nil {
		// ENODEV: deleted with its socket.
		if gone := t.kernel.do(s.kernel.Delete()); !errors.Is(gone, unix.ENODEV) {
			err = errors.Join(err, gone)
		}
		return err
	}
	// Read before the interface is created, because the peer may already send frames.
	s.work.Go(func() { s.read(s.channel.File, "PPP channel") })
	if s.unit, err = t.createInterface(s.cfg, s.channel); err != nil {
		return err
	}
	s.work.Go(func() { s.read(s.unit, "PPP interface") })

	t.mu.Lock()
	defer t.mu.Unlock()
	s.opened = true
	return nil
}

// reorderTimeout is the time that the kernel waits for a missing message after later ones have
// arrived. Without it the kernel takes a lost message for reordering, and drops the next ones, too.
const reorderTimeout = 10 * time.Millisecond

// create creates the session in the kernel.
func (s *session) create() error {
	t := s.tunnel
	of := connection{s.cfg.LocalConnectionID, s.cfg.PeerConnectionID}
	s.kernel = uapi.Session{
		TunnelID: of.local, PeerTunnelID: of.peer,
		LocalID: s.cfg.LocalID, PeerID: s.cfg.PeerID,
		LocalCookie: s.cfg.LocalCookie, PeerCookie: s.cfg.PeerCookie,
		Sequenced: s.cfg.Sublayer.Sequenced(), ReorderTimeout: reorderTimeout,
	}
	if s.cfg.Sublayer != dataplane.NoSublayer {
		s.kernel.Sublayer = uapi.SublayerDefault
	}
	var broken *kernelTunnel
	for {
		c, err := t.kernelTunnelOf(of, broken)
		if err != nil {
			return err
		}
		err = t.retryWhile(unix.EEXIST, func() error { return t.kernel.do(s.kernel.Create()) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.ENODEV) || broken != nil {
			return fmt.Errorf("create L2TP session: %w", err)
		}
		broken = c // another process has deleted the tunnel
	}
}

// read delivers the frames of the channel or the unit until it is closed or vanishes.
func (s *session) read(file *os.File, what string) {
	raw, err := file.SyscallConn()
	for err == nil {
		var readErr error
		err = raw.Read(func(fd uintptr) (done bool) {
			readErr = s.readFrame(int(fd))
			return !errors.Is(readErr, unix.EAGAIN)
		})
		err = errors.Join(err, readErr)
	}
	s.vanished(fmt.Errorf("%s vanished: %w", what, err))
}

// errEnd is the end of a file of /dev/ppp, whose channel or unit does not exist any more.
var errEnd = errors.New("removed by another process")

// readFrame reads a frame and delivers it.
func (s *session) readFrame(fd int) error {
	t := s.tunnel
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := unix.Read(fd, t.frame)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEnd
	case s.closed:
		return nil
	case n < protocolField:
		s.counters.rxMalformed.Add(1)
		return nil
	}
	frame := t.frame[:n]
	s.markHeard(time.Now())
	switch binary.BigEndian.Uint16(frame) {
	case protocolIPv4, protocolIPv6: // from the channel, before the unit existed
		s.counters.rxClosed.Add(1)
	default:
		s.counters.received(frame)
		s.cfg.Deliver(frame)
	}
	return nil
}

// markHeard records that a data message has arrived.
func (s *session) markHeard(now time.Time) {
	s.counters.lastHeard.Store(now.UnixNano())
	s.tunnel.lastHeard.Store(now.UnixNano())
}

// vanished reports to the owner, once, that the session is gone, unless Close has closed it.
func (s *session) vanished(err error) {
	t := s.tunnel
	t.mu.Lock()
	if s.closed || s.gone {
		t.mu.Unlock()
		return
	}
	s.gone = true
	s.work.Add(1)
	t.mu.Unlock()
	defer s.work.Done()
	s.cfg.Gone(fmt.Errorf("session %#x, interface %s: %w", s.cfg.LocalID, s.cfg.Interface, err))
}

// SendFrame sends all frames through the channel. Those of NCPs could also be sent through the
// unit, where the kernel would count them as packets of the interface.
func (s *session) SendFrame(frame []byte) error {
	if len(frame) < protocolField {
		return fmt.Errorf("PPP frame of %d octets: want at least the %d octets of its protocol field", len(frame), protocolField)
	}
	_, err := s.channel.Write(frame)
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	if err == nil {
		s.counters.sent(frame)
	}
	return err
}

func (s *session) SetOpen(p dataplane.Protocols) {
	// It fails only if the interface does not exist any more, which is reported by Gone.
	_ = control(s.unit, func(fd int) error { return setOpen(fd, p) })
}

// Close must not be called from a callback.
func (s *session) Close() (err error) {
	s.closing.Do(func() {
		t := s.tunnel
		t.mu.Lock() // nothing is delivered from here on
		s.closed = true
		t.mu.Unlock()

		if s.unit != nil {
			err = s.unit.Close() // the kernel deletes the interface with it
		}
		s.queryLast()
		if s.channel.File != nil {
			err = errors.Join(err, s.channel.close())
		}
		s.work.Wait()

		t.mu.Lock()
		delete(t.sessions, s.cfg.LocalID)
		t.mu.Unlock()
	})
	return err
}
