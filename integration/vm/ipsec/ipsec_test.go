package ipsec

import (
	"encoding/binary"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
)

// mixed is the kernel data plane at PE1 and the userspace data plane at PE2.
var mixed = carriage{planes: [2]string{"kernel", "userspace"}}

// The parts run one after another in the same lab.
func TestIPsec(t *testing.T) {
	r := newRig(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"red is protected and blue is not", testKinds},
		{"without strongSwan", testWithoutStrongSwan},
		{"disruptions heal and leak nothing", testDisruptions},
		{"a change makes a VPN require IPsec", testBecomesRequired},
		{"the ends are configured differently", testDisagreement},
		{"injected packets are dropped and counted", testInjected},
		{"a VPN is protected towards one peer and clear towards another", testPerPeer},
	} {
		if !r.Subtest(t, part.name, func(t *testing.T) {
			defer func() {
				for _, pe := range r.PEs() {
					if pe.Daemon != nil {
						_ = pe.Daemon.Kill() // which the part has left running
					}
				}
			}()
			part.run(t, r)
			r.CheckLeaks()
		}) {
			break
		}
	}
}

// Red requires IPsec and blue does not, between the same PEs: red's packets are on the wire as ESP
// alone, blue's in the clear.
func testKinds(t *testing.T, r *rig) {
	for _, tt := range []struct {
		name string
		carriage
	}{
		{"secret, IPv4, kernel and userspace", mixed},
		{"certificates, IPv6, userspace and kernel", carriage{planes: [2]string{"userspace", "kernel"}, overIPv6: true, certificates: true}},
		{"secret, IPv6, auto", carriage{planes: [2]string{"auto", "auto"}, overIPv6: true}},
		{"certificates, IPv4, over IP with two addresses", carriage{planes: [2]string{"auto", "auto"}, overIP: true, certificates: true}},
	} {
		ok := r.Subtest(t, tt.name, func(t *testing.T) {
			r.start(tt.carriage)
			before := r.Leaks.Seen()
			capture, err := r.StartCapture(r.PE1.NS, lab.ProviderInterface)
			r.Must(err)
			r.waitTraffic("red")
			r.waitTraffic("blue")
			r.Must(capture.Stop())
			red, err := capture.Count([]byte(redText))
			r.Must(err)
			blue, err := capture.Count([]byte(blueText))
			r.Must(err)
			if seen := r.Leaks.Seen(); red > 0 || blue == 0 || seen.ESP == before.ESP || seen.Clear == before.Clear {
				t.Errorf("red's text was captured %d times, blue's %d times; %d packets of ESP, %d in the clear", red, blue,
					seen.ESP-before.ESP, seen.Clear-before.Clear)
			}
			for _, pe := range r.Pair() {
				if p := r.protection(pe); !p.Up || len(p.ESP) == 0 || p.ESP[0].Algorithms != "aes256gcm16" || p.IKE == nil {
					t.Errorf("%s reports the protection %s", pe.Name, labtest.AsJSON(p))
				}
				l, err := pe.Link(r.Ctx, "red")
				r.Must(err)
				if l.IPsec != "required" || l.ESP != "aes256gcm16" {
					t.Errorf("%s reports the link of red %s", pe.Name, labtest.AsJSON(l))
				}
			}
			r.stop()
		})
		if !ok {
			break
		}
	}
}

// Without strongSwan at either end, the daemons send nothing of red and report what is missing.
func testWithoutStrongSwan(t *testing.T, r *rig) {
	for _, charon := range r.Charons {
		r.Must(charon.Stop())
	}
	for _, pe := range r.Pair() {
		r.Must(pe.Start(r.Ctx, r.config(pe, mixed)))
	}
	r.waitTraffic("blue")
	r.waitNoTraffic("red")
	for _, pe := range r.Pair() {
		r.Wait("the advice of "+pe.Name, func() (bool, string, error) {
			out, err := pe.Ctl(r.Ctx, "explain", "red", pe.Peer.Name)
			return strings.Contains(out, "systemctl enable --now strongswan"), out, ignoreExit(err)
		})
		r.Wait("packets dropped by the floor of "+pe.Name, func() (bool, string, error) {
			p := r.protection(pe)
			return p.Floor && p.DroppedOut > 0, labtest.AsJSON(p), nil
		})
	}
	for _, charon := range r.Charons {
		r.Must(charon.Start(r.Ctx))
	}
	r.waitUp()
	r.stop()
}

// ignoreExit drops the error of an exit status: explain returns one if the link is down.
func ignoreExit(err error) error {
	if err != nil && strings.Contains(err.Error(), "exit status") {
		return nil
	}
	return err
}

