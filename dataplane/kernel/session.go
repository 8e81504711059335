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

// session is a session of the kernel, its PPP channel and unit, and the goroutines that read these.
type session struct {
	cfg    dataplane.SessionConfig
	tunnel *tunnel
	counts counts
	work   sync.WaitGroup // the readers, and a call of Gone

	// Set by open, one after another.
	kernel  uapi.Session
	channel channel  // File nil until it is open
	unit    *os.File // nil until it is open

	closing sync.Once
	// Guarded by tunnel.mu.
	opened bool // all of it is there
	closed bool
	gone   bool // told
}

func newSession(t *tunnel, cfg dataplane.SessionConfig) *session {
	cfg.LocalCookie, cfg.PeerCookie = bytes.Clone(cfg.LocalCookie), bytes.Clone(cfg.PeerCookie)
	return &session{cfg: cfg, tunnel: t}
}

// open makes all of the session. What it could not finish, Close removes.
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
		if gone := t.kernel.do(s.kernel.Delete()); !errors.Is(gone, unix.ENODEV) { // with its socket
			err = errors.Join(err, gone)
		}
		return err
	}
	// Read at once: the peer may speak while the interface is being made.
	s.work.Go(func() { s.read(s.channel.File, "its PPP channel") })
	if s.unit, err = t.createInterface(s.cfg, s.channel); err != nil {
		return err
	}
	s.work.Go(func() { s.read(s.unit, "its interface") })

	t.mu.Lock()
	defer t.mu.Unlock()
	s.opened = true
	return nil
}

// reorderTimeout is for how long the kernel waits for a message whose successors are here. Without
// it the kernel takes a lost message for a disorder, and drops the next ones too.
const reorderTimeout = 10 * time.Millisecond

// create makes the session in the kernel.
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
	var broken *carrier
	for {
		c, err := t.carrierOf(of, broken)
		if err != nil {
			return err
		}
		err = t.persist(unix.EEXIST, func() error { return t.kernel.do(s.kernel.Create()) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.ENODEV) || broken != nil {
			return fmt.Errorf("create L2TP session: %w", err)
		}
		broken = c // somebody has deleted the tunnel
	}
}

// read takes frames from one end of the session's PPP until it is closed or vanishes.
func (s *session) read(file *os.File, what string) {
	raw, err := file.SyscallConn()
	for err == nil {
		var took error
		err = raw.Read(func(fd uintptr) (done bool) {
			took = s.take(int(fd))
			return !errors.Is(took, unix.EAGAIN)
		})
		err = errors.Join(err, took)
	}
	s.vanished(fmt.Errorf("%s vanished: %w", what, err))
}

// errEnd is the end of a file of /dev/ppp: there is nothing behind it any more.
var errEnd = errors.New("removed by somebody else")

// take reads a frame and delivers it.
func (s *session) take(fd int) error {
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
		s.counts.rxMalformed.Add(1)
		return nil
	}
	frame := t.frame[:n]
	s.heard(time.Now())
	switch binary.BigEndian.Uint16(frame) {
	case protocolIPv4, protocolIPv6: // before there was a unit
		s.counts.rxClosed.Add(1)
	default:
		s.counts.received(frame)
		s.cfg.Deliver(frame)
	}
	return nil
}

// heard says that the peer's data message has arrived.
func (s *session) heard(now time.Time) {
	s.counts.lastHeard.Store(now.UnixNano())
	s.tunnel.lastHeard.Store(now.UnixNano())
}

// vanished tells the owner, unless Close is the reason.
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

// SendFrame sends all frames through the channel. Those of NCPs could take the unit's way too, but
// there they would count as packets of its interface.
func (s *session) SendFrame(frame []byte) error {
	if len(frame) < protocolField {
		return fmt.Errorf("PPP frame of %d octets: want its protocol field, %d octets, at least", len(frame), protocolField)
	}
	_, err := s.channel.Write(frame)
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	if err == nil {
		s.counts.sent(frame)
	}
	return err
}

func (s *session) SetOpen(p dataplane.Protocols) {
	// It fails where there is no interface any more, which has been told, or will be.
	_ = control(s.unit, func(fd int) error { return setOpen(fd, p) })
}

// Close must not be called from within a callback.
func (s *session) Close() (err error) {
	s.closing.Do(func() {
		t := s.tunnel
		t.mu.Lock() // from here on nothing is delivered
		s.closed = true
		t.mu.Unlock()

		if s.unit != nil {
			err = s.unit.Close() // the interface goes with it
		}
		s.settle()
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
