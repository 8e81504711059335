package userspace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Packets of either protocol pass in both directions, over both protocols, with cookies of each length; the largest one
// that the path has room for passes whole, and one octet more is refused at the interface.
func TestPackets(t *testing.T) {
	g := newRig(t)
	for _, over := range carriers {
		t.Run(over.String(), func(t *testing.T) {
			g.openTunnels(t, over)
			for _, cookie := range []int{0, 4, 8} {
				t.Run(fmt.Sprintf("cookie %d", cookie), func(t *testing.T) {
					pathMTU, err := g.pes[0].tunnel.PathMTU()
					must(t, err)
					if pathMTU != 1500 {
						t.Fatalf("path MTU %d, want 1500", pathMTU)
					}
					peer := g.pes[1].tunnel.LocalAddr().Addr()
					mtu := pathMTU - over.encapsulation.Overhead(peer, cookie).Total()
					ends := g.openSession(t, uint32(cookie+1), cookie, mtu)
					for _, version := range []int{4, 6} {
						ping := ends[0].pinger(t, ends[1], version)
						for seq, size := range []int{48, 576, mtu - 1, mtu} {
							if err := ping.ping(size, seq); err != nil {
								t.Fatalf("IPv%d packet of %d octets: %v", version, size, err)
							}
						}
						if err := ping.send(mtu+1, 9); !errors.Is(err, unix.EMSGSIZE) {
							t.Errorf("IPv%d packet of %d octets: %v, want EMSGSIZE", version, mtu+1, err)
						}
					}
					octets := 2 * uint64(48+576+mtu-1+mtu)
					want := dataplane.Stats{RxPackets: 8, RxOctets: octets, TxPackets: 8, TxOctets: octets}
					for _, e := range ends {
						must(t, e.Close()) // nothing is under way any more
					}
					for _, e := range ends {
						got := e.Stats()
						if got.LastHeard.IsZero() {
							t.Error("heard from the peer, but LastHeard is zero")
						}
						if got.LastHeard = want.LastHeard; got != want {
							t.Errorf("got  %+v\nwant %+v", got, want)
						}
					}
				})
			}
			for _, p := range g.pes {
				must(t, p.tunnel.Close())
			}
		})
	}
	// Nothing had to be fragmented outside.
	for _, r := range []*vr.Router{g.pes[0].host, g.core, g.pes[1].host} {
		must(t, r.Do(func() error {
			for key, n := range snmp(t) {
				if (strings.Contains(key, "Frag") || strings.Contains(key, "Reasm")) && n != "0" {
					t.Errorf("%s: %s = %s", r.Name(), key, n)
				}
			}
			return nil
		}))
	}
}

// snmp are the IP counters of the calling thread's namespace.
func snmp(t *testing.T) map[string]string {
	counters := make(map[string]string)
	v4, err := os.ReadFile("/proc/thread-self/net/snmp")
	must(t, err)
	lines := strings.SplitN(string(v4), "\n", 3)
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i, name := range names {
		counters["v4 "+name] = values[i]
	}
	v6, err := os.ReadFile("/proc/thread-self/net/snmp6")
	must(t, err)
	for line := range strings.Lines(string(v6)) {
		fields := strings.Fields(line)
		counters["v6 "+fields[0]] = fields[1]
	}
	if counters["v4 ReasmReqds"] == "" || counters["v6 Ip6ReasmReqds"] == "" {
		t.Error("no counters of fragments")
	}
	return counters
}

// An MTU raised by hand beyond the room of the buffers costs packets and nothing else.
func TestMTURaised(t *testing.T) {
	g := newRig(t)
	for _, p := range g.pes {
		ip(t, p.host, "link set core mtu 9000")
	}
	for i := range g.pes {
		ip(t, g.core, "link set to-pe%d mtu 9000", i+1)
	}
	g.openTunnels(t, udp4)
	ends := g.openSession(t, 1, 8, 1400)
	for _, e := range ends {
		ip(t, e.vr, "link set %s mtu 8900", e.ifname)
	}
	ping := ends[0].pinger(t, ends[1], 4)
	must(t, ping.send(8000, 1)) // lost on the way out: the buffers grow
	must(t, ping.send(8000, 2)) // lost on the way back
	must(t, ping.ping(8000, 3))
	for i, e := range ends {
		if got := e.Stats(); got.TxErrors != 1 {
			t.Errorf("end %d: got %+v, want one packet lost", i, got)
		}
	}
}

// A packet too large for the path is dropped and counted, and the owner is told that the path has changed.
func TestPathShrinks(t *testing.T) {
	g := newRig(t)
	for _, over := range carriers {
		t.Run(over.String(), func(t *testing.T) {
			ip(t, g.core, "link set to-pe2 mtu 1500")
			g.openTunnels(t, over)
			sender := g.pes[0]
			ends := g.openSession(t, 1, 0, 1400)
			ping := ends[0].pinger(t, ends[1], 4)
			must(t, ping.ping(1400, 1))

			// Somewhere on the way: a router says so (RFC 1191, RFC 8201).
			ip(t, g.core, "link set to-pe2 mtu 1350")
			must(t, ping.send(1400, 2))
			<-sender.pathChanged
			mtu, err := sender.tunnel.PathMTU()
			must(t, err)
			if mtu != 1350 {
				t.Errorf("path MTU %d, want 1350", mtu)
			}
			must(t, ping.send(1400, 3)) // and now the socket refuses
			must(t, ping.ping(1200, 4))
			if got := ends[0].Stats(); got.TxErrors != 1 || len(sender.pathChanged) != 0 || len(sender.unreachable) != 0 {
				t.Errorf("%d packets refused, want 1; told of %d more changes, want 0; of %d errors, want 0",
					got.TxErrors, len(sender.pathChanged), len(sender.unreachable))
			}

			// At our own interface.
			ip(t, sender.host, "link set core mtu 1300")
			must(t, ping.send(1290, 5))
			<-sender.pathChanged
			if mtu, err = sender.tunnel.PathMTU(); err != nil || mtu != 1300 {
				t.Errorf("path MTU %d, %v; want 1300", mtu, err)
			}
			ip(t, sender.host, "link set core mtu 1500")
			for _, p := range g.pes {
				must(t, p.tunnel.Close())
			}
		})
	}
}
