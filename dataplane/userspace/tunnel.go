package userspace

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
	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// tunnel is the socket to a peer, the goroutine that reads it, and the sessions.
type tunnel struct {
	cfg    dataplane.TunnelConfig
	socket socket
	hints  *peersocket.Hints
	work   sync.WaitGroup // goroutines, and calls of CreateSession
	done   chan struct{}  // closed by Close

	control, malformed, unknown atomic.Uint64

	lastHeard atomic.Int64 // of any session: nanoseconds since 1970, 0: never

	sending sync.Mutex // guards message
	message []byte     // the control message that SendControl is sending over IP

	closing  sync.Once
	mu       sync.Mutex // held by the reader while a session handles a message
	closed   bool
	sessions map[uint32]*session // by local session ID
}

func openTunnel(cfg dataplane.TunnelConfig) (*tunnel, error) {
	sock, err := dial(cfg)
	if err != nil {
		return nil, fmt.Errorf("open tunnel to %v: %w", cfg.Peer, err)
	}
	t := &tunnel{
		cfg:      cfg,
		socket:   sock,
		done:     make(chan struct{}),
		hints:    peersocket.NewHints(cfg, sock.PathMTU),
		sessions: make(map[uint32]*session),
	}
	if _, err := t.PathMTU(); err != nil {
		return nil, errors.Join(err, sock.Close())
	}
	t.work.Go(t.read)
	t.work.Go(func() { t.hints.Run(t.done) })
	return t, nil
}

func (t *tunnel) LocalAddr() netip.AddrPort { return t.socket.LocalAddrPort() }

func (t *tunnel) PathMTU() (int, error) { return t.hints.PathMTU() }

func (t *tunnel) SendControl(message []byte) error {
	if t.cfg.Encapsulation == dataplane.UDP {
		return t.send(message)
	}
	t.sending.Lock()
	defer t.sending.Unlock()
	// Session ID 0 precedes a control message (RFC 3931, section 4.1.1.2).
	t.message = append(l2tp.AppendIPDataHeader(t.message[:0], 0, nil), message...)
	return t.send(t.message)
}

func (t *tunnel) Stats() dataplane.TunnelStats {
	stats := dataplane.TunnelStats{
		Control:        t.control.Load(),
		Malformed:      t.malformed.Load(),
		UnknownSession: t.unknown.Load(),
	}
	if heard := t.lastHeard.Load(); heard != 0 {
		stats.LastHeard = time.Unix(0, heard)
	}
	return stats
}

func (t *tunnel) send(datagram []byte) error { return t.hints.Send(t.socket, datagram) }

// read handles the datagrams of the socket until it is closed.
func (t *tunnel) read() {
	buffer := make([]byte, virtioHeader+maxPacket)
	for {
		from, to, err := t.socket.receive(buffer, virtioHeader)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			t.hints.Report(err)
			continue
		}
		if to > 0 {
			t.receive(buffer[from-virtioHeader:to], time.Now())
		}
	}
}

// receive handles a datagram: b without its first virtioHeader octets.
func (t *tunnel) receive(b []byte, now time.Time) {
	datagram := b[virtioHeader:]
	kind, id, message := classify(t.cfg.Encapsulation, datagram)
	switch kind {
	case l2tp.KindInvalid:
		t.malformed.Add(1)
		return
	case l2tp.KindControl:
		if t.cfg.Encapsulation == dataplane.IP && id == 0 {
			return // to no control connection: the listener receives it, too
		}
		t.control.Add(1)
		t.cfg.Control(message)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions[id]
	if s == nil {
		t.unknown.Add(1)
		return
	}
	s.receive(b, len(datagram)-len(message), now)
}

// CreateSession opens a TUN device in the session's namespace.
func (t *tunnel) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	s, err := newSession(t, cfg)
	if err != nil {
		return nil, err
	}
	// Before its device is opened, because the first frames of the peer may already arrive.
	if err := t.add(s); err != nil {
		return nil, fmt.Errorf("session %#x: %w", cfg.LocalID, err)
	}
	defer t.work.Done()
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("interface %s: %w", cfg.Interface, err), s.Close())
	}
	return s, nil
}

// add records a session, unless the tunnel is closed, and counts the call of CreateSession as work.
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
	t.work.Add(1)
	return nil
}

// Close closes the sessions concurrently. It must not be called from a callback.
func (t *tunnel) Close() (err error) {
	t.closing.Do(func() {
		t.mu.Lock()
		t.closed = true
		sessions := slices.Collect(maps.Values(t.sessions))
		t.mu.Unlock()

		close(t.done)
		err = t.socket.Close()
		// The kernel waits some 20 ms for each device: one after another would be 50 a second.
		var closing errgroup.Group
		closing.SetLimit(32)
		for _, s := range sessions {
			closing.Go(s.Close)
		}
		err = errors.Join(err, closing.Wait())
		t.work.Wait()
	})
	return err
}
