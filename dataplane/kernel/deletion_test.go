package kernel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// otherProcess returns a netlink socket to the L2TP of a namespace, as another process would open
// it.
func otherProcess(t *testing.T, host *planetest.Namespace) *l2tpNetlink {
	t.Helper()
	var l *l2tpNetlink
	planetest.Must(t, host.Do(func() (err error) {
		l, err = openL2TP()
		return err
	}))
	t.Cleanup(func() { planetest.Must(t, l.close()) })
	return l
}

// expectFrames checks that frames pass between the ends in both directions.
func expectFrames(t *testing.T, ends [2]*planetest.End) {
	t.Helper()
	for i, e := range ends {
		planetest.Must(t, e.SendFrame([]byte(lcpEcho)))
		if got := <-ends[1-i].Frames; got != lcpEcho {
			t.Errorf("sent %x, received %x", lcpEcho, got)
		}
	}
}

func descriptor(t *testing.T, file *os.File) (fd int) {
	t.Helper()
	planetest.Must(t, control(file, func(is int) error {
		fd = is
		return nil
	}))
	return fd
}

// poll returns the events of a file within a time in milliseconds; -1 waits indefinitely.
func poll(t *testing.T, fd, timeout int) (events int16) {
	t.Helper()
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(polled, timeout)
		if !errors.Is(err, unix.EINTR) {
			planetest.Must(t, err)
			return polled[0].Revents
		}
	}
}

// When the virtual router's namespace is deleted, the kernel deletes the interfaces, the units hang
// up, and Gone is called.
func TestNamespaceDeleted(t *testing.T) {
	g := newRig(t)
	var ends []*planetest.End
	for id := range uint32(4) {
		e := g.End(0, id+1, 8)
		planetest.Must(t, e.Create())
		e.VR.Up(t, e.Config.Interface)
		ends = append(ends, e)
	}
	g.PEs[0].VR.Delete()
	for _, e := range ends {
		if events := poll(t, descriptor(t, e.Session.(*session).unit), -1); events&unix.POLLHUP == 0 {
			t.Errorf("the unit of a deleted interface polls as %#x, want POLLHUP in it", events)
		}
		planetest.ExpectGone(t, e)
	}
}

// When another process deletes a session, or the tunnel with all sessions, by netlink, Gone is
// called. A new session works then, on the same control connection.
func TestDeletedByOtherProcess(t *testing.T) {
	overEach(t, func(t *testing.T, over dataplane.Encapsulation) {
		for _, tt := range []struct {
			name   string
			delete func(*l2tpNetlink, dataplane.SessionConfig) error
			gone   int // of two sessions
		}{
			{"session", func(l *l2tpNetlink, c dataplane.SessionConfig) error {
				return l.do(uapi.Session{TunnelID: c.LocalConnectionID, LocalID: c.LocalID}.Delete())
			}, 1},
			{"tunnel", func(l *l2tpNetlink, c dataplane.SessionConfig) error {
				return l.do(uapi.DeleteTunnel(c.LocalConnectionID))
			}, 2},
		} {
			t.Run(tt.name, func(t *testing.T) {
				g := newRigOver(t, over)
				first, second := g.OpenSession(t, 1, 8, 1400), g.OpenSession(t, 2, 8, 1400)
				expectFrames(t, first)
				planetest.Must(t, tt.delete(otherProcess(t, first[0].Host), first[0].Config))
				planetest.ExpectGone(t, first[0])
				if tt.gone == 2 {
					planetest.ExpectGone(t, second[0])
				} else {
					expectFrames(t, second)
				}
				again := g.End(0, 1, 8)
				planetest.Must(t, again.Create())
				expectFrames(t, [2]*planetest.End{again, first[1]})
				g.Settle(t, first[0].PE)
				g.Settle(t, first[1].PE)
			})
		}
	})
}

