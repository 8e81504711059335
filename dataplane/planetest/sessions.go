package planetest

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// namespaceFunc is a dataplane.Namespace for a test.
type namespaceFunc func(f func() error) error

func (do namespaceFunc) Do(f func() error) error { return do(f) }

// A frame that arrives while CreateSession creates the interface is delivered: the peer may already
// send LCP. The new interface is down and has the configured MTU.
func testFrameDuringCreateSession(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	const hello = "\xc0\x21\x01\x01\x00\x04"
	e, peer := g.End(0, 1, 4), g.End(1, 1, 4)
	Must(t, peer.Create())
	e.Config.Namespace = namespaceFunc(func(f func() error) error {
		Must(t, peer.SendFrame([]byte(hello)))
		if got := <-e.Frames; got != hello {
			t.Errorf("got %x, want %x", got, hello)
		}
		return e.VR.Do(f)
	})
	Must(t, e.Create())
	if link := e.VR.Link(t, e.Config.Interface).Attrs(); link.MTU != 1400 || link.Flags&net.FlagUp != 0 {
		t.Errorf("new interface with MTU %d and flags %v, want 1400 and not up", link.MTU, link.Flags)
	}
}

// The interfaces of a VRF are in the same namespace as the tunnel.
func testInterfaceInNamespaceOfTunnel(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	e, peer := g.End(0, 1, 8), g.End(1, 1, 8)
	e.Config.Namespace = e.Host
	before := len(e.Host.Links(t))
	Must(t, e.Create())
	Must(t, peer.Create())
	if link := e.Host.Link(t, e.Config.Interface).Attrs(); link.MTU != 1400 {
		t.Errorf("MTU %d, want 1400", link.MTU)
	}
	Must(t, e.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")))
	<-peer.Frames
	Must(t, e.Close())
	if links := e.Host.Links(t); len(links) != before {
		t.Errorf("interfaces %q after Close, want one less", links)
	}
}

// ExpectGone waits until Gone is called, once. All methods of the session can be called then, and
// Close returns no error.
func ExpectGone(t *testing.T, e *End) {
	t.Helper()
	if err := <-e.Gone; err == nil || !strings.Contains(err.Error(), e.Config.Interface) {
		t.Errorf("Gone(%v), want an error that names the interface", err)
	}
	_ = e.SendFrame([]byte("\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00"))
	e.SetOpen(dataplane.IPv4)
	e.Stats()
	Must(t, e.Close())
	Must(t, e.Close())
	if len(e.Gone) != 0 {
		t.Errorf("a second call of Gone(%v)", <-e.Gone)
	}
}

// Gone is called when another process deletes the interface.
func testInterfaceDeleted(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	for i := range 20 { // the reader may be anywhere at that time
		e := g.End(0, 1, 0)
		Must(t, e.Create())
		if i%2 == 0 {
			e.VR.Up(t, e.Config.Interface)
		}
		e.VR.DeleteLink(t, e.Config.Interface)
		ExpectGone(t, e)
	}
}

// Close deletes the interface; nothing is delivered after it, and Gone is not called. The session's
// IDs and the name of its interface can be used again, and messages for it are counted as those of
// an unknown session.
func testSessionClose(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	peer := g.End(1, 1, 4)
	Must(t, peer.Create())
	// Over IP the kernel drops messages of unknown sessions without a report.
	silent := g.PEs[0].Encapsulation == dataplane.IP && g.PEs[0].Plane.Name() == "kernel"
	for range 5 {
		e := g.End(0, 1, 4)
		Must(t, e.Create())
		Must(t, peer.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")))
		<-e.Frames
		Must(t, e.Close())
		if links := e.VR.Links(t); len(links) != 0 {
			t.Errorf("interfaces %q remain, want none", links)
		}
		if err := e.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SendFrame after Close: %v, want net.ErrClosed", err)
		}
		e.SetOpen(dataplane.IPv4)
		for unknown := g.PEs[0].Tunnel.Stats().UnknownSession; ; time.Sleep(time.Millisecond) {
			Must(t, peer.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")))
			g.Settle(t, e.PE)
			if silent || g.PEs[0].Tunnel.Stats().UnknownSession > unknown {
				break // Linux 6.11 and later accept some while they delete a session
			}
		}
		if got := e.Stats(); got.RxFrames != 1 || got.TxFrames != 0 {
			t.Errorf("after Close %+v, want one received frame", got)
		}
		if len(e.Frames) != 0 || len(e.Gone) != 0 {
			t.Errorf("after Close %d frames delivered, %d calls of Gone; want none", len(e.Frames), len(e.Gone))
		}
		Must(t, e.Close())
	}
}

func testCreateSessionRefuses(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	existing := g.End(0, 1, 0)
	Must(t, existing.Create())
	vr := existing.VR
	Must(t, vr.kernel.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "veth"}, PeerName: "veth-peer"}))
	links := len(vr.Links(t))

	for _, tt := range []struct {
		name   string
		change func(*dataplane.SessionConfig)
		want   error    // wrapped; nil: any
		texts  []string // in the error
	}{
		{"local session ID 0", func(c *dataplane.SessionConfig) { c.LocalID = 0 }, nil, []string{"session ID"}},
		{"peer's session ID 0", func(c *dataplane.SessionConfig) { c.PeerID = 0 }, nil, []string{"session ID"}},
		{"session ID in use", func(c *dataplane.SessionConfig) { c.LocalID = existing.Config.LocalID }, nil, []string{"session ID"}},
		{"cookie of 5 octets", func(c *dataplane.SessionConfig) { c.LocalCookie = make([]byte, 5) }, nil, []string{"0, 4 or 8"}},
		{"peer's cookie of 9 octets", func(c *dataplane.SessionConfig) { c.PeerCookie = make([]byte, 9) }, nil, []string{"0, 4 or 8"}},
		{"no name", func(c *dataplane.SessionConfig) { c.Interface = "" }, nil, []string{"1 to 15 octets"}},
		{
			"name of 16 octets", func(c *dataplane.SessionConfig) { c.Interface = "vl-56789-1234567" }, nil,
			[]string{"vl-56789-1234567", "1 to 15 octets"},
		},
		{"pattern as name", func(c *dataplane.SessionConfig) { c.Interface = "vl%d" }, nil, []string{"vl%d"}},
		{
			"name of another session", func(c *dataplane.SessionConfig) { c.Interface = existing.Config.Interface }, os.ErrExist,
			[]string{existing.Config.Interface, vr.name},
		},
		{"name of a veth", func(c *dataplane.SessionConfig) { c.Interface = "veth" }, os.ErrExist, []string{"veth", vr.name}},
		{"impossible MTU", func(c *dataplane.SessionConfig) { c.MTU = 1 << 20 }, nil, []string{"1048576"}},
		{
			"namespace that cannot be entered",
			func(c *dataplane.SessionConfig) {
				c.Namespace = namespaceFunc(func(func() error) error { return os.ErrClosed })
			},
			os.ErrClosed, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := g.End(0, 2, 0)
			tt.change(&e.Config)
			err := e.Create()
			if err == nil {
				e.Close()
				t.Fatal("the session was created, want an error")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not contain %q", err, text)
				}
			}
		})
	}
	if now := vr.Links(t); len(now) != links {
		t.Errorf("interfaces %q after the errors, want %d", now, links)
	}
	e := g.End(0, 2, 0)
	Must(t, e.Create())
}

