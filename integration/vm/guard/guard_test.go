package guard

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// The parts run one after another on the same two routers, each from traffic that passes on.
func TestGuard(t *testing.T) {
	r := newRig(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"every kind of flow is protected", testKinds},
		{"keys change under traffic", testRekey},
		{"blows heal and leak nothing", testBlows},
		{"a flushed firewall leaks nothing while strongSwan is away", testFlushedWhileAway},
		{"a wrong secret is told at both ends, and mended", testWrongSecret},
		{"certificates of another CA are refused", testWrongCA},
		{"nobody passes for another with a secret of its own", testImpostor},
		{"associations of withdrawn credentials end", testWithdrawn},
		{"a private key of others is left alone", testOthersKey},
		{"what is released while strongSwan hangs is removed", testReleasedWhileAway},
		{"a silent peer is noticed", testDeadPeer},
		{"clear packets from outside are dropped and counted", testInjected},
		{"source NAT leaks nothing", testSourceNAT},
		{"a transport header in the second fragment is not taken", testHiddenTransport},
		{"data in clear for protected sessions is not taken from anybody", testForgedSession},
		{"others' connections are left alone", testNeighbour},
		{"another daemon's floor is left alone", testOtherDaemon},
		{"a floor that cannot be restored is told, and tried again", testRestoredLater},
		{"the floor outlives its maker, and is tidied", testFloorStays},
	} {
		if !r.Subtest(t, part.name, func(t *testing.T) { part.run(t, r) }) {
			break
		}
	}
}

func testKinds(t *testing.T, r *rig) {
	for _, tt := range []struct {
		name string
		variant
	}{
		{"UDP, IPv6, certificates", variant{overIPv6: true, certificates: true}},
		{"protocol 115, IPv4, certificates", variant{overIP: true, certificates: true}},
		{"protocol 115, IPv6, secret", variant{overIP: true, overIPv6: true}},
		{"UDP, IPv4, secret", variant{}},
	} {
		r.Subtest(t, tt.name, func(t *testing.T) {
			r.begin(t, tt.variant)
			before := r.Leaks.Seen().ESP
			r.waitTraffic()
			if r.Leaks.Seen().ESP == before {
				t.Error("no ESP was seen")
			}
			for _, s := range r.sides {
				status := s.status()
				if !status.Up() || status.IKE == nil || status.IKE.State != "ESTABLISHED" || status.IKE.Initiator != s.peer.Starts ||
					status.IKE.Proposal != "aes256gcm16-prfsha384-ecp256" || len(status.Children) != 1 ||
					status.Children[0].Algorithms != "aes256gcm16" || len(status.Missing) > 0 || status.KeyManager != "strongSwan 5.9.8" ||
					status.LastError != "" {
					t.Fatalf("%s: status %s", s.pe.Name, labtest.AsJSON(status))
				}
				if until := time.Until(status.Children[0].RekeyAt); until < 30*time.Minute || until > time.Hour {
					t.Errorf("%s: new keys in %v, want an hour at most", s.pe.Name, until)
				}
			}
		})
	}
}

func testRekey(t *testing.T, r *rig) {
	r.begin(t, variant{})
	for i := range 20 {
		s := r.sides[i%2]
		spi := s.status().Children[0].LocalSPI
		_, err := s.charon.Do("rekey", map[string]string{"child": "l2tpvl-" + s.peer.Name})
		r.Must(err)
		r.Wait("other SPIs", func() (bool, string, error) {
			status := s.status()
			return len(status.Children) > 0 && status.Children[0].LocalSPI != spi, labtest.AsJSON(status.Children), nil
		})
	}
	for _, s := range r.sides {
		since := s.eventCount()
		spi := s.status().IKE.LocalSPI
		_, err := s.charon.Do("rekey", map[string]string{"ike": "l2tpvl-" + s.peer.Name})
		r.Must(err)
		s.waitEvent(since, ipsec.IKERekeyed)
		if now := s.status().IKE.LocalSPI; now == spi {
			t.Errorf("%s: the IKE SA has the SPI %s still", s.pe.Name, now)
		}
	}
	r.waitTraffic()
	for _, s := range r.sides {
		s.waitEvent(0, ipsec.ChildRekeyed)
		s.waitOnePair()
	}
}

