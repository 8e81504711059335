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

// The parts run one after another on the same two routers. Traffic passes at the start of each.
func TestGuard(t *testing.T) {
	r := newRig(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"every kind of flow is protected", testKinds},
		{"rekeying under traffic", testRekey},
		{"disruptions heal and leak nothing", testDisruptions},
		{"a flushed firewall leaks nothing while strongSwan is stopped", testFlushedWhileStopped},
		{"a wrong secret is reported at both ends, and corrected", testWrongSecret},
		{"certificates of another CA are refused", testWrongCA},
		{"a router cannot authenticate as another one with its own secret", testImpostor},
		{"security associations of withdrawn credentials end", testWithdrawn},
		{"the private key of another program is not unloaded", testForeignKey},
		{"a flow released while strongSwan hangs is removed later", testReleasedWhileHanging},
		{"a silent peer is noticed", testDeadPeer},
		{"injected unencrypted packets are dropped and counted", testInjected},
		{"source NAT leaks nothing", testSourceNAT},
		{"a transport header in the second fragment is not accepted", testHiddenTransport},
		{"unencrypted data for protected sessions is accepted from no source", testForgedSession},
		{"connections of another program are not changed", testForeignConnections},
		{"the floor of another daemon is not changed", testSecondDaemon},
		{"a floor that cannot be restored is reported, and restored later", testRestoredLater},
		{"the floor stays after its daemon, and is tidied", testFloorStays},
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
				t.Error("no ESP on the provider network")
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
					t.Errorf("%s: rekeying in %v, want 30 min to 1 h", s.pe.Name, until)
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
		_, err := s.charon.Do("rekey", map[string]string{"child": s.connection()})
		r.Must(err)
		r.Wait("new SPIs", func() (bool, string, error) {
			status := s.status()
			return len(status.Children) > 0 && status.Children[0].LocalSPI != spi, labtest.AsJSON(status.Children), nil
		})
	}
	for _, s := range r.sides {
		since := s.eventCount()
		spi := s.status().IKE.LocalSPI
		_, err := s.charon.Do("rekey", map[string]string{"ike": s.connection()})
		r.Must(err)
		s.waitEvent(since, ipsec.IKERekeyed)
		if now := s.status().IKE.LocalSPI; now == spi {
			t.Errorf("%s: the IKE SA still has the SPI %s", s.pe.Name, now)
		}
	}
	r.waitTraffic()
	for _, s := range r.sides {
		s.waitEvent(0, ipsec.ChildRekeyed)
		s.waitOnePair()
	}
}

// unrelated is the configuration of another program that uses IPsec on the same machine.
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

// loadUnrelated loads the configuration of another program, which makes swanctl unload everything
// that is not in it.
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
	return slices.Contains(names, s.connection())
}

