package strongswan

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/strongswan/govici/vici"
	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

var flow = ipsec.Flow{
	Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2"), LocalPort: 1701, RemotePort: 1703,
}

func TestTrafficSelectors(t *testing.T) {
	overIP := ipsec.Flow{Local: flow.Local, Remote: flow.Remote}
	anyLocal := flow
	anyLocal.Local = netip.Addr{}
	for _, tt := range []struct {
		name          string
		flow          ipsec.Flow
		local, remote string
		want          bool
	}{
		{"the flow", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/1703]", true},
		{"the flow, from wherever", anyLocal, "192.0.2.9/32[udp/l2f]", "192.0.2.2/32[udp/1703]", true},
		{"another port", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/l2f]", false},
		{"another peer", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.3/32[udp/1703]", false},
		{"all of UDP", flow, "192.0.2.1/32[udp]", "192.0.2.2/32[udp]", false},
		{"everything", flow, "192.0.2.1/32", "192.0.2.2/32", false},
		{"over IP", overIP, "192.0.2.1/32[l2tp]", "192.0.2.2/32[115]", true},
		{"over IP, and it is UDP", overIP, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/1703]", false},
	} {
		if got := carries(tt.flow, []string{tt.local}, []string{tt.remote}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		line, want string
		kind       ipsec.Failure
	}{
		{"received AUTHENTICATION_FAILED notify error", "pe2 refused our authentication: AUTHENTICATION_FAILED", ipsec.FailureAuthentication},
		{"tried 1 shared key for 'a' - 'b', but MAC mismatched", "the pre-shared key of pe2 is not ours", ipsec.FailureAuthentication},
		{"giving up after 5 retransmits", "pe2 does not answer IKE (UDP ports 500 and 4500)", ipsec.FailureSilent},
		{"retransmit 1 of request with message ID 0", "", ""},
		{"traffic selectors 10.0.0.0/8 === 10.0.0.0/8 unacceptable", "pe2 wants to protect something else between our addresses; want the same ports and encapsulation on both sides", ipsec.FailureFlow},
		{"IKE_SA l2tpvl-pe2[1] established between 192.0.2.1[a]...192.0.2.2[b]", "", ""},
	} {
		text, kind, ok := failureIn(tt.line, "pe2")
		if text != tt.want || kind != tt.kind || ok != (tt.want != "") {
			t.Errorf("%q: %q, %q, %v", tt.line, text, kind, ok)
		}
	}
	found := caller.FindStringSubmatch("looking for peer configs matching 2001:db8::1[%any]...2001:db8::2[pe2.example.net]")
	if found == nil || found[1] != "2001:db8::2" {
		t.Errorf("the caller is %q", found)
	}
}

func TestProposal(t *testing.T) {
	m := vici.NewMessage()
	for key, value := range map[string]string{
		"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_256_128", "prf-alg": "PRF_HMAC_SHA2_384", "dh-group": "CURVE_25519",
	} {
		if err := m.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := proposal(fields{m}), "aes256-sha256-prfsha384-x25519"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is refused before strongSwan sees it.
func TestWhoseCertificate(t *testing.T) {
	for _, auth := range []ipsec.Auth{{CAs: [][]byte{{1}}}, {RemoteID: "pe2.example.net"}} {
		if err := check(ipsec.Peer{Auth: auth}); err == nil {
			t.Errorf("%+v is taken", auth)
		}
	}
	if err := check(ipsec.Peer{Auth: ipsec.Auth{RemoteID: "pe2.example.net", CAs: [][]byte{{1}}}}); err != nil {
		t.Error(err)
	}
}

// What the side that starts, and the other one, does about what there is. Each case is one look at
// it.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	child := func(state string) childSA {
		return childSA{
			ChildSA: ipsec.ChildSA{State: state, LocalSPI: "c0000001", RemoteSPI: "c0000002"},
			localTS: []string{"192.0.2.1/32[udp/l2f]"}, remoteTS: []string{"192.0.2.2/32[udp/1703]"},
		}
	}
	sa := func(id, state string, age time.Duration, children ...childSA) ikeSA {
		return ikeSA{id: id, children: children, IKESA: ipsec.IKESA{State: state, Established: now.Add(-age)}}
	}
	up := []ikeSA{sa("1", "ESTABLISHED", time.Minute, child("INSTALLED"))}
	whole := installed{
		policies: map[string]bool{policyKey(flow.Remote, 17, 1701, 1703): true},
		states:   map[uint32]netlink.XfrmStateStats{0xc0000001: {}, 0xc0000002: {}},
	}
	other := child("INSTALLED")
	other.remoteTS = []string{"192.0.2.2/32[udp/l2f]"}
	for _, tt := range []struct {
		name string
		peer peer
		sas  []ikeSA
		in   installed
		want string // the commands
	}{
		{"nothing there, we start", peer{want: ipsec.Peer{Starts: true}}, nil, whole, "initiate"},
		{"nothing there, too early for the next try", peer{want: ipsec.Peer{Starts: true}, attempts: 2, nextAt: now.Add(time.Second)}, nil, whole, ""},
		{"a try under way", peer{want: ipsec.Peer{Starts: true}, attempts: 1, askedAt: now.Add(-5 * time.Second)}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, ""},
		{"a try without an answer", peer{want: ipsec.Peer{Starts: true}, attempts: 1, askedAt: now.Add(-20 * time.Second)}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, "terminate"},
		{"the peer calls", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, ""},
		{"an IKE SA without ESP", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute)}, whole, "initiate"},
		{"all is well", peer{want: ipsec.Peer{Starts: true}}, up, whole, ""},
		{"the keys are being renewed", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute, child("REKEYING"))}, whole, ""},
		{"two IKE SAs", peer{want: ipsec.Peer{Starts: true}}, append([]ikeSA{sa("2", "ESTABLISHED", 10*time.Second, child("INSTALLED"))}, up...), whole, "terminate 1"},
		{"two IKE SAs, and the peer sees to it", peer{}, append([]ikeSA{sa("2", "ESTABLISHED", 10*time.Second, child("INSTALLED"))}, up...), whole, ""},
		{"something else is protected", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute, other)}, whole, "terminate"},
		{"gone from the kernel, at the first look", peer{}, up, installed{}, ""},
		{"gone from the kernel, at the second", peer{vanished: true}, up, installed{}, "terminate"},
		{"asked to begin anew", peer{restart: true}, up, whole, "terminate"},
		{"nothing there, the peer starts", peer{}, nil, whole, ""},
		{"nothing there for long", peer{lostAt: now.Add(-time.Minute)}, nil, whole, "initiate"},
		{"nothing there, and the peer knows", peer{lostAt: now.Add(-time.Minute), hinted: true}, nil, whole, ""},
	} {
		tt.peer.want.Name, tt.peer.want.Flow = "pe2", flow
		act, at := tt.peer.decide(tt.sas, tt.in, now)
		got := ""
		if act != nil {
			got = strings.TrimSpace(act.command + " " + act.fields["ike-id"])
		}
		if got != tt.want || at.After(now.Add(lookInterval)) {
			t.Errorf("%s: %q, want %q; the next look in %v", tt.name, got, tt.want, at.Sub(now))
		}
	}
}
