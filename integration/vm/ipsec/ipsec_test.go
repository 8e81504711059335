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

// The kernel carries PE1's links, PE2's are carried in user space.
var mixed = carriage{planes: [2]string{"kernel", "userspace"}}

// The parts run one after another in the same lab.
func TestIPsec(t *testing.T) {
	r := newRig(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"red is protected and blue is not", testKinds},
		{"before there is IKE", testBeforeIKE},
		{"nothing leaks", testBlows},
		{"a VPN begins to require IPsec", testBecomesRequired},
		{"sides that disagree", testDisagreement},
		{"what is injected is dropped and counted", testInjected},
		{"protected towards one peer and not another", testPerPeer},
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

// Red requires IPsec and blue does not, between the same PEs at once: what red says is on the wire
// as ESP alone, what blue says in clear.
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
				t.Errorf("red's words were seen %d times, blue's %d; %d packets of ESP, %d in clear", red, blue,
					seen.ESP-before.ESP, seen.Clear-before.Clear)
			}
			for _, pe := range r.Pair() {
				if p := r.protection(pe); !p.Up || len(p.ESP) == 0 || p.ESP[0].Algorithms != "aes256gcm16" || p.IKE == nil {
					t.Errorf("%s tells of %s", pe.Name, labtest.AsJSON(p))
				}
				l, err := pe.Link(r.Ctx, "red")
				r.Must(err)
				if l.IPsec != "required" || l.ESP != "aes256gcm16" {
					t.Errorf("%s tells of red %s", pe.Name, labtest.AsJSON(l))
				}
			}
			r.stop()
		})
		if !ok {
			break
		}
	}
}

