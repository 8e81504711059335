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

// plane is a data plane without interfaces. It drops some of the datagrams that it sends.
type plane struct {
	tracker *tracker
	loss    float64 // share of the datagrams that it drops, 0 to 1
	seed    uint64  // of the random choice of dropped datagrams
	// noPPP is set if the plane drops all PPP frames. A link then counts as up when the first frame
	// of its session is sent.
	noPPP bool
}

var _ dataplane.Plane = (*plane)(nil)

func (p *plane) Name() string { return "null" }

func (p *plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(cfg.Local), Control: setSocketOptions}
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

// created reports the link of s as restarting if the plane carries no PPP frames. With PPP, closed
// and routers report all changes.
func (p *plane) created(s *session) {
	if p.noPPP {
		p.tracker.restarting(s.cfg.Interface)
	}
}

// closed reports to the tracker that the link of s is down. It reports nothing without PPP: such a
// session ends because PPP times out, which does not concern the measurement of L2TP.
func (p *plane) closed(s *session) {
	if !p.noPPP {
		p.tracker.down(s.cfg.Interface)
	}
}

// socketBuffer is the size of the receive buffer in octets, that of the userspace data plane.
const socketBuffer = 4 << 20

// setSocketOptions makes the socket share its port with the daemon's listener, and sets a receive
// buffer that is large enough for bursts, as the userspace data plane does.
func setSocketOptions(_, _ string, raw syscall.RawConn) (err error) {
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
	message []byte // buffer for data messages

	mu       sync.Mutex // held while a session delivers a frame
	closed   bool
	sessions map[uint32]*session // by local session ID
}

func (t *tunnel) LocalAddr() netip.AddrPort { return t.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// PathMTU returns 1500, the MTU of Ethernet.
func (t *tunnel) PathMTU() (int, error) { return 1500, nil }

func (t *tunnel) SendControl(message []byte) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	return t.send(message)
}

// send sends or drops a datagram. The caller holds sending.
func (t *tunnel) send(datagram []byte) error {
	if t.plane.loss > 0 && t.random.Float64() < t.plane.loss {
		return nil
	}
	_, err := t.conn.Write(datagram)
	return err
}

// The session header over UDP (RFC 3931, section 4.1.2.1).
const (
	versionOctet = 3
	headerLen    = 8
)

// maxDatagram is larger than any control message or PPP control packet, in octets.
const maxDatagram = 4096

// addressControl is the Address and Control fields of a PPP frame.
var addressControl = []byte{0xff, 0x03}

func (t *tunnel) read() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := t.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // ICMP error: the peer's port is closed
			continue
		case from.Addr().Unmap() != t.cfg.Peer.Addr(): // received between bind and connect
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

// receive delivers the PPP frame of a data message to its session.
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
		return nil, errors.New("local session ID in use")
	}
	s := &session{tunnel: t, cfg: cfg}
	t.sessions[cfg.LocalID] = s
	t.plane.created(s)
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
			t.plane.closed(s)
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
	used   bool // a frame was sent, or dropped because of plane.noPPP
}

func (s *session) SendFrame(frame []byte) error {
	t := s.tunnel
	if t.plane.noPPP {
		if !s.used {
			s.used = true
			t.plane.tracker.up(s.cfg.Interface)
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
		t.plane.closed(s)
	}
	return nil
}