// Two hundred sessions, half on each PE, are created and closed in parallel, in any order, and do
// not mix their frames.
func testManySessions(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	const n = 100
	var ends [2][]*End
	for round := range 2 {
		var creating errgroup.Group
		creating.SetLimit(32)
		for i := range ends {
			ends[i] = nil
			for id := range uint32(n) {
				e := g.End(i, id+1, 8)
				ends[i] = append(ends[i], e)
				creating.Go(e.Create)
			}
		}
		Must(t, creating.Wait())
		for i := range ends {
			for id, e := range ends[i] {
				frame := string([]byte{0xc0, 0x21, 9, byte(id), 0, 4})
				Must(t, e.SendFrame([]byte(frame)))
				if got := <-ends[1-i][id].Frames; got != frame {
					t.Fatalf("round %d, session %d: got %x, want %x", round, id, got, frame)
				}
			}
			if links := g.PEs[i].VR.Links(t); len(links) != n {
				t.Errorf("%d interfaces, want %d", len(links), n)
			}
		}
		var closing errgroup.Group
		closing.SetLimit(32)
		for i := range ends {
			for _, e := range ends[i] {
				closing.Go(e.Close)
			}
		}
		Must(t, closing.Wait())
		for i, p := range g.PEs {
			if links := p.VR.Links(t); len(links) != 0 {
				t.Errorf("interfaces %q remain, want none", links)
			}
			for _, e := range ends[i] {
				if len(e.Gone) != 0 {
					t.Fatal("Gone was called for Close: ", <-e.Gone)
				}
			}
		}
	}
}