// The kernel does not report that a session was deleted by netlink: its interface stays up, and its
// open files have no events. Therefore watch must query the kernel.
func TestDeletionIsNotReported(t *testing.T) {
	g := newRig(t)
	e := g.OpenSession(t, 1, 8, 1400)[0]
	s := e.Session.(*session)
	planetest.Must(t, otherProcess(t, e.Host).do(s.kernel.Delete()))
	for err := s.query(); !errors.Is(err, unix.ENODEV); err = s.query() {
		planetest.Must(t, err) // Linux 6.11 and later delete it shortly after
		time.Sleep(time.Millisecond)
	}
	for what, fd := range map[string]int{"socket": s.channel.socket, "channel": descriptor(t, s.channel.File), "unit": descriptor(t, s.unit)} {
		if events := poll(t, fd, 0); events != 0 {
			t.Errorf("%s: unlike earlier kernels, this one reports the end of a session: %#x", what, events)
		}
	}
	if flags := e.VR.Link(t, e.Config.Interface).Attrs().Flags; flags&net.FlagUp == 0 {
		t.Error("unlike in earlier kernels, the interface went down with its session")
	}
	if err := <-e.Gone; !errors.Is(err, errDeleted) {
		t.Errorf("Gone(%v), want errDeleted from watch", err)
	}
}

// A session ends with its PPPoX socket, but its interface stays up. Reading the channel fails then.
func TestSocketClosed(t *testing.T) {
	g := newRig(t)
	e := g.OpenSession(t, 1, 8, 1400)[0]
	s := e.Session.(*session)
	null, err := os.Open(os.DevNull)
	planetest.Must(t, err)
	defer null.Close()
	// Close the socket, but keep its number in use.
	planetest.Must(t, unix.Dup3(int(null.Fd()), s.channel.socket, unix.O_CLOEXEC))
	for err = s.query(); err == nil; err = s.query() {
		runtime.Gosched()
	}
	if !errors.Is(err, unix.ENODEV) {
		t.Errorf("query of a session whose socket is closed: %v, want ENODEV", err)
	}
	if flags := e.VR.Link(t, e.Config.Interface).Attrs().Flags; flags&net.FlagUp == 0 {
		t.Error("unlike in earlier kernels, the interface went down with its session")
	}
	planetest.ExpectGone(t, e)
	if links := e.VR.Links(t); len(links) != 0 {
		t.Errorf("interfaces %q remain, want none", links)
	}
}

// A thread that is blocked in recvfrom keeps a closed socket, and the kernel's tunnel on it: its ID
// is in use until the thread returns. No thread of the data plane blocks there.
func TestBlockedReaderKeepsTunnel(t *testing.T) {
	g := newRig(t)
	e := g.End(0, 1, 8)
	l := otherProcess(t, e.Host)
	var old *peersocket.Socket
	planetest.Must(t, e.Host.Do(func() (err error) {
		old, err = dialOld(e)
		return err
	}))
	var socket int
	planetest.Must(t, old.Control(func(fd int) (err error) {
		socket, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	}))
	planetest.Must(t, old.Close())
	planetest.Must(t, unix.SetNonblock(socket, false))
	id := e.Config.LocalConnectionID
	tunnel := uapi.Tunnel{LocalID: id, PeerID: 9, Encapsulation: uapi.UDP, Socket: socket}
	planetest.Must(t, l.do(tunnel.Create()))

	thread, back := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// With a timeout, so that the thread returns at the end of the test.
		err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 3})
		thread <- unix.Gettid()
		if err == nil {
			_, _, err = unix.Recvfrom(socket, make([]byte, 1), 0)
		}
		back <- err
	}()
	waitBlocked(t, <-thread, unix.SYS_RECVFROM)
	planetest.Must(t, unix.Close(socket))
	created := make(chan error)
	go func() { created <- e.Create() }()
	select {
	case err := <-created:
		t.Errorf("unlike in earlier kernels, the tunnel ended while a thread was blocked on its socket: %v", err)
		planetest.Must(t, <-back)
	case err := <-back:
		if !errors.Is(err, unix.EAGAIN) {
			t.Errorf("recvfrom: %v, want EAGAIN", err)
		}
		planetest.Must(t, <-created)
	}
}

