package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// The styles: in a pipe with an ASCII locale, in a pipe with a UTF-8 locale, on a terminal.
var (
	inASCII    = style{}
	inUTF8     = style{utf8: true}
	onTerminal = style{utf8: true, symbols: true, colour: true}
)

func at(day, hour, minute int, second float64) time.Time {
	return time.Date(2026, 7, day, hour, minute, 0, 0, time.UTC).Add(time.Duration(second * float64(time.Second)))
}

func ptr[T any](v T) *T { return &v }

var (
	now = at(29, 14, 2, 23)

	redLink = api.Link{
		VPN: "red", VPNID: "00005e:00000001", Peer: "pe2", State: api.LinkUp, Since: at(26, 10, 0, 0),
		VR: "netns red", Interface: "vl-red-pe2", MTU: 1438, Local: "10.255.0.0", Remote: "10.255.0.1",
		Protocols: []string{"ipv4"}, IPsec: "none", EchoMS: ptr(0.84),
	}
	blueLink = api.Link{
		VPN: "blue", VPNID: "00005e:00000002", Peer: "pe2", State: api.LinkUp, Since: at(29, 14, 0, 23),
		VR: "netns blue", Interface: "vl-blue-pe2", MTU: 1438,
		Protocols: []string{"ipv4"}, IPsec: "none", EchoMS: ptr(12.3),
	}
	sixLink = api.Link{
		VPN: "six", VPNID: "00005e:00000003", Peer: "pe2", State: api.LinkUp, Since: at(29, 12, 2, 23),
		VR: "netns six", Interface: "vl-six-pe2", MTU: 1438, Local6: "fe80::1", Remote6: "fe80::2",
		Protocols: []string{"ipv6"}, IPsec: "required", ESP: "aes256gcm16",
	}
	greenLink = api.Link{
		VPN: "green", VPNID: "00005e:00000007", Peer: "pe3", State: api.LinkDown, Since: at(29, 14, 2, 11),
		VR: "vrf green", IPsec: "none", Reason: "refused", RetryAt: ptr(at(29, 14, 2, 27)), Attempt: 5,
	}
	greyLink = api.Link{
		VPN: "grey", VPNID: "00005e:00000008", Peer: "pe3", State: api.LinkStarting, Since: at(29, 14, 2, 22.5),
		VR: "vrf grey", Local: "10.255.0.8", IPsec: "none",
	}
	links = []api.Link{redLink, blueLink, sixLink, greenLink, greyLink}

	peers = []api.Peer{
		{
			Name: "pe2", Address: "198.51.100.2:1701", State: "established", Since: at(26, 10, 0, 0),
			LastHeard: ptr(at(29, 14, 2, 22.6)), LocalID: "0x5f1c22ab", RemoteID: "0x0911e0d3",
			Authentication: "hmac-sha1", Sent: 40211, Received: 40197, Retransmissions: 3, LinksUp: 3, Links: 3,
			HostName: "pe2.example.net", RouterID: "192.0.2.2", Vendor: "l2tpvl", Window: 128, PathMTU: 1500,
		},
		{
			Name: "pe3", Address: "[2001:db8::3]:1701", State: "wait-ctl-reply", Since: at(29, 14, 2, 11),
			LocalID: "0x00c0ffee", Authentication: "none", Sent: 5, LinksUp: 0, Links: 2, Reason: "no answer",
		},
		{Name: "pe4", Address: "192.0.2.4:1702", IPsec: "none", State: "idle", Since: at(29, 14, 2, 11), Authentication: "hmac-md5"},
		{Name: "pe4", Address: "192.0.2.4:1701", IPsec: "required", IKE: "none", State: "idle", Since: at(29, 14, 2, 11), Authentication: "hmac-md5"},
		{
			Name: "pe5", Address: "192.0.2.5:1701", IPsec: "required", IKE: "ESTABLISHED", ESP: "aes256gcm16", State: "established",
			Since: at(29, 14, 2, 11), Authentication: "hmac-sha1", LocalID: "0x00000001", RemoteID: "0x00000002", LinksUp: 1, Links: 1,
		},
	}

	protections = []api.Protection{
		{
			Peer: "pe4", Address: "192.0.2.4:1701", Reason: "no IPsec: pe4 refused our authentication: AUTHENTICATION_FAILED",
			LastError: "pe4 refused our authentication: AUTHENTICATION_FAILED", LastErrorAt: ptr(at(29, 14, 2, 20)),
			Manager: "strongSwan 5.9.8", Floor: true, DroppedOut: 12, ESP: []api.ESP{},
		},
		{
			Peer: "pe5", Address: "192.0.2.5:1701", Up: true, Starts: true, Manager: "strongSwan 5.9.8", Floor: true, DroppedIn: 7,
			IKE: &api.IKESA{
				State: "ESTABLISHED", LocalID: "192.0.2.1", RemoteID: "192.0.2.5", LocalSPI: "0011223344556677", RemoteSPI: "8899aabbccddeeff",
				Initiator: true, Algorithms: "aes256gcm16-prfsha256-ecp256", Established: ptr(at(29, 12, 2, 23)), RekeyAt: ptr(at(29, 15, 50, 3)),
			},
			ESP: []api.ESP{
				{
					State: "REKEYED", LocalSPI: "c1c2c3c4", RemoteSPI: "d1d2d3d4", Algorithms: "aes256gcm16", Installed: ptr(at(29, 13, 2, 23)),
					RxOctets: 1_000_000, TxOctets: 2_000_000, RxPackets: 1000, TxPackets: 2000, Replays: 3,
				},
				{
					State: "INSTALLED", LocalSPI: "c5c6c7c8", RemoteSPI: "d5d6d7d8", Algorithms: "aes256gcm16", Encapsulated: true,
					Installed: ptr(at(29, 14, 2, 20)), RekeyAt: ptr(at(29, 14, 58, 0)), RxOctets: 1400, TxOctets: 900, IntegrityFailures: 1,
				},
			},
		},
	}

	sessions = []api.Session{
		{
			VPN: "red", VPNID: "00005e:00000001", Peer: "pe2", State: "established", Role: "initiator",
			LocalID: "0x11223344", RemoteID: "0x55667788", LCP: "Opened", IPCP: "Opened", IPv6CP: "Closed",
			LocalCookie: "1f… (8 octets)", RemoteCookie: "c0… (8 octets)", Circuit: "active", RemoteCircuit: "inactive",
			Echo:     &api.Echo{Sent: 50_000, Lost: 3, History: []*float64{ptr(0.9), nil, ptr(0.84)}},
			Counters: api.Counters{RxPackets: 1201, RxOctets: 1_510_331, TxPackets: 900, TxOctets: 73_020, Drops: 2},
		},
		{
			VPN: "grey", VPNID: "00005e:00000008", Peer: "pe3", State: "wait-reply", Role: "initiator",
			LocalID: "0x0000abcd", LCP: "Initial", IPCP: "Initial", IPv6CP: "Initial",
		},
	}

	mtus = []api.MTU{
		{
			VPN: "red", Peer: "pe2", VR: "netns red", Interface: "vl-red-pe2", PathMTU: 1500,
			Overhead: api.Overhead{IP: 20, UDP: 8, L2TP: 8, Cookie: 8, PPP: 4, Total: 48},
			Room:     1452, PeerMRU: 1452, MTU: 1452, Up: true, MSS4: 1412, MSS6: 1392,
		},
		{
			VPN: "six", Peer: "pe2", VR: "vrf six", Interface: "vl-six-pe2", PathMTU: 1500,
			Overhead: api.Overhead{IP: 40, ESP: ptr(37), L2TP: 4, Cookie: 8, PPP: 4, Total: 93},
			Room:     1407, PeerMRU: 1440, Configured: 1400, MTU: 1400, Up: true, MSS4: 1360, MSS6: 1340,
		},
		{VPN: "green", Peer: "pe3", VR: "vrf green", Interface: "vl-green-pe3", PathMTU: 1400, Overhead: api.Overhead{IP: 20, UDP: 8, L2TP: 8, PPP: 4, Total: 40}, Room: 1360},
		{VPN: "grey", Peer: "pe3", VR: "vrf grey", Interface: "vl-grey-pe3", Overhead: api.Overhead{IP: 20, UDP: 8, L2TP: 8, PPP: 4, Total: 40}},
	}

	vpns = []api.VPN{
		{VPNID: "00005e:00000001", VPN: "red", Peer: "pe2", IPsec: "none", Counterpart: api.CounterpartThere},
		{VPNID: "00005e:00000002", VPN: "blue", Peer: "pe2", IPsec: "required", Counterpart: api.CounterpartOtherClass, Reason: "pe2 requests it with another `ipsec`", CalledAt: ptr(at(29, 14, 2, 11))},
		{
			VPNID: "00005e:00000007", VPN: "green", Peer: "pe3", IPsec: "none", Counterpart: api.CounterpartMissing,
			Reason: `refused by pe3: VPN-ID 00005e:00000007 is not configured for peer "pe1" (CDN result 5)`,
		},
		{VPNID: "00005e:00000008", VPN: "grey", Peer: "pe3", IPsec: "none", Counterpart: api.CounterpartUnknown, Reason: "waiting for pe3 to request a control connection"},
		{VPNID: "00005e:00000070", Peer: "pe3", IPsec: "none", Counterpart: api.CounterpartThere, Reason: "no VPN has this VPN-ID here", CalledAt: ptr(at(29, 14, 2, 1)), Calls: 41},
	}

	refused = api.Explanation{
		Link: greenLink,
		Now:  now,
		Steps: []api.Step{
			{Layer: "configuration", Mark: api.MarkOK, Text: "VPN-ID 00005e:00000007, VR vrf green"},
			{Layer: "peer", Mark: api.MarkOK, Text: "pe3 198.51.100.3, last message 0.4 s ago"},
			{Layer: "control connection", Mark: api.MarkOK, Text: "0x5f1c22ab ⇄ 0x0911e0d3, window 16"},
			{
				Layer: "session", Mark: api.MarkFailed,
				Text: `refused by pe3: CDN result 5 "VPN-ID 00005e:00000007 is not configured for peer pe1"`,
			},
			{Layer: "LCP", Mark: api.MarkSkipped},
			{Layer: "IPCP", Mark: api.MarkSkipped, Text: "not reached"},
			{Layer: "IPV6CP", Mark: api.MarkSkipped, Text: "not wanted"},
			{Layer: "interface", Mark: api.MarkSkipped, Text: "not reached"},
		},
		Advice: "pe3 has no link to pe1 in a VPN with this VPN-ID. Compare `l2tpvl-ctl vpns` on both.",
	}
	starting = api.Explanation{
		Link: greyLink,
		Now:  now,
		Steps: []api.Step{
			{Layer: "configuration", Mark: api.MarkOK, Text: "VPN-ID 00005e:00000008, VR vrf grey"},
			{Layer: "session", Mark: api.MarkPending, Text: "waiting for the ICRP"},
			{Layer: "LCP", Mark: api.MarkSkipped, Text: "not reached"},
		},
	}
	up = api.Explanation{
		Link:  redLink,
		Now:   now,
		Steps: []api.Step{{Layer: "interface", Mark: api.MarkOK, Text: "vl-red-pe2, MTU 1438"}},
	}

	status = api.Status{
		Version: "v0.3.0", HostName: "pe1", Started: at(26, 10, 0, 0),
		DataPlane: "userspace", DataPlaneReason: "the kernel has no L2TP",
		Drops: map[string]uint64{"unknown session": 12, "digest": 1003, "malformed": 0},
	}
)