func testDisruptions(t *testing.T, r *rig) {
	for _, disruption := range []struct {
		name   string
		do     func(*side)
		healed func(*side) bool // nil: once there are new security associations
	}{
		{"swanctl --terminate", func(s *side) {
			_, err := s.charon.Do("terminate", map[string]string{"ike": s.connection()})
			r.Must(err)
		}, nil},
		{"swanctl --terminate of the CHILD SA", func(s *side) {
			_, err := s.charon.Do("terminate", map[string]string{"child": s.connection()})
			r.Must(err)
		}, nil},
		{"swanctl --load-all of another program", (*side).loadUnrelated, (*side).hasSecret},
		{"policies flushed", func(s *side) { s.run("ip", "xfrm", "policy", "flush") }, nil},
		{"security associations flushed", func(s *side) { s.run("ip", "xfrm", "state", "flush") }, nil},
		{"firewall flushed", func(s *side) { s.run("nft", "flush", "ruleset") }, func(s *side) bool {
			return strings.Contains(s.run("nft", "list", "tables"), "inet l2tpvl\n")
		}},
		{"charon stopped and started", func(s *side) {
			r.Must(s.charon.Stop())
			r.waitNoTraffic()
			r.Must(s.charon.Start(r.Ctx))
		}, nil},
		{"charon killed and started", func(s *side) {
			r.Must(s.charon.Kill())
			r.Must(s.charon.Start(r.Ctx))
		}, nil},
		{"Reconnect", func(s *side) { r.Must(s.guard.Reconnect(s.peer.Name)) }, nil},
	} {
		for _, s := range r.sides {
			r.Subtest(t, disruption.name+" on "+s.pe.Name, func(t *testing.T) {
				r.begin(t, variant{})
				before := s.waitOnePair()
				healed := disruption.healed
				if healed == nil {
					healed = func(s *side) bool { return s.waitOnePair() != before }
				}
				disruption.do(s)
				r.Wait("healing", func() (bool, string, error) { return healed(s), "not healed", nil })
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

// An orderly stop of strongSwan removes its policies, and a firewall that is reloaded at that time
// removes the lasting table: the owned table still drops everything.
func testFlushedWhileStopped(t *testing.T, r *rig) {
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
		r.Wait("packets dropped by the floor", func() (bool, string, error) {
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
	r.waitTraffic() // the SAs established with the old secret stay
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
			t.Errorf("%s shows a secret", s.pe.Name)
		}
	}
	r.Must(s.protect(s.peer))
	r.waitTraffic()
}

func testWrongCA(t *testing.T, r *rig) {
	r.begin(t, variant{certificates: true})
	s, other := r.sides[0], r.sides[1]
	ca, err := lab.NewCA("an unknown one")
	r.Must(err)
	forged := s.peer
	forged.Auth.Certificate, forged.Auth.PrivateKey, err = ca.Issue(s.peer.Auth.LocalID)
	r.Must(err)
	since, otherSince := s.eventCount(), other.eventCount()
	r.Must(s.protect(forged)) // another certificate: reconnects without a request
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

// An attacker on the provider network forges unencrypted packets from the peer.
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
			protocol, payload := byte(115), []byte("forged")
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

func testForeignConnections(t *testing.T, r *rig) {
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
				t.Errorf("%s has lost the connection of the other program: %q\n%s", s.pe.Name, conns, traps)
			}
		}
		conns, err := s.charon.Connections()
		r.Must(err)
		if slices.Contains(conns, s.connection()) {
			t.Errorf("%s still has our connection: %q", s.pe.Name, conns)
		}
		if rules := s.run("nft", "list", "ruleset"); rules != "" {
			t.Errorf("%s still has a floor: %s", s.pe.Name, rules)
		}
	}
}

func testFloorStays(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	r.Must(s.guard.Close()) // traffic goes on, as from a socket that another process holds
	r.waitNoTraffic()
	if rules := s.run("nft", "list", "ruleset"); !strings.Contains(rules, "table inet l2tpvl {") || strings.Contains(rules, "owner") {
		t.Errorf("the floor after Close is %q", rules)
	}
	if conns, err := s.charon.Connections(); err != nil || slices.Contains(conns, s.connection()) {
		t.Errorf("strongSwan still has our connection (%v): %q", err, conns)
	}
	time.Sleep(time.Second)
	r.CheckLeaks()

	s.newGuard()
	other := s.peer
	other.Name, other.Flow.LocalPort, other.Flow.RemotePort = "pe9", 1709, 1709
	r.Must(s.protect(other))
	if rules := s.run("nft", "list", "table", "inet", "l2tpvl"); !strings.Contains(rules, "1701") || !strings.Contains(rules, "1709") {
		t.Errorf("the floor of the earlier run is not adopted: %s", rules)
	}
	r.Must(s.protect(s.peer))
	r.Must(s.tidy())
	r.waitTraffic()
	r.Must(s.guard.Release("pe9"))
	if rules := s.run("nft", "list", "table", "inet", "l2tpvl"); !strings.Contains(rules, "1701") || strings.Contains(rules, "1709") {
		t.Errorf("the floor is not that of the protected flow alone: %s", rules)
	}
	r.waitTraffic()
}
