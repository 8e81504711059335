package pppol2tp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// farEnd is the peer of PE1 in place of PE2: it has a control connection with a tunnel of the
// kernel, and sessions, each with a session of the kernel and a pppd. It supports a single control
// connection, because a socket supports a single tunnel.
type farEnd struct {
	ns     lab.Namespace
	kernel *kernel
	socket *net.UDPConn
	lines  map[endid.VPNID]*line
	calls  chan func(now time.Time)
	done   chan struct{}

	// Owned by the loop.
	peer     *control.Peer
	out      control.Output
	received chan []byte
	tunnel   *control.Connection // the connection with a tunnel in the kernel
	err      error               // the first error
}

// line is the state of one VPN at the far end.
type line struct {
	options []string // of pppd

	// Owned by the loop.
	away    bool             // pppd is not available: session requests wait
	session *control.Session // nil: none
	pppd    *pppd            // nil until the first one has started
}

const port = 1702 // of links without IPsec

// newFarEnd starts the far end at a PE's address. In the active role it establishes the control
// connection and requests the sessions; otherwise PE1 does.
func newFarEnd(pe *lab.PE, secret []byte, role control.Role, lines map[endid.VPNID]*line) (*farEnd, error) {
	f := &farEnd{
		ns: pe.NS, lines: lines,
		calls: make(chan func(time.Time)), done: make(chan struct{}), received: make(chan []byte),
		peer: control.NewPeer(control.Config{
			HostName: "lns", RouterID: 2, Secret: secret, Digest: l2tp.DigestHMACSHA1, Role: role, Window: 16, Hello: time.Minute,
			Timing: control.Timing{Initial: time.Second, Cap: 8 * time.Second, MaxRetries: 10},
			Retry:  timing.Backoff{Min: time.Second, Max: time.Second},
			Rand:   func(b []byte) { rand.Read(b) }, // never fails
		}),
	}
	err := pe.NS.Do(func() (err error) {
		if f.kernel, err = openKernel(); err != nil {
			return err
		}
		at := func(a netip.Addr) *net.UDPAddr { return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port)) }
		f.socket, err = net.DialUDP("udp", at(pe.Address), at(pe.Peer.Address))
		return err
	})
	if err != nil {
		return nil, err
	}
	go f.read()
	go f.run()
	return f, nil
}

// close ends the far end without notifying PE1, and returns its errors.
func (f *farEnd) close() error {
	close(f.calls)
	<-f.done
	for _, l := range f.lines {
		if l.pppd != nil {
			_ = l.pppd.cmd.Process.Kill() // unless it has ended
			<-l.pppd.done
		}
	}
	return errors.Join(f.err, f.socket.Close(), f.kernel.conn.Close())
}

// read passes control messages from PE1 to the loop. The socket also receives data messages for
// unknown sessions, which the kernel does not handle; they are dropped.
func (f *farEnd) read() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := f.socket.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !l2tp.IsControl(buffer[:n]) {
			continue // such as an ICMP error while PE1 does not listen yet
		}
		select {
		case f.received <- bytes.Clone(buffer[:n]):
		case <-f.done:
			return
		}
	}
}

func (f *farEnd) run() {
	defer close(f.done)
	timer := time.NewTimer(0)
	f.peer.Start(time.Now(), &f.out)
	for {
		f.drain(time.Now())
		timer.Stop()
		if next := f.peer.Deadline(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case message := <-f.received:
			f.peer.Receive(time.Now(), message, &f.out)
		case <-timer.C:
			f.peer.Advance(time.Now(), &f.out)
		case call, ok := <-f.calls:
			if !ok {
				return
			}
			call(time.Now())
		}
	}
}

// do runs a step in the loop, and waits until it is done.
func (f *farEnd) do(step func(now time.Time)) {
	done := make(chan struct{})
	f.calls <- func(now time.Time) {
		step(now)
		close(done)
	}
	<-done
}

// drain handles the events of the machine and sends its messages.
func (f *farEnd) drain(now time.Time) {
	for i := 0; i < len(f.out.Events); i++ {
		f.keep(f.act(now, f.out.Events[i]))
	}
	for message := range f.out.Datagrams {
		_, _ = f.socket.Write(message) // lost messages are retransmitted
	}
	f.out.Reset()
}

func (f *farEnd) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *farEnd) act(now time.Time, event control.Event) error {
	switch e := event.(type) {
	case control.ConnectionUp:
		if e.Connection.Initiator {
			for id := range f.lines {
				e.Connection.Open(now, id.AppendOctets(nil), &f.out)
			}
		}
	case control.CallIncoming:
		return f.answer(now, e.Session)
	case control.CallAnswered:
		return f.answer(now, e.Session)
	case control.SessionDown:
		if l, err := f.line(e.Session); err == nil && l.session == e.Session {
			l.session = nil
			if l.pppd != nil {
				_ = l.pppd.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
			}
		}
	}
	return nil
}

func (f *farEnd) line(of *control.Session) (*line, error) {
	id, err := endid.FromOctets(of.RemoteEndID)
	if err != nil {
		return nil, fmt.Errorf("Remote End ID is not a VPN-ID: %w", err)
	}
	l := f.lines[id]
	if l == nil {
		return nil, fmt.Errorf("unknown VPN-ID %s", id)
	}
	return l, nil
}

// answer handles a session once both ends know its IDs and cookies.
func (f *farEnd) answer(now time.Time, s *control.Session) error {
	l, err := f.line(s)
	if err != nil {
		return err
	}
	l.session = s
	if l.away {
		return nil
	}
	return f.open(now, l)
}

// open creates the session in the kernel, starts pppd on it, and notifies PE1.
func (f *farEnd) open(now time.Time, l *line) error {
	s := l.session
	var socket *os.File
	err := f.ns.Do(func() (err error) {
		if err := f.addTunnel(s.Connection); err != nil {
			return err
		}
		if err := f.kernel.addSession(s); err != nil {
			return fmt.Errorf("create the kernel's session: %w", err)
		}
		socket, err = connect(s.Connection.ID, s.ID, s.Connection.PeerID, s.PeerID)
		return err
	})
	if err != nil {
		return err
	}
	if l.pppd, err = startPPPD(f.ns, socket, l.options...); err != nil {
		return err
	}
	if s.Initiator {
		s.Connect(now, &f.out)
	} else {
		s.Accept(now, &f.out)
	}
	return nil
}

// addTunnel creates the kernel's tunnel, once.
func (f *farEnd) addTunnel(of *control.Connection) error {
	switch f.tunnel {
	case of:
		return nil
	case nil:
	default:
		return errors.New("a second control connection; the far end supports one")
	}
	raw, err := f.socket.SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = raw.Control(func(fd uintptr) { added = f.kernel.addTunnel(of, fd) })
	if err = errors.Join(err, added); err != nil {
		return fmt.Errorf("create the kernel's tunnel: %w", err)
	}
	f.tunnel = of
	return nil
}

// back makes a line accept session requests again, and answers a waiting one.
func (f *farEnd) back(l *line) {
	f.do(func(now time.Time) {
		l.away = false
		if s := l.session; s != nil && slices.Contains([]control.SessionState{control.WaitReply, control.WaitConnect}, s.State) {
			f.keep(f.open(now, l))
		}
	})
}
