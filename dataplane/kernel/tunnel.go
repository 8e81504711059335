package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/internal/check"
	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// tunnel is the sockets to a peer, the kernel's tunnel, the goroutines that read and watch them,
// and the sessions.
type tunnel struct {
	cfg    dataplane.TunnelConfig
	home   netns.Handle // where it was opened; a PPP channel is looked up in the thread's namespace
	kernel *l2tpNetlink
	hints  *peersocket.Hints

	creating sync.WaitGroup // calls of CreateSession
	work     sync.WaitGroup // goroutines
	done     chan struct{}  // closed by Close
	suspects chan *session  // of size 1: sessions that the kernel seems to have lost

	control, malformed, unknown atomic.Uint64

	lastHeard atomic.Int64 // of any session: nanoseconds since 1970, 0: never

	transport    transport
	replacing    sync.Mutex    // guards kernelTunnel and retired
	kernelTunnel *kernelTunnel // nil: no session has needed it yet
	retired      map[connection]bool

	closing  sync.Once
	mu       sync.Mutex // held while a frame is delivered
	closed   bool
	sessions map[uint32]*session // by local session ID
	frame    []byte              // buffer of the sessions' readers
}

func openTunnel(cfg dataplane.TunnelConfig) (_ *tunnel, err error) {
	t := &tunnel{
		cfg:      cfg,
		home:     netns.None,
		done:     make(chan struct{}),
		suspects: make(chan *session, 1),
		retired:  make(map[connection]bool),
		sessions: make(map[uint32]*session),
		frame:    make([]byte, maxDatagram),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open tunnel to %v: %w", cfg.Peer, err), t.release())
		}
	}()
	if t.home, err = netns.Current(); err != nil {
		return nil, err
	}
	if t.kernel, err = openL2TP(); err != nil {
		return nil, err
	}
	t.hints = peersocket.NewHints(cfg, func() (int, error) { return t.transport.PathMTU() })
	if t.transport, err = t.openTransport(); err != nil {
		return nil, err
	}
	if _, err := t.PathMTU(); err != nil {
		return nil, err
	}
	t.work.Go(func() { t.hints.Run(t.done) })
	t.work.Go(t.watch)
	return t, nil
}

// release closes everything that the tunnel has opened.
func (t *tunnel) release() error {
	var errs []error
	if t.transport != nil {
		errs = append(errs, t.transport.Close())
	}
	t.work.Wait()
	if t.kernel != nil {
		errs = append(errs, t.kernel.close())
	}
	if t.home.IsOpen() {
		errs = append(errs, t.home.Close())
	}
	return errors.Join(errs...)
}

func (t *tunnel) LocalAddr() netip.AddrPort { return t.transport.LocalAddrPort() }

func (t *tunnel) PathMTU() (int, error) { return t.hints.PathMTU() }

func (t *tunnel) SendControl(message []byte) error {
	if t.cfg.Encapsulation == dataplane.IP {
		// Session ID 0 precedes a control message (RFC 3931, section 4.1.1.2).
		message = append(l2tp.AppendIPDataHeader(nil, 0, nil), message...)
	}
	return t.hints.Send(t.transport, message)
}

func (t *tunnel) Stats() dataplane.TunnelStats {
	return dataplane.TunnelStats{
		Control:        t.control.Load(),
		Malformed:      t.malformed.Load(),
		UnknownSession: t.unknown.Load(),
		LastHeard:      timeOf(&t.lastHeard),
	}
}

// timeOf returns the time from nanoseconds since 1970; zero for 0.
func timeOf(nanoseconds *atomic.Int64) (t time.Time) {
	if n := nanoseconds.Load(); n != 0 {
		t = time.Unix(0, n)
	}
	return t
}

// maxDatagram is the longest datagram in octets.
const maxDatagram = 1<<16 - 1

// receive handles a datagram over UDP that the kernel did not handle itself.
func (t *tunnel) receive(datagram []byte) {
	kind, id, message := l2tp.ClassifyUDP(datagram)
	switch kind {
	case l2tp.KindInvalid:
		t.malformed.Add(1)
		return
	case l2tp.KindControl:
		t.control.Add(1)
		t.cfg.Control(message)
		return
	}
	t.unknown.Add(1)
	t.mu.Lock()
	s := t.sessions[id]
	t.mu.Unlock()
	if s == nil {
		return
	}
	// The kernel itself handles data messages for the sessions that it knows, so it has lost this
	// one. Without the cookie anybody could claim that.
	if _, ok := l2tp.CutCookie(message, s.cfg.LocalCookie); ok {
		select {
		case t.suspects <- s:
		default: // the next check of all sessions finds it
		}
	}
}

// receiveOverIP handles the payload of an IP packet with session ID 0. The kernel drops packets to
// unknown sessions without a report.
func (t *tunnel) receiveOverIP(packet []byte) {
	kind, id, message := l2tp.ClassifyIP(packet)
	switch {
	case kind != l2tp.KindControl:
		t.malformed.Add(1)
	case id == 0: // to no control connection: the listener receives it, too
	default:
		t.control.Add(1)
		t.cfg.Control(message)
	}
}

// CreateSession creates the session in the kernel, and a PPP interface in the session's namespace.
func (t *tunnel) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	if err := check.Session(cfg); err != nil {
		return nil, err
	}
	s := newSession(t, cfg)
	if err := t.add(s); err != nil {
		return nil, fmt.Errorf("session %#x: %w", cfg.LocalID, err)
	}
	defer t.creating.Done()
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("session %#x, interface %s: %w", cfg.LocalID, cfg.Interface, err), s.Close())
	}
	return s, nil
}

// add records a session, unless the tunnel is closed.
func (t *tunnel) add(s *session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	if t.sessions[s.cfg.LocalID] != nil {
		return errors.New("local session ID is already in use")
	}
	t.sessions[s.cfg.LocalID] = s
	t.creating.Add(1)
	return nil
}

// list returns all sessions.
func (t *tunnel) list() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.sessions))
}

// Close closes the sessions concurrently. It must not be called from a callback.
func (t *tunnel) Close() (err error) {
	t.closing.Do(func() {
		t.mu.Lock()
		t.closed = true
		t.mu.Unlock()

		close(t.done)
		t.creating.Wait()
		// The kernel waits some 20 ms for each interface: one after another would be 50 a second.
		var closing errgroup.Group
		closing.SetLimit(32)
		for _, s := range t.list() {
			closing.Go(s.Close)
		}
		err = errors.Join(closing.Wait(), t.release())
	})
	return err
}
