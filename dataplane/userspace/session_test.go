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

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// Streams arrive complete in both directions at once, although the kernel leaves segmentation and
// checksums to the data plane.
func TestStreams(t *testing.T) {
	g := newRig(t)
	openTunnels(t, g, udp4)
	ends := g.OpenSession(t, 1, 8, 1452)
	var listener net.Listener
	var conns [2]net.Conn
	planetest.Must(t, ends[1].VR.Do(func() (err error) {
		listener, err = net.Listen("tcp4", netip.AddrPortFrom(ends[1].Inner4, 0).String())
		return err
	}))
	defer listener.Close()
	planetest.Must(t, ends[0].VR.Do(func() (err error) {
		conns[0], err = net.Dial("tcp4", listener.Addr().String())
		return err
	}))
	var err error
	conns[1], err = listener.Accept()
	planetest.Must(t, err)

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
		t.Error("the received data differ from the sent data")
	}
	for i, e := range ends {
		if s := e.Stats(); s.TxErrors != 0 || s.RxErrors != 0 || s.RxMalformed != 0 {
			t.Errorf("end %d: %+v, want no dropped packets", i, s)
		}
	}
}

func TestOpenAndCloseUnderTraffic(t *testing.T) { planetest.SessionsUnderTraffic(t, newRig(t), 200) }

// Packets of a protocol whose NCP is not opened are counted where they are discarded (RFC 1661,
// section 3.5).
func TestClosedProtocolIsCounted(t *testing.T) {
	g := newRig(t)
	openTunnels(t, g, udp4)
	ends := g.OpenSession(t, 1, 0, 1400)
	v4, v6 := ends[0].Pinger(t, ends[1], 4), ends[0].Pinger(t, ends[1], 6)

	ends[0].SetOpen(dataplane.IPv4)
	planetest.Must(t, v6.Send(100, 1))
	planetest.Must(t, v4.Ping(100, 1)) // the device returns it after the other
	for ends[0].Stats().TxPackets == 0 {
		runtime.Gosched() // it is counted after it is sent
	}
	if got := ends[0].Stats(); got.TxClosed != 1 || got.TxPackets != 1 {
		t.Errorf("IPv6 closed: sent %d, dropped %d; want 1 each", got.TxPackets, got.TxClosed)
	}

	ends[0].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	ends[1].SetOpen(dataplane.IPv4)
	planetest.Must(t, v6.Send(100, 2))
	planetest.Must(t, v4.Ping(100, 2))
	g.Settle(t, ends[1].PE)
	if got := ends[1].Stats(); got.RxClosed != 1 || got.RxPackets != 2 {
		t.Errorf("IPv6 closed at the peer: received %d, dropped %d; want 2 and 1", got.RxPackets, got.RxClosed)
	}
}

// Packets that an interface does not accept because it is down are counted.
func TestInterfaceDownIsCounted(t *testing.T) {
	g := newRig(t)
	openTunnels(t, g, udp4)
	ends := g.OpenSession(t, 1, 0, 1400)
	ping := ends[0].Pinger(t, ends[1], 4)
	planetest.Must(t, ping.Ping(100, 1))
	ends[1].VR.Down(t, ends[1].Config.Interface)
	planetest.Must(t, ping.Send(100, 2))
	planetest.Must(t, ping.Send(100, 3))
	for ends[0].Stats().TxPackets < 3 {
		runtime.Gosched()
	}
	g.Settle(t, ends[1].PE)
	if got := ends[1].Stats(); got.RxPackets != 1 || got.RxErrors != 2 {
		t.Errorf("got %+v, want one packet received and two dropped", got)
	}
}

// CreateSession does not use a persistent TUN device of another process, and refuses an MTU that
// the kernel would accept for a TUN device.
func TestCreateSessionRefuses(t *testing.T) {
	g := newRig(t)
	openTunnels(t, g, udp4)
	planetest.Must(t, g.PEs[0].VR.Do(func() error {
		return netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "persistent"}, Mode: netlink.TUNTAP_MODE_TUN})
	}))

	e := g.End(0, 1, 0)
	e.Config.Interface = "persistent"
	if err := e.Create(); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "persistent") || !strings.Contains(err.Error(), "vr1") {
		t.Errorf("name of an existing TUN device: error %v, want one that persistent exists in vr1", err)
	}
	e = g.End(0, 1, 0)
	e.Config.MTU = 1 << 20
	if err := e.Create(); err == nil || !strings.Contains(err.Error(), "1048576") || !strings.Contains(err.Error(), "1 to 65535") {
		t.Errorf("MTU of 1048576: error %v, want one with 1 to 65535", err)
	}
	planetest.Must(t, g.End(0, 1, 0).Create()) // the refused ones left nothing
}
