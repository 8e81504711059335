package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// plane is a data plane without interfaces. It loses some of what it sends.
type plane struct {
	board *board
	loss  float64 // share of the datagrams that it drops, 0 to 1
	seed  uint64  // of what it drops
	mute  bool    // it carries no PPP frames: a link is up when a session's first one is to be sent, for that round
}

var _ dataplane.Plane = (*plane)(nil)

func (p *plane) Name() string { return "null" }

func (p *plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(cfg.Local), Control: prepare}
	conn, err := dialer.Dial("udp4", cfg.Peer.String())
	if err != nil {
		return nil, err
	}
	t := &tunnel{
		plane: p, cfg: cfg, conn: conn.(*net.UDPConn), sessions: make(map[uint32]*session),
		random: rand.New(rand.NewPCG(p.seed, uint64(binary.BigEndian.Uint32(cfg.Peer.Addr().AsSlice())))),
	}
	t.reading.Go(t.read)
	return t, nil
}

// made and gone take note of a session's life. Without PPP a session ends after a while for the
// want of it, which says nothing about L2TP.
func (p *plane) made(s *session) {
	if p.mute {
		p.board.anew(s.cfg.Interface)
	}
}

func (p *plane) gone(s *session) {
	if !p.mute {
		p.board.down(s.cfg.Interface)
	}
}

// socketBuffer is that of the userspace data plane.
const socketBuffer = 4 << 20

// prepare lets the socket share its port with the daemon's listener, and holds bursts as the
// userspace data plane's does.
func prepare(_, _ string, raw syscall.RawConn) (err error) {
	controlErr := raw.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer),
		)
	})
	return errors.Join(controlErr, err)
}

// tunnel is a socket connected to a peer.
type tunnel struct {
	plane     *plane
	cfg       dataplane.TunnelConfig
	conn      *net.UDPConn
	reading   sync.WaitGroup
	lastHeard atomic.Int64 // nanoseconds since 1970; 0: never
	closing   sync.Once

	sending sync.Mutex
	random  *rand.Rand
	message []byte // a data message in the making

	mu       sync.Mutex // held by the reader while a session takes a frame
	closed   bool
	sessions map[uint32]*session // by local session ID
}

func (t *tunnel) LocalAddr() netip.AddrPort { return t.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// PathMTU is that of an Ethernet, as links have it between PEs.
func (t *tunnel) PathMTU() (int, error) { return 1500, nil }

func (t *tunnel) SendControl(message []byte) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	return t.send(message)
}

// send sends a datagram or loses it, with sending held.
func (t *tunnel) send(datagram []byte) error {
	if t.plane.loss > 0 && t.random.Float64() < t.plane.loss {
		return nil
	}
	_, err := t.conn.Write(datagram)
	return err
}

// The data message header over UDP (RFC 3931 section 4.1.2.1), and PPP's address and control
// octets.
const (
	versionOctet = 3
	headerLen    = 8
)

// maxDatagram is more than a control message or a PPP control frame ever has.
const maxDatagram = 4096

var addressControl = []byte{0xff, 0x03}

func (t *tunnel) read() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := t.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an ICMP error: the peer does not listen
			continue
		case from.Addr().Unmap() != t.cfg.Peer.Addr(): // it came between bind and connect
			continue
		case n < headerLen || buffer[1]&0x0f != versionOctet:
			continue
		case buffer[0]&0x80 != 0:
			t.cfg.Control(buffer[:n])
		default:
			t.receive(buffer[:n])
		}
	}
}

// receive takes a data message.
func (t *tunnel) receive(message []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions[binary.BigEndian.Uint32(message[4:])]
	if s == nil {
		return
	}
	frame, ok := bytes.CutPrefix(message[headerLen:], s.cfg.LocalCookie)
	if !ok {
		return
	}
	t.lastHeard.Store(time.Now().UnixNano())
	s.cfg.Deliver(bytes.TrimPrefix(frame, addressControl))
}

func (t *tunnel) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, net.ErrClosed
	case t.sessions[cfg.LocalID] != nil:
		return nil, errors.New("there is a session with this local session ID")
	}
	s := &session{tunnel: t, cfg: cfg}
	t.sessions[cfg.LocalID] = s
	t.plane.made(s)
	return s, nil
}

func (t *tunnel) Stats() dataplane.TunnelStats {
	var stats dataplane.TunnelStats
	if at := t.lastHeard.Load(); at != 0 {
		stats.LastHeard = time.Unix(0, at)
	}
	return stats
}

func (t *tunnel) Close() (err error) {
	t.closing.Do(func() {
		t.mu.Lock()
		t.closed = true
		for _, s := range t.sessions {
			t.plane.gone(s)
		}
		clear(t.sessions)
		t.mu.Unlock()
		err = t.conn.Close()
		t.reading.Wait()
	})
	return err
}

// session is a session without an interface.
type session struct {
	tunnel *tunnel
	cfg    dataplane.SessionConfig
	used   bool // a frame was to be sent
}

func (s *session) SendFrame(frame []byte) error {
	t := s.tunnel
	if t.plane.mute {
		if !s.used {
			s.used = true
			t.plane.board.up(s.cfg.Interface)
		}
		return nil
	}
	t.sending.Lock()
	defer t.sending.Unlock()
	b := append(t.message[:0], 0, versionOctet, 0, 0)
	b = binary.BigEndian.AppendUint32(b, s.cfg.PeerID)
	b = append(b, s.cfg.PeerCookie...)
	b = append(b, addressControl...)
	t.message = append(b, frame...)
	return t.send(t.message)
}

func (s *session) SetOpen(dataplane.Protocols) {}

func (s *session) LastHeard() time.Time { return time.Time{} }

func (s *session) Stats() dataplane.Stats { return dataplane.Stats{} }

func (s *session) Close() error {
	t := s.tunnel
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sessions[s.cfg.LocalID] == s {
		delete(t.sessions, s.cfg.LocalID)
		t.plane.gone(s)
	}
	return nil
}