// Each disruption heals, and no packet of red is unencrypted meanwhile.
func testDisruptions(t *testing.T, r *rig) {
	r.start(mixed)
	for _, disruption := range []struct {
		name string
		do   func(*lab.PE, *lab.Charon)
	}{
		{"20 rekeys", func(pe *lab.PE, _ *lab.Charon) {
			for range 10 { // on each side
				before := r.protection(pe).ESP[0].LocalSPI
				r.vici(pe, "rekey", "child")
				r.Wait("new SPIs", func() (bool, string, error) {
					p := r.protection(pe)
					return len(p.ESP) > 0 && p.ESP[0].LocalSPI != before, labtest.AsJSON(p), nil
				})
			}
		}},
		{"charon stopped and started", func(_ *lab.PE, charon *lab.Charon) {
			r.Must(charon.Stop())
			r.waitNoTraffic("red")
			r.Must(charon.Start(r.Ctx))
		}},
		{"charon killed and started", func(_ *lab.PE, charon *lab.Charon) {
			r.Must(charon.Kill())
			r.Must(charon.Start(r.Ctx))
		}},
		{"swanctl --terminate", func(pe *lab.PE, _ *lab.Charon) { r.vici(pe, "terminate", "ike") }},
		{"policies flushed", func(pe *lab.PE, _ *lab.Charon) { r.Run(pe.NS, "ip", "xfrm", "policy", "flush") }},
		{"firewall flushed", func(pe *lab.PE, _ *lab.Charon) { r.Run(pe.NS, "nft", "flush", "ruleset") }},
		{"firewall and policies flushed while charon is stopped", func(pe *lab.PE, charon *lab.Charon) {
			r.Must(charon.Kill())
			r.Run(pe.NS, "nft", "flush", "ruleset")
			r.Run(pe.NS, "ip", "xfrm", "policy", "flush")
			r.Run(pe.NS, "ip", "xfrm", "state", "flush")
			r.waitNoTraffic("red")
			r.Must(charon.Start(r.Ctx))
		}},
		{"l2tpvl-ctl reset", func(pe *lab.PE, _ *lab.Charon) {
			before := r.protection(pe).ESP[0].LocalSPI
			out, err := pe.Ctl(r.Ctx, "reset", pe.Peer.Name)
			r.Must(err)
			if !strings.Contains(out, "a new IKE SA is requested") {
				r.Errorf("reset of %s prints %q", pe.Peer.Name, out)
			}
			r.Wait("new SPIs", func() (bool, string, error) {
				p := r.protection(pe)
				return len(p.ESP) > 0 && p.ESP[0].LocalSPI != before, labtest.AsJSON(p), nil
			})
		}},
		{"l2tpvld stopped and started", func(pe *lab.PE, _ *lab.Charon) {
			r.Must(pe.Daemon.Stop(r.Ctx))
			r.waitNoTraffic("red")
			r.Must(pe.Restart(r.Ctx))
		}},
		{"l2tpvld killed and started", func(pe *lab.PE, _ *lab.Charon) {
			r.Must(pe.Daemon.Kill())
			r.Must(pe.Restart(r.Ctx))
		}},
	} {
		for i, pe := range r.Pair() {
			ok := r.Subtest(t, disruption.name+" at "+pe.Name, func(*testing.T) {
				disruption.do(pe, r.Charons[i])
				r.waitUp()
				r.Wait("one pair of security associations", func() (bool, string, error) {
					p := r.protection(pe)
					return p.Up && len(p.ESP) == 1, labtest.AsJSON(p), nil
				})
				r.CheckLeaks()
			})
			if !ok {
				return
			}
		}
	}
	r.stop()
}

// A reload makes a clear VPN require IPsec while its customers' traffic goes on.
func testBecomesRequired(t *testing.T, r *rig) {
	r.start(mixed)
	for _, pe := range r.Pair() {
		r.Must(pe.Reload(pe.Protect(r.config(pe, mixed), "blue")))
		r.Wait(pe.Name+" to apply the change", func() (bool, string, error) {
			l, err := pe.Link(r.Ctx, "blue")
			return err == nil && l.IPsec == "required", labtest.AsJSON(l), nil
		})
	}
	capture, err := r.StartCapture(r.PE1.NS, lab.ProviderInterface)
	r.Must(err)
	r.waitUp()
	r.Must(capture.Stop())
	if n, err := capture.Count([]byte(blueText)); n > 0 || err != nil {
		t.Errorf("blue's text was captured %d times: %v", n, err)
	}
	r.stop()
}

