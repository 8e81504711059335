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

// farEnd is the peer of PE1 in the place of PE2: control connection and sessions, each with a
// tunnel or session of the kernel and a pppd. It is good for one control connection, as a socket is
// for one tunnel.
type farEnd struct {
	ns     lab.Namespace
	kernel *kernel
	socket *net.UDPConn
	lines  map[endid.VPNID]*line
	calls  chan func(now time.Time)
	done   chan struct{}

	// The loop's.
	peer     *control.Peer
	out      control.Output
	received chan []byte
	tunnel   *control.Connection // that the kernel has a tunnel for
	err      error               // the first
}

// line is what the far end has for one VPN.
type line struct {
	options []string // of pppd

	// The loop's.
	away    bool             // there is no pppd: a call waits
	session *control.Session // nil: there is none
	pppd    *pppd            // nil until there was one
}

const port = 1702 // of links that IPsec does not protect

// newFarEnd starts the far end at a PE's address. As the active one it makes the control connection
// and asks for the sessions, else PE1 does.
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

// close ends the far end without a word, and returns what went wrong in it.
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

// read hands what the kernel leaves of what PE1 sends to the loop: control messages, and data for
// no session.
func (f *farEnd) read() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := f.socket.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !l2tp.IsControl(buffer[:n]) {
			continue // PE1 does not listen yet
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

// do has the loop call what.
func (f *farEnd) do(what func(now time.Time)) {
	done := make(chan struct{})
	f.calls <- func(now time.Time) {
		what(now)
		close(done)
	}
	<-done
}

// drain does what the machine wants done.
func (f *farEnd) drain(now time.Time) {
	for i := 0; i < len(f.out.Events); i++ {
		f.keep(f.act(now, f.out.Events[i]))
	}
	for message := range f.out.Datagrams {
		_, _ = f.socket.Write(message) // what is lost is sent again
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
				_ = l.pppd.cmd.Process.Signal(syscall.SIGTERM) // unless that is why
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
		return nil, fmt.Errorf("there is no VPN %s", id)
	}
	return l, nil
}

// answer takes a session whose IDs and cookies both sides know.
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

// open makes the session in the kernel, has pppd take it, and tells PE1 that it is there.
func (f *farEnd) open(now time.Time, l *line) error {
	s := l.session
	var socket *os.File
	err := f.ns.Do(func() (err error) {
		if err := f.addTunnel(s.Connection); err != nil {
			return err
		}
		if err := f.kernel.addSession(s); err != nil {
			return fmt.Errorf("the kernel's session: %w", err)
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

// addTunnel makes the kernel's tunnel, once.
func (f *farEnd) addTunnel(of *control.Connection) error {
	switch f.tunnel {
	case of:
		return nil
	case nil:
	default:
		return errors.New("another control connection than the one that the kernel's tunnel is for")
	}
	raw, err := f.socket.SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = raw.Control(func(fd uintptr) { added = f.kernel.addTunnel(of, fd) })
	if err = errors.Join(err, added); err != nil {
		return fmt.Errorf("the kernel's tunnel: %w", err)
	}
	f.tunnel = of
	return nil
}

// back has a line take calls again, and answers the one that waits, if there is one.
func (f *farEnd) back(l *line) {
	f.do(func(now time.Time) {
		l.away = false
		if s := l.session; s != nil && slices.Contains([]control.SessionState{control.WaitReply, control.WaitConnect}, s.State) {
			f.keep(f.open(now, l))
		}
	})
}