// packetFrame is a PPP frame with an IPv4 packet without data (RFC 1332, section 2), from 10.0.1.1
// to 10.0.1.0.
const packetFrame = "\x00\x21" +
	"\x45\x00\x00\x14\x00\x00\x00\x00\x40\x3b\x66\xaa\x0a\x00\x01\x01\x0a\x00\x01\x00"

func testSessionsUnderTraffic(t *testing.T, g *Rig) { SessionsUnderTraffic(t, g, 40) }

// SessionsUnderTraffic creates and closes sessions, one in each round, while traffic runs towards
// them from both sides. Every other one waits until it has sent a packet; the others are closed at
// any time.
func SessionsUnderTraffic(t *testing.T, g *Rig, rounds int) {
	t.Helper()
	g.OpenTunnels(t, false)
	peer := g.End(1, 1, 8)
	Must(t, peer.Create())
	peer.SetOpen(dataplane.IPv4)
	peer.ConfigureUp(t, g.End(0, 1, 8))

	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // sends packets and frames to e without pause
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = peer.SendFrame([]byte(packetFrame))
				_ = peer.SendFrame([]byte("\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00"))
			}
		}
	}()
	var received, sent, frames uint64
	for round := range rounds {
		e := g.End(0, 1, 8)
		e.Config.Deliver = func([]byte) { frames++ } // the race detector finds late calls
		Must(t, e.Create())
		e.SetOpen(dataplane.IPv4)
		e.ConfigureUp(t, peer)
		ping := e.Pinger(t, peer, 4)
		waits := round%2 == 0
		pings := rand.IntN(50)
		if waits {
			pings = 20
		}
		for seq := range pings {
			_ = ping.Send(1000, seq)
		}
		for waits && e.Stats().TxPackets == 0 {
			runtime.Gosched()
		}
		ping.Close()
		Must(t, e.Close())
		received += e.Stats().RxPackets
		sent += e.Stats().TxPackets
		if len(e.Gone) != 0 {
			t.Fatal("Gone was called for Close: ", <-e.Gone)
		}
	}
	close(stop)
	<-stopped
	if received == 0 || sent == 0 || frames == 0 {
		t.Errorf("%d packets received, %d sent, %d frames received; want some of each", received, sent, frames)
	}
	if links := g.PEs[0].VR.Links(t); len(links) != 0 {
		t.Errorf("interfaces %q remain, want none", links)
	}
}

// A peer that restarts has a new control connection with the same addresses. Its sessions replace
// the old ones, whether these are closed before or after.
func testNewConnection(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	var before [2]*End
	for round := range uint32(4) {
		now := [2]*End{g.End(0, round+1, 8), g.End(1, round+1, 8)}
		for i, e := range now {
			e.Config.LocalConnectionID += round << 8
			e.Config.PeerConnectionID += round << 8
			if round%2 == 1 {
				Must(t, before[i].Close())
			}
			Must(t, e.Create())
			if before[i] != nil {
				Must(t, before[i].Close())
			}
		}
		for i, e := range now {
			e.SetOpen(dataplane.IPv4)
			e.ConfigureUp(t, now[1-i])
			Must(t, e.SendFrame([]byte("\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00")))
			<-now[1-i].Frames
			g.Settle(t, e.PE)
		}
		Must(t, now[0].Pinger(t, now[1], 4).Ping(100, 1))
		before = now
	}
}