// unrelated is the configuration of somebody else who uses IPsec on the same machine.
const unrelated = `
connections {
	office {
		remote_addrs = 198.51.100.7
		local { auth = psk }
		remote { auth = psk
			id = office.example.net }
		children { lan { remote_ts = 10.99.0.0/16
			start_action = trap } }
	}
}
secrets {
	ike-office { id = office.example.net
		secret = "theirs" }
}
`

// loadUnrelated loads somebody else's configuration, which makes swanctl remove all that is not in
// it.
func (s *side) loadUnrelated() {
	s.r.Helper()
	file := filepath.Join(s.r.Dir, "unrelated.conf")
	s.r.Must(os.WriteFile(file, []byte(unrelated), 0o600))
	out, err := s.charon.Swanctl("--load-all", "--file", file)
	if err != nil {
		s.r.Fatalf("%v: %s", err, out)
	}
}

// hasSecret reports whether strongSwan has the side's pre-shared key.
func (s *side) hasSecret() bool {
	answer, err := s.charon.Do("get-shared", nil)
	s.r.Must(err)
	names, _ := answer.Get("keys").([]string)
	return slices.Contains(names, "l2tpvl-"+s.peer.Name)
}

func testBlows(t *testing.T, r *rig) {
	for _, blow := range []struct {
		name   string
		do     func(*side)
		mended func(*side) bool // nil: there are other associations
	}{
		{"swanctl --terminate", func(s *side) {
			_, err := s.charon.Do("terminate", map[string]string{"ike": "l2tpvl-" + s.peer.Name})
			r.Must(err)
		}, nil},
		{"swanctl --terminate of the CHILD SA", func(s *side) {
			_, err := s.charon.Do("terminate", map[string]string{"child": "l2tpvl-" + s.peer.Name})
			r.Must(err)
		}, nil},
		{"swanctl --load-all of somebody else", (*side).loadUnrelated, (*side).hasSecret},
		{"policies flushed", func(s *side) { s.run("ip", "xfrm", "policy", "flush") }, nil},
		{"associations flushed", func(s *side) { s.run("ip", "xfrm", "state", "flush") }, nil},
		{"firewall flushed", func(s *side) { s.run("nft", "flush", "ruleset") }, func(s *side) bool {
			return strings.Contains(s.run("nft", "list", "tables"), "inet l2tpvl\n")
		}},
		{"charon ended and started", func(s *side) {
			r.Must(s.charon.Stop())
			r.waitNoTraffic()
			r.Must(s.charon.Start(r.Ctx))
		}, nil},
		{"charon killed and started", func(s *side) {
			r.Must(s.charon.Kill())
			r.Must(s.charon.Start(r.Ctx))
		}, nil},
		{"asked to begin anew", func(s *side) { r.Must(s.guard.Reconnect(s.peer.Name)) }, nil},
	} {
		for _, s := range r.sides {
			r.Subtest(t, blow.name+" on "+s.pe.Name, func(t *testing.T) {
				r.begin(t, variant{})
				before := s.waitOnePair()
				mended := blow.mended
				if mended == nil {
					mended = func(s *side) bool { return s.waitOnePair() != before }
				}
				blow.do(s)
				r.Wait("the mending", func() (bool, string, error) { return mended(s), "not mended", nil })
				r.waitTraffic()
				for _, s := range r.sides {
					s.waitOnePair()
				}
			})
		}
	}
	for _, s := range r.sides {
		s.waitEvent(0, ipsec.KeyManagerGone)
		s.waitEvent(0, ipsec.KeyManagerBack)
		s.waitEvent(0, ipsec.FloorRestored)
	}
}