// waitBlocked waits until a thread of this process is blocked in a system call.
func waitBlocked(t *testing.T, thread, call int) {
	t.Helper()
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", thread))
		planetest.Must(t, err)
		if strings.HasPrefix(string(text), fmt.Sprintf("%d ", call)) { // otherwise "running"
			return
		}
		runtime.Gosched()
	}
}

// The kernel passes on data messages for a known session only if it has lost the session, which is
// then checked at once. It is not checked if the cookie is wrong: any sender could send that.
func TestSuspects(t *testing.T) {
	s := &session{cfg: dataplane.SessionConfig{LocalID: 1, LocalCookie: []byte("abcd")}}
	for _, tt := range []struct {
		name, datagram string
		suspect        bool
	}{
		{"data", "\x00\x03\x00\x00\x00\x00\x00\x01abcd\xff\x03\xc0\x21", true},
		{"wrong cookie", "\x00\x03\x00\x00\x00\x00\x00\x01abce\xff\x03\xc0\x21", false},
		{"half a cookie", "\x00\x03\x00\x00\x00\x00\x00\x01ab", false},
		{"another session", "\x00\x03\x00\x00\x00\x00\x00\x02abcd\xff\x03\xc0\x21", false},
		{"another version", "\x00\x02\x00\x00\x00\x00\x00\x01abcd\xff\x03\xc0\x21", false},
	} {
		tunnel := &tunnel{suspects: make(chan *session, 1), sessions: map[uint32]*session{1: s}}
		for range 2 { // it does not block
			tunnel.receive([]byte(tt.datagram))
		}
		if got := len(tunnel.suspects) == 1; got != tt.suspect {
			t.Errorf("%s: suspect %v, want %v", tt.name, got, tt.suspect)
		}
	}
}

// The tunnel of a killed daemon keeps its ID while the kernel removes its sessions. CreateSession
// waits for the ID, until the tunnel is closed.
func TestTunnelIDInUse(t *testing.T) { overEach(t, testTunnelIDInUse) }

func testTunnelIDInUse(t *testing.T, over dataplane.Encapsulation) {
	g := newRigOver(t, over)
	for _, freed := range []bool{true, false} {
		e := g.End(0, 1, 8)
		l := otherProcess(t, e.Host)
		var old *peersocket.Socket
		planetest.Must(t, e.Host.Do(func() (err error) {
			old, err = dialOld(e)
			return err
		}))
		defer old.Close()
		planetest.Must(t, old.Control(func(fd int) error {
			return l.do(uapi.Tunnel{LocalID: e.Config.LocalConnectionID, PeerID: 9, Encapsulation: uapi.UDP, Socket: fd}.Create())
		}))
		created := make(chan error)
		go func() { created <- e.Create() }()
		if freed {
			planetest.Must(t, old.Close())
			planetest.Must(t, <-created)
			planetest.Must(t, e.Tunnel.Close())
			planetest.Must(t, e.Open(e.V4, g.PEs[1].V4))
			continue
		}
		planetest.Must(t, e.Tunnel.Close())
		if err := <-created; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the tunnel was closed: %v, want net.ErrClosed", err)
		}
	}
}

// dialOld opens another socket at the address of e's tunnel.
func dialOld(e *planetest.End) (*peersocket.Socket, error) {
	local := e.Tunnel.LocalAddr()
	elsewhere := local.Addr().Next().Next() // any other address
	return peersocket.Dial(addrPort(local.Addr(), 1799), addrPort(elsewhere, 1799))
}

// Once a newer control connection has sessions, none can be created on an older one.
func TestConnectionRetired(t *testing.T) { overEach(t, testConnectionRetired) }

func testConnectionRetired(t *testing.T, over dataplane.Encapsulation) {
	g := newRigOver(t, over)
	old, now, late := g.End(0, 1, 8), g.End(0, 2, 8), g.End(0, 3, 8)
	now.Config.LocalConnectionID++
	planetest.Must(t, old.Create())
	planetest.Must(t, now.Create())
	if err := late.Create(); err == nil {
		t.Error("a session was created on a replaced control connection")
	}
	peer := g.End(1, 2, 8)
	planetest.Must(t, peer.Create())
	expectFrames(t, [2]*planetest.End{now, peer})
	planetest.ExpectGone(t, old)
}