// A daemon without strongSwan at the other end, and then without its own, sends nothing, and says
// what is missing.
func testBeforeIKE(t *testing.T, r *rig) {
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
		r.Wait("packets that the floor of "+pe.Name+" drops", func() (bool, string, error) {
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

// ignoreExit leaves an exit status aside: explain's tells that the link is down.
func ignoreExit(err error) error {
	if err != nil && strings.Contains(err.Error(), "exit status") {
		return nil
	}
	return err
}

func testBlows(t *testing.T, r *rig) {
	r.start(mixed)
	for _, blow := range []struct {
		name string
		do   func(*lab.PE, *lab.Charon)
	}{
		{"20 rekeys", func(pe *lab.PE, _ *lab.Charon) {
			for range 10 { // on each side
				before := r.protection(pe).ESP[0].LocalSPI
				r.vici(pe, "rekey", "child")
				r.Wait("other SPIs", func() (bool, string, error) {
					p := r.protection(pe)
					return len(p.ESP) > 0 && p.ESP[0].LocalSPI != before, labtest.AsJSON(p), nil
				})
			}
		}},
		{"charon ended, and started", func(_ *lab.PE, charon *lab.Charon) {
			r.Must(charon.Stop())
			r.waitNoTraffic("red")
			r.Must(charon.Start(r.Ctx))
		}},
		{"charon killed, and started", func(_ *lab.PE, charon *lab.Charon) {
			r.Must(charon.Kill())
			r.Must(charon.Start(r.Ctx))
		}},
		{"swanctl --terminate", func(pe *lab.PE, _ *lab.Charon) { r.vici(pe, "terminate", "ike") }},
		{"policies flushed", func(pe *lab.PE, _ *lab.Charon) { r.Run(pe.NS, "ip", "xfrm", "policy", "flush") }},
		{"firewall flushed", func(pe *lab.PE, _ *lab.Charon) { r.Run(pe.NS, "nft", "flush", "ruleset") }},
		{"firewall and policies flushed while charon is away", func(pe *lab.PE, charon *lab.Charon) {
			r.Must(charon.Kill())
			r.Run(pe.NS, "nft", "flush", "ruleset")
			r.Run(pe.NS, "ip", "xfrm", "policy", "flush")
			r.Run(pe.NS, "ip", "xfrm", "state", "flush")
			r.waitNoTraffic("red")
			r.Must(charon.Start(r.Ctx))
		}},
		{"l2tpvld stopped, and started", func(pe *lab.PE, _ *lab.Charon) {
			r.Must(pe.Daemon.Stop(r.Ctx))
			r.waitNoTraffic("red")
			r.Must(pe.Restart(r.Ctx))
		}},
		{"l2tpvld killed, and started", func(pe *lab.PE, _ *lab.Charon) {
			r.Must(pe.Daemon.Kill())
			r.Must(pe.Restart(r.Ctx))
		}},
	} {
		for i, pe := range r.Pair() {
			ok := r.Subtest(t, blow.name+" at "+pe.Name, func(*testing.T) {
				blow.do(pe, r.Charons[i])
				r.waitUp()
				r.Wait("one pair of associations", func() (bool, string, error) {
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

// A VPN whose links were in clear is to be protected from now on, its customers talk on.
func testBecomesRequired(t *testing.T, r *rig) {
	r.start(mixed)
	words := []byte(blueText)
	for _, pe := range r.Pair() {
		r.Must(pe.Reload(pe.Protect(r.config(pe, mixed), "blue")))
		r.Wait(pe.Name+" to take the change", func() (bool, string, error) {
			l, err := pe.Link(r.Ctx, "blue")
			return err == nil && l.IPsec == "required", labtest.AsJSON(l), nil
		})
	}
	capture, err := r.StartCapture(r.PE1.NS, lab.ProviderInterface)
	r.Must(err)
	r.waitUp()
	r.Must(capture.Stop())
	if n, err := capture.Count(words); n > 0 || err != nil {
		t.Errorf("blue's words were seen %d times: %v", n, err)
	}
	r.stop()
}

// One side that does not require IPsec, and one with another secret: nothing passes, and both say
// why.
func testDisagreement(t *testing.T, r *rig) {
	c := r.config(r.PE1, mixed)
	red := c.VPNs["red"]
	red.IPsec = "none"
	c.VPNs["red"] = red
	r.Must(r.PE1.Start(r.Ctx, c))
	r.Must(r.PE2.Start(r.Ctx, r.config(r.PE2, mixed)))
	r.waitTraffic("blue")
	r.waitExplained(r.PE1, "to be protected here")
	r.waitExplained(r.PE2, "asked for the link in clear")
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

// waitExplained waits until a PE says that about red.
func (r *rig) waitExplained(pe *lab.PE, text string) {
	r.Helper()
	r.Wait(pe.Name+" to explain red with "+strconv.Quote(text), func() (bool, string, error) {
		out, err := pe.Ctl(r.Ctx, "explain", "red", pe.Peer.Name)
		return strings.Contains(strings.Join(strings.Fields(out), " "), text), out, ignoreExit(err)
	})
}

// What ip(8) says of an L2TP session: its ID and the cookie that it wants to see.
var sessionLine = regexp.MustCompile(`(?s)Session (\d+) in tunnel.*?peer cookie ([0-9a-f]+)`)

// Somebody on the provider's network who knows all IDs and cookies, and has recorded ESP.
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

	// A word to red's host, in a data message with the session's ID and cookie.
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
	word := lab.IPPacket(from.Address, site.Address, unix.IPPROTO_UDP,
		lab.UDPDatagram(netip.AddrPortFrom(from.Address, 7), netip.AddrPortFrom(site.Address, 7), []byte("a forged word")))
	data := binary.BigEndian.AppendUint32([]byte{0, 3, 0, 0}, uint32(id))
	data = binary.BigEndian.AppendUint64(data, cookie)
	data = append(append(data, 0xff, 0x03, 0x00, 0x21), word...)
	dropped := r.protection(pe).DroppedIn
	for range count {
		udp(data)
	}
	// A StopCCN for the control connection, as far as one can be made without the secret.
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
	r.Wait("the count of what arrived in clear", func() (bool, string, error) {
		p := r.protection(pe)
		return p.DroppedIn == dropped+2*count, labtest.AsJSON(p), nil
	})

	// ESP again, and ESP that was changed.
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
	binary.BigEndian.PutUint32(flipped[4:], binary.BigEndian.Uint32(flipped[4:])+500) // a sequence number that was not seen yet
	flipped[len(flipped)-1] ^= 1
	failures := r.protection(pe).ESP[0].IntegrityFailures
	for range count {
		inject(unix.IPPROTO_ESP, flipped)
	}
	r.Wait("the count of failures of integrity", func() (bool, string, error) {
		p := r.protection(pe)
		return p.ESP[0].IntegrityFailures >= failures+count, labtest.AsJSON(p), nil
	})

	r.waitTraffic("red")
	link, err := pe.Link(r.Ctx, "red")
	r.Must(err)
	if link.State != api.LinkUp || time.Since(link.Since) < 0 {
		t.Errorf("red is %s", labtest.AsJSON(link))
	}
	if out := r.Run(pe.NS, "ip", "l2tp", "show", "session"); redSession(out, r, pe) == nil || redSession(out, r, pe)[1] != session[1] {
		t.Errorf("red has another session now: %s", out)
	}
	r.stop()
}

// redSession finds red's session, that of the tunnel at port 1701, in what ip(8) says.
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

// Red is protected towards PE2, and in clear towards PE3.
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
		t.Errorf("red's ping to PE3 is not on the wire in clear: %v", err)
	}
	for _, pe := range []*lab.PE{r.PE1, r.PE2, pe3} {
		r.Must(pe.Daemon.Stop(r.Ctx))
	}
}