// Neither an orderly end of strongSwan, which removes its policies, nor a firewall that is loaded
// anew at just that time.
func testFlushedWhileAway(t *testing.T, r *rig) {
	r.begin(t, variant{})
	for _, s := range r.sides {
		r.Must(s.charon.Stop())
	}
	r.waitNoTraffic()
	for _, s := range r.sides {
		since := s.eventCount()
		before := s.status().DroppedOut
		for range 10 {
			s.run("nft", "flush", "ruleset")
		}
		s.waitEvent(since, ipsec.FloorRestored)
		r.Wait("the floor", func() (bool, string, error) {
			tables := s.run("nft", "list", "tables")
			return strings.Contains(tables, "inet l2tpvl\n"), tables, nil
		})
		r.Wait("packets that the floor drops", func() (bool, string, error) {
			status := s.status()
			return status.DroppedOut > before+10, labtest.AsJSON(status), nil
		})
		status := s.status()
		if status.Up() || status.KeyManager != "" || len(status.Missing) != 1 || !strings.Contains(status.Missing[0], "apt install charon-systemd") {
			t.Errorf("%s: status %s", s.pe.Name, labtest.AsJSON(status))
		}
	}
	for _, s := range r.sides {
		r.Must(s.charon.Start(r.Ctx))
	}
	r.waitTraffic()
}

func testWrongSecret(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s, other := r.sides[0], r.sides[1]
	wrong := s.peer
	wrong.Auth.PSK = []byte("another secret")
	since, otherSince := s.eventCount(), other.eventCount()
	r.Must(s.protect(wrong))
	r.waitTraffic() // what has been agreed on with the old one stays
	r.Must(s.guard.Reconnect(s.peer.Name))
	s.waitEvent(since, ipsec.AuthenticationFailed)
	other.waitEvent(otherSince, ipsec.AuthenticationFailed)
	r.waitNoTraffic()
	if status := s.status(); status.LastError != "pe2 refused our authentication: AUTHENTICATION_FAILED" {
		t.Errorf("pe1: status %s", labtest.AsJSON(status))
	}
	if status := other.status(); status.LastError != "the pre-shared key of pe1 differs from ours" {
		t.Errorf("pe2: status %s", labtest.AsJSON(status))
	}
	for _, s := range r.sides {
		if strings.Contains(labtest.AsJSON(s.status())+fmt.Sprint(s.events), "secret") {
			t.Errorf("%s tells a secret", s.pe.Name)
		}
	}
	r.Must(s.protect(s.peer))
	r.waitTraffic()
}

func testWrongCA(t *testing.T, r *rig) {
	r.begin(t, variant{certificates: true})
	s, other := r.sides[0], r.sides[1]
	ca, err := lab.NewCA("somebody's")
	r.Must(err)
	forged := s.peer
	forged.Auth.Certificate, forged.Auth.PrivateKey, err = ca.Issue(s.peer.Auth.LocalID)
	r.Must(err)
	since, otherSince := s.eventCount(), other.eventCount()
	r.Must(s.protect(forged)) // another certificate: begins anew by itself
	other.waitEvent(otherSince, ipsec.AuthenticationFailed)
	s.waitEvent(since, ipsec.AuthenticationFailed)
	r.waitNoTraffic()
	if status := other.status(); !strings.Contains(status.LastError, "pe1 has no certificate of a configured CA, or not its private key") {
		t.Errorf("pe2: status %s", labtest.AsJSON(status))
	}
	r.Must(s.protect(s.peer))
	r.waitTraffic()
}

func testDeadPeer(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	since := s.eventCount()
	r.Must(r.CutProvider())
	s.waitEvent(since, ipsec.IKEDown)
	r.Wait("the reason", func() (bool, string, error) {
		status := s.status()
		return strings.Contains(status.LastError, "does not answer IKE"), labtest.AsJSON(status), nil
	})
	r.Must(r.RestoreProvider())
	r.waitTraffic()
}