// If one end does not require IPsec, or has another secret, nothing passes, and both ends explain
// why.
func testDisagreement(t *testing.T, r *rig) {
	c := r.config(r.PE1, mixed)
	red := c.VPNs["red"]
	red.IPsec = "none"
	c.VPNs["red"] = red
	r.Must(r.PE1.Start(r.Ctx, c))
	r.Must(r.PE2.Start(r.Ctx, r.config(r.PE2, mixed)))
	r.waitTraffic("blue")
	r.waitExplained(r.PE1, "requires IPsec here")
	r.waitExplained(r.PE2, "requested the link in the clear")
	r.waitNoTraffic("red")
	r.stop()

	wrong := r.config(r.PE2, mixed)
	peer := wrong.Peers["pe1"]
	peer.IKE.PSKFile = r.Dir + "/wrong.psk"
	r.Must(os.WriteFile(peer.IKE.PSKFile, []byte("another secret, of 32 characters"), 0o600))
	wrong.Peers["pe1"] = peer
	r.Must(r.PE1.Start(r.Ctx, r.config(r.PE1, mixed)))
	r.Must(r.PE2.Start(r.Ctx, wrong))
	r.waitTraffic("blue")
	r.waitExplained(r.PE1, "AUTHENTICATION_FAILED")
	r.waitExplained(r.PE2, "the pre-shared key of pe1 differs from ours")
	r.waitNoTraffic("red")
	r.Must(r.PE2.Daemon.Stop(r.Ctx))
	r.Must(r.PE2.Start(r.Ctx, r.config(r.PE2, mixed)))
	r.waitUp()
	r.stop()
}

// waitExplained waits until explain has that text about red at a PE.
func (r *rig) waitExplained(pe *lab.PE, text string) {
	r.Helper()
	r.Wait(pe.Name+" to explain red with "+strconv.Quote(text), func() (bool, string, error) {
		out, err := pe.Ctl(r.Ctx, "explain", "red", pe.Peer.Name)
		return strings.Contains(strings.Join(strings.Fields(out), " "), text), out, ignoreExit(err)
	})
}

// sessionLine matches an L2TP session as ip(8) shows it: its ID, and the cookie of received
// packets.
var sessionLine = regexp.MustCompile(`(?s)Session (\d+) in tunnel.*?peer cookie ([0-9a-f]+)`)

