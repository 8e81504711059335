package userspace

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Streams arrive whole, both ways at once: with segments that the kernel leaves to us to cut, and their checksums.
func TestStreams(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	ends := g.openSession(t, 1, 8, 1452)
	var listener net.Listener
	var conns [2]net.Conn
	must(t, ends[1].vr.Do(func() (err error) {
		listener, err = net.Listen("tcp4", netip.AddrPortFrom(ends[1].inner4, 0).String())
		return err
	}))
	defer listener.Close()
	must(t, ends[0].vr.Do(func() (err error) {
		conns[0], err = net.Dial("tcp4", listener.Addr().String())
		return err
	}))
	var err error
	conns[1], err = listener.Accept()
	must(t, err)

	const size = 16 << 20
	var sent, got [2][sha256.Size]byte
	var work sync.WaitGroup
	for i, conn := range conns {
		defer conn.Close()
		data := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(i)}).Read(data)
		sent[i] = sha256.Sum256(data)
		work.Go(func() {
			if _, err := conn.Write(data); err != nil {
				t.Error(err)
			}
		})
		work.Go(func() {
			received := make([]byte, size)
			if _, err := io.ReadFull(conn, received); err != nil {
				t.Error(err)
			}
			got[1-i] = sha256.Sum256(received)
		})
	}
	work.Wait()
	if got != sent {
		t.Error("what arrived is not what was sent")
	}
	for i, e := range ends {
		if s := e.Stats(); s.TxErrors != 0 || s.RxErrors != 0 || s.RxMalformed != 0 {
			t.Errorf("end %d: dropped packets: %+v", i, s)
		}
	}
}

// A PPP frame comes out as it went in, from its protocol field on.
func TestFrames(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	ends := g.openSession(t, 1, 8, 1400)
	frames := []string{
		"\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00", // LCP Echo-Request
		"\x80\x21\x01\x01\x00\x04",                 // IPCP Configure-Request
		"\x80\x57\x01\x01\x00\x04",                 // IPV6CP Configure-Request
		"\x00\x2d" + strings.Repeat("x", 1400),     // what nobody has asked for
	}
	for i, e := range ends {
		for _, frame := range frames {
			must(t, e.SendFrame([]byte(frame)))
			if got := <-ends[1-i].frames; got != frame {
				t.Errorf("sent %x, got %x", frame, got)
			}
		}
	}
	n := uint64(len(frames))
	for _, e := range ends {
		if s := e.Stats(); s.TxFrames != n || s.RxFrames != n || s.LastHeard.IsZero() {
			t.Errorf("counted %+v, want %d frames each way", s, n)
		}
	}
	must(t, ends[0].Close())
	if err := ends[0].SendFrame([]byte(frames[0])); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SendFrame after Close: %v", err)
	}
}

// namespaceFunc is a virtual router that something happens in.
type namespaceFunc func(f func() error) error

func (do namespaceFunc) Do(f func() error) error { return do(f) }

// The peer's first LCP frame may come while the interface is being made: it is delivered.
func TestFrameWhileInterfaceIsMade(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	const hello = "\xc0\x21\x01\x01\x00\x04"

	cfg, peer := g.config(1, 1, 4)
	var err error
	peer.Session, err = peer.tunnel.CreateSession(cfg)
	must(t, err)

	cfg, e := g.config(0, 1, 4)
	cfg.Namespace = namespaceFunc(func(f func() error) error {
		must(t, peer.SendFrame([]byte(hello)))
		if got := <-e.frames; got != hello {
			t.Errorf("got %x, want %x", got, hello)
		}
		return e.vr.Do(f)
	})
	if e.Session, err = e.tunnel.CreateSession(cfg); err != nil {
		t.Fatal(err)
	}
	if link := ip(t, e.vr, "-o link show dev %s", e.ifname); !strings.Contains(link, "mtu 1400") ||
		strings.Contains(link, ",UP") {
		t.Errorf("the interface is not born down with its MTU: %s", link)
	}
}