// Packets as somebody on the provider's network could make them.
func testInjected(t *testing.T, r *rig) {
	for _, v := range []variant{{}, {overIPv6: true}, {overIP: true}} {
		r.begin(t, v)
		s := r.sides[0]
		to, err := s.pe.NS.HardwareAddr(lab.ProviderInterface)
		r.Must(err)
		before := s.status().DroppedIn
		const count = 50
		from, at := r.address(s.pe.Peer), r.address(s.pe)
		for range count {
			protocol, payload := byte(115), []byte("not of pe2")
			if !v.overIP {
				protocol, payload = 17, lab.UDPDatagram(netip.AddrPortFrom(from, port), netip.AddrPortFrom(at, port), payload)
			}
			r.Must(s.pe.Peer.NS.InjectFrame(lab.ProviderInterface, to, lab.IPPacket(from, at, protocol, payload)))
		}
		r.Wait("the count of dropped packets", func() (bool, string, error) {
			status := s.status()
			return status.DroppedIn == before+count, labtest.AsJSON(status), nil
		})
		r.waitTraffic()
	}
}

func testNeighbour(t *testing.T, r *rig) {
	r.begin(t, variant{})
	for _, s := range r.sides {
		s.loadUnrelated()
		for _, done := range []func() error{
			func() error { return s.guard.Reconnect(s.peer.Name) },
			s.tidy,
			func() error { s.Stop(); return s.guard.Release(s.peer.Name) },
		} {
			r.Must(done())
			conns, err := s.charon.Connections()
			r.Must(err)
			traps := s.run("ip", "xfrm", "policy")
			if !slices.Contains(conns, "office") || !strings.Contains(traps, "10.99.0.0/16") {
				t.Errorf("%s has nothing of the neighbour's any more: %q\n%s", s.pe.Name, conns, traps)
			}
		}
		conns, err := s.charon.Connections()
		r.Must(err)
		if slices.Contains(conns, "l2tpvl-"+s.peer.Name) {
			t.Errorf("%s has connections of ours still: %q", s.pe.Name, conns)
		}
		if rules := s.run("nft", "list", "ruleset"); rules != "" {
			t.Errorf("%s has a floor still: %s", s.pe.Name, rules)
		}
	}
}

func testFloorStays(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	r.Must(s.guard.Close()) // traffic goes on: that of a socket which somebody else has, say
	r.waitNoTraffic()
	if rules := s.run("nft", "list", "ruleset"); !strings.Contains(rules, "table inet l2tpvl {") || strings.Contains(rules, "owner") {
		t.Errorf("the floor that is left is %q", rules)
	}
	if conns, err := s.charon.Connections(); err != nil || slices.Contains(conns, "l2tpvl-"+s.peer.Name) {
		t.Errorf("strongSwan has still (%v): %q", err, conns)
	}
	time.Sleep(time.Second)
	r.CheckLeaks()

	s.newGuard()
	other := s.peer
	other.Name, other.Flow.LocalPort, other.Flow.RemotePort = "pe9", 1709, 1709
	r.Must(s.protect(other))
	if rules := s.run("nft", "list", "table", "inet", "l2tpvl"); !strings.Contains(rules, "1701") || !strings.Contains(rules, "1709") {
		t.Errorf("the floor of an earlier run is not taken over: %s", rules)
	}
	r.Must(s.protect(s.peer))
	r.Must(s.tidy())
	r.waitTraffic()
	r.Must(s.guard.Release("pe9"))
	if rules := s.run("nft", "list", "table", "inet", "l2tpvl"); !strings.Contains(rules, "1701") || strings.Contains(rules, "1709") {
		t.Errorf("the floor is not what is protected now: %s", rules)
	}
	r.waitTraffic()
}