// An attacker on the provider network knows all IDs and cookies, and has recorded ESP.
func testInjected(t *testing.T, r *rig) {
	r.start(mixed)
	pe, peer := r.PE1, r.PE2
	to, err := pe.NS.HardwareAddr(lab.ProviderInterface)
	r.Must(err)
	inject := func(protocol byte, payload []byte) {
		r.Must(peer.NS.InjectFrame(lab.ProviderInterface, to, lab.IPPacket(peer.Address, pe.Address, protocol, payload)))
	}
	udp := func(payload []byte) {
		inject(unix.IPPROTO_UDP, lab.UDPDatagram(netip.AddrPortFrom(peer.Address, 1701), netip.AddrPortFrom(pe.Address, 1701), payload))
	}
	const count = 20

	// A packet to red's host, in a data message with the session's ID and cookie.
	var session []string
	r.Wait("the kernel's session of red", func() (bool, string, error) {
		out := r.Run(pe.NS, "ip", "l2tp", "show", "session")
		session = redSession(out, r, pe)
		return session != nil, out, nil
	})
	id, err := strconv.ParseUint(session[1], 10, 32)
	r.Must(err)
	cookie, err := strconv.ParseUint(session[2], 16, 64)
	r.Must(err)
	site, from := pe.Sites["red"], peer.Sites["red"]
	forged := lab.IPPacket(from.Address, site.Address, unix.IPPROTO_UDP,
		lab.UDPDatagram(netip.AddrPortFrom(from.Address, 7), netip.AddrPortFrom(site.Address, 7), []byte("forged")))
	data := binary.BigEndian.AppendUint32([]byte{0, 3, 0, 0}, uint32(id))
	data = binary.BigEndian.AppendUint64(data, cookie)
	data = append(append(data, 0xff, 0x03, 0x00, 0x21), forged...)
	dropped := r.protection(pe).DroppedIn
	for range count {
		udp(data)
	}
	// A StopCCN for the control connection, without the Message Digest, which requires the secret.
	var local uint32
	connections, err := pe.Client().Peers(r.Ctx)
	r.Must(err)
	for _, p := range connections {
		if p.IPsec == "required" {
			n, err := strconv.ParseUint(strings.TrimPrefix(p.LocalID, "0x"), 16, 32)
			r.Must(err)
			local = uint32(n)
		}
	}
	stop := binary.BigEndian.AppendUint16(nil, 0xc803)
	stop = binary.BigEndian.AppendUint16(stop, 20)
	stop = binary.BigEndian.AppendUint32(stop, local)
	stop = append(stop, 0, 9, 0, 9, 0x80, 8, 0, 0, 0, 0, 0, 4)
	for range count {
		udp(stop)
	}
	r.Wait("the count of packets that arrived unencrypted", func() (bool, string, error) {
		p := r.protection(pe)
		return p.DroppedIn == dropped+2*count, labtest.AsJSON(p), nil
	})

	// Recorded ESP, and changed ESP.
	recorded := r.Leaks.LastESP(pe.Address)
	replays := r.protection(pe).ESP[0].Replays
	for range count {
		inject(unix.IPPROTO_ESP, recorded)
	}
	r.Wait("the count of replays", func() (bool, string, error) {
		p := r.protection(pe)
		return p.ESP[0].Replays >= replays+count, labtest.AsJSON(p), nil
	})
	flipped := r.Leaks.LastESP(pe.Address)
	// A sequence number that was not received yet.
	binary.BigEndian.PutUint32(flipped[4:], binary.BigEndian.Uint32(flipped[4:])+500)
	flipped[len(flipped)-1] ^= 1
	failures := r.protection(pe).ESP[0].IntegrityFailures
	for range count {
		inject(unix.IPPROTO_ESP, flipped)
	}
	r.Wait("the count of integrity failures", func() (bool, string, error) {
		p := r.protection(pe)
		return p.ESP[0].IntegrityFailures >= failures+count, labtest.AsJSON(p), nil
	})

	r.waitTraffic("red")
	link, err := pe.Link(r.Ctx, "red")
	r.Must(err)
	if link.State != api.LinkUp || time.Since(link.Since) < 0 {
		t.Errorf("the link of red is %s", labtest.AsJSON(link))
	}
	if out := r.Run(pe.NS, "ip", "l2tp", "show", "session"); redSession(out, r, pe) == nil || redSession(out, r, pe)[1] != session[1] {
		t.Errorf("red has another session after the injection: %s", out)
	}
	r.stop()
}

// redSession finds red's session, which is in the tunnel at port 1701, in the output of ip(8).
func redSession(out string, r *rig, pe *lab.PE) []string {
	tunnels := r.Run(pe.NS, "ip", "l2tp", "show", "tunnel")
	var tunnel string
	for _, part := range strings.Split("\n"+tunnels, "\nTunnel ")[1:] {
		if strings.Contains(part, "1701") {
			tunnel, _, _ = strings.Cut(part, ",")
		}
	}
	for _, part := range strings.Split("\n"+out, "\nSession ")[1:] {
		if strings.Contains(part, "in tunnel "+tunnel+"\n") {
			return sessionLine.FindStringSubmatch("Session " + part)
		}
	}
	return nil
}

// Red is protected towards PE2 and clear towards PE3.
func testPerPeer(t *testing.T, r *rig) {
	pe3, err := r.AddPE()
	r.Must(err)
	c := r.config(r.PE1, mixed)
	r.PE1.AddLinks(c, pe3)
	red := c.VPNs["red"]
	red.Links[1].IPsec = "none"
	c.VPNs["red"] = red
	r.Must(r.PE1.Start(r.Ctx, c))
	r.Must(r.PE2.Start(r.Ctx, r.config(r.PE2, mixed)))
	third := pe3.Config().Quick()
	third.DataPlane = "userspace"
	r.Must(pe3.Start(r.Ctx, third))
	r.waitUp()
	capture, err := r.StartCapture(pe3.NS, lab.ProviderInterface)
	r.Must(err)
	pattern := []byte("red to pe3 only")
	r.Wait("a ping from PE3 to PE1", func() (bool, string, error) {
		pong, err := pe3.Sites["red"].Host.Ping(r.Ctx, r.PE1.Sites["red"].Address, lab.Ping{Count: 1, Pattern: pattern})
		return pong.Received == 1, pong.Output, err
	})
	r.Must(capture.Stop())
	if n, err := capture.Count(pattern); n == 0 || err != nil {
		t.Errorf("red's ping from PE3 is not on the wire in the clear: %v", err)
	}
	for _, pe := range []*lab.PE{r.PE1, r.PE2, pe3} {
		r.Must(pe.Daemon.Stop(r.Ctx))
	}
}