// A cookie that is not ours is a packet that is not ours (RFC 3931 section 4.1).
func TestWrongCookie(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	for _, size := range []int{4, 8} {
		cfg, e := g.config(0, uint32(size), size)
		var err error
		e.Session, err = e.tunnel.CreateSession(cfg)
		must(t, err)
		wrong, peer := g.config(1, uint32(size), size)
		wrong.PeerCookie[size-1] ^= 1
		peer.Session, err = peer.tunnel.CreateSession(wrong)
		must(t, err)

		must(t, peer.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")))
		g.settle(t, e.pe)
		if got, want := e.Stats(), (dataplane.Stats{RxCookie: 1}); got != want {
			t.Errorf("cookie of %d octets: got %+v, want %+v", size, got, want)
		}
		if len(e.frames) != 0 {
			t.Error("a frame with a wrong cookie was delivered")
		}
	}
}

// Packets of a protocol whose NCP is not opened are discarded, both ways (RFC 1661 section 3.5).
func TestClosedProtocol(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	ends := g.openSession(t, 1, 0, 1400)
	v4, v6 := ends[0].pinger(t, ends[1], 4), ends[0].pinger(t, ends[1], 6)

	ends[0].SetOpen(dataplane.IPv4)
	must(t, v6.send(100, 1))
	must(t, v4.ping(100, 1)) // through the device behind the other
	for ends[0].Stats().TxPackets == 0 {
		runtime.Gosched() // it is counted once it is sent
	}
	if got := ends[0].Stats(); got.TxClosed != 1 || got.TxPackets != 1 {
		t.Errorf("IPv6 closed: sent %d, dropped %d; want 1 each", got.TxPackets, got.TxClosed)
	}

	ends[0].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	ends[1].SetOpen(dataplane.IPv4)
	must(t, v6.send(100, 2))
	must(t, v4.ping(100, 2))
	g.settle(t, ends[1].pe)
	if got := ends[1].Stats(); got.RxClosed != 1 || got.RxPackets != 2 {
		t.Errorf("IPv6 closed at the other end: took %d, dropped %d; want 2 and 1", got.RxPackets, got.RxClosed)
	}

	ends[1].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	must(t, v6.ping(100, 3))
}

// An interface that is down takes nothing, and that is counted.
func TestInterfaceDown(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	ends := g.openSession(t, 1, 0, 1400)
	ping := ends[0].pinger(t, ends[1], 4)
	must(t, ping.ping(100, 1))
	ip(t, ends[1].vr, "link set %s down", ends[1].ifname)
	must(t, ping.send(100, 2))
	must(t, ping.send(100, 3))
	for ends[0].Stats().TxPackets < 3 {
		runtime.Gosched()
	}
	g.settle(t, ends[1].pe)
	if got := ends[1].Stats(); got.RxPackets != 1 || got.RxErrors != 2 {
		t.Errorf("got %+v, want one packet taken and two dropped", got)
	}
	ip(t, ends[1].vr, "link set %s up", ends[1].ifname)
	must(t, ping.ping(100, 4))
}

// Somebody deletes the interface: the owner is told, once, and Close has nothing to say.
func TestInterfaceDeleted(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	for i := range 20 { // where the reader is when it happens, chance decides
		up := i%2 == 0
		cfg, e := g.config(0, 1, 0)
		var err error
		e.Session, err = e.tunnel.CreateSession(cfg)
		must(t, err)
		if up {
			ip(t, e.vr, "link set %s up", e.ifname)
		}
		ip(t, e.vr, "link delete %s", e.ifname)
		if err := <-e.gone; err == nil || !strings.Contains(err.Error(), e.ifname) {
			t.Errorf("gone: %v, want an error that names the interface", err)
		}
		must(t, e.Close())
		must(t, e.Close())
		if len(e.gone) != 0 {
			t.Error("gone was told twice")
		}
	}
}

func TestCreateSessionRefuses(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	p := g.pes[0]
	good, there := g.config(0, 1, 0)
	var err error
	there.Session, err = p.tunnel.CreateSession(good)
	must(t, err)
	ip(t, p.vr, "tuntap add persistent mode tun")
	ip(t, p.vr, "link add veth type veth peer name veth-peer")

	for _, tt := range []struct {
		name   string
		change func(*dataplane.SessionConfig)
		want   error    // wrapped; nil: any
		say    []string // in the text
	}{
		{"local session ID 0", func(c *dataplane.SessionConfig) { c.LocalID = 0 }, nil, []string{"session ID"}},
		{"peer's session ID 0", func(c *dataplane.SessionConfig) { c.PeerID = 0 }, nil, []string{"session ID"}},
		{"session ID that is there", func(c *dataplane.SessionConfig) { c.LocalID = good.LocalID }, nil, []string{"session ID"}},
		{"cookie of 5 octets", func(c *dataplane.SessionConfig) { c.LocalCookie = make([]byte, 5) }, nil, []string{"0, 4 or 8"}},
		{"peer's cookie of 9", func(c *dataplane.SessionConfig) { c.PeerCookie = make([]byte, 9) }, nil, []string{"0, 4 or 8"}},
		{"no name", func(c *dataplane.SessionConfig) { c.Interface = "" }, nil, []string{"1 to 15 octets"}},
		{
			"name of 16 octets", func(c *dataplane.SessionConfig) { c.Interface = "vl-56789-1234567" }, nil,
			[]string{"vl-56789-1234567", "1 to 15 octets"},
		},
		{"pattern as name", func(c *dataplane.SessionConfig) { c.Interface = "vl%d" }, nil, []string{"vl%d"}},
		{
			"name of another session", func(c *dataplane.SessionConfig) { c.Interface = good.Interface }, os.ErrExist,
			[]string{good.Interface, p.vr.Name()},
		},
		{"name of a veth", func(c *dataplane.SessionConfig) { c.Interface = "veth" }, os.ErrExist, []string{"veth", p.vr.Name()}},
		{
			"name of a TUN that waits for a reader", func(c *dataplane.SessionConfig) { c.Interface = "persistent" }, os.ErrExist,
			[]string{"persistent", p.vr.Name()},
		},
		{"impossible MTU", func(c *dataplane.SessionConfig) { c.MTU = 1 << 20 }, nil, []string{"1048576", "1 to 65535"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _ := g.config(0, 2, 0)
			tt.change(&cfg)
			s, err := p.tunnel.CreateSession(cfg)
			if err == nil {
				s.Close()
				t.Fatal("was taken")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			for _, say := range tt.say {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q does not say %q", err, say)
				}
			}
		})
	}
	// No refusal left anything behind.
	cfg, e := g.config(0, 2, 0)
	e.Session, err = p.tunnel.CreateSession(cfg)
	must(t, err)
}

// Sessions come and go while traffic runs towards them from both sides.
func TestOpenAndCloseUnderTraffic(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, udp4)
	cfg, peer := g.config(1, 1, 8)
	var err error
	peer.Session, err = peer.tunnel.CreateSession(cfg)
	must(t, err)
	peer.SetOpen(dataplane.IPv4)
	must(t, peer.vr.Configure(peer.ifname, vr.Interface{Up: true, Local: peer.inner4}))

	_, e := g.config(0, 1, 8)
	toUs, stop := "\x00\x21"+string(ipv4Packet), make(chan struct{})
	stopped := make(chan struct{})
	go func() { // packets and frames for e, without pause
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = peer.SendFrame([]byte(toUs))
				_ = peer.SendFrame([]byte("\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00"))
			}
		}
	}()
	var took, sent, heard uint64
	for range 100 {
		cfg, _ := g.config(0, 1, 8)
		cfg.Deliver = func([]byte) { heard++ } // the race detector sees a delivery after Close
		e.Session, err = e.tunnel.CreateSession(cfg)
		must(t, err)
		e.SetOpen(dataplane.IPv4)
		must(t, e.vr.Configure(e.ifname, vr.Interface{Up: true, Local: e.inner4, Peer: peer.inner4}))
		ping := e.pinger(t, peer, 4)
		for range rand.IntN(50) {
			_ = ping.send(1000, 1)
		}
		must(t, ping.conn.Close())
		must(t, e.Close())
		took += e.Stats().RxPackets
		sent += e.Stats().TxPackets
		if len(e.gone) != 0 {
			t.Fatal("told of its own Close: ", <-e.gone)
		}
	}
	close(stop)
	<-stopped
	if took == 0 || sent == 0 || heard == 0 {
		t.Errorf("no traffic was there: %d packets in, %d out, %d frames", took, sent, heard)
	}
	if links := ip(t, e.vr, "-o link"); strings.Contains(links, e.ifname) {
		t.Errorf("left behind: %s", links)
	}
}