func TestRender(t *testing.T) {
	fresh := status
	fresh.Started, fresh.Drops = now, nil
	retryingNow := refused
	retryingNow.Now = at(29, 14, 2, 28)
	// The daemon and the operator may use different time zones.
	otherZone := refused
	otherZone.Now = now.In(time.FixedZone("", 9*3600))

	for name, got := range map[string]string{
		"links":                   renderLinks(links, now, inUTF8),
		"links-ascii":             renderLinks(links, now, inASCII),
		"links-terminal":          renderLinks(links, now, onTerminal),
		"links-none":              renderLinks(nil, now, inUTF8),
		"peers":                   renderPeers(peers, now, inUTF8),
		"peers-none":              renderPeers(nil, now, inUTF8),
		"sessions":                renderSessions(sessions, now, inUTF8),
		"sessions-none":           renderSessions(nil, now, inUTF8),
		"explain-down":            renderExplanation(refused, now, inUTF8),
		"explain-down-ascii":      renderExplanation(refused, now, inASCII),
		"explain-down-terminal":   renderExplanation(refused, now, onTerminal),
		"explain-down-other-zone": renderExplanation(otherZone, now, inUTF8),
		"explain-retrying-now":    renderExplanation(retryingNow, now, inUTF8),
		"explain-starting":        renderExplanation(starting, now, inUTF8),
		"explain-up":              renderExplanation(up, now, inUTF8),
		"vpns-none":               renderVPNs(nil, now, inUTF8),
		"vpns-fine":               renderVPNs(vpns[:1], now, inUTF8),
		"vpns-terminal":           renderVPNs(vpns, now, onTerminal),
		"status":                  renderStatus(status, now, inUTF8),
		"status-no-drops":         renderStatus(fresh, now, inUTF8),
		"version":                 renderVersion(versionInfo{Version: "v0.3.0", Go: "go1.26.0", Daemon: "v0.2.9"}, now, inUTF8),
		"version-no-daemon":       renderVersion(versionInfo{Version: "v0.3.0", Go: "go1.26.0", Reason: "cannot reach l2tpvld at /run/s"}, now, inUTF8),
	} {
		t.Run(name, func(t *testing.T) { compareGolden(t, name, got) })
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant, as in %s:\n%s", got, file, want)
	}
}
