package strongswan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// flow is the flow of the tests, over UDP.
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
		{"the flow, from any local address", anyLocal, "192.0.2.9/32[udp/l2f]", "192.0.2.2/32[udp/1703]", true},
		{"another port", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/l2f]", false},
		{"another peer", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.3/32[udp/1703]", false},
		{"all of UDP", flow, "192.0.2.1/32[udp]", "192.0.2.2/32[udp]", false},
		{"everything", flow, "192.0.2.1/32", "192.0.2.2/32", false},
		{"over IP", overIP, "192.0.2.1/32[l2tp]", "192.0.2.2/32[115]", true},
		{"UDP instead of IP", overIP, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/1703]", false},
	} {
		if got := carries(tt.flow, []string{tt.local}, []string{tt.remote}); got != tt.want {
			t.Errorf("%s: carries is %v", tt.name, got)
		}
	}
}

// The peer is the only owner of its pre-shared key, whatever identities are configured. See
// secretOf.
func TestOwnersOfSecret(t *testing.T) {
	flow := ipsec.Flow{Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2")}
	for _, tt := range []struct {
		name, localID, remoteID, want string
	}{
		{"by address", "", "", "192.0.2.2"},
		{"by name", "pe1.example.net", "pe2.example.net", "pe2.example.net"},
		{"this side alone by name", "pe1.example.net", "", "192.0.2.2"},
	} {
		p := ipsec.Peer{Name: "pe2", Flow: flow, Auth: ipsec.Auth{PSK: []byte("psk"), LocalID: tt.localID, RemoteID: tt.remoteID}}
		s, c := secretOf(p), connectionOf(p)
		if !slices.Equal(s.Owners, []string{tt.want}) || c.Remote.ID != tt.want || s.Data != "psk" {
			t.Errorf("%s: owners %q, identity of the peer %q, want %s alone", tt.name, s.Owners, c.Remote.ID, tt.want)
		}
	}
}

// Certificates without the peer's identity or without a CA are refused before strongSwan sees them.
func TestCheckCertificates(t *testing.T) {
	for _, auth := range []ipsec.Auth{{CAs: [][]byte{{1}}}, {RemoteID: "pe2.example.net"}} {
		if err := check(ipsec.Peer{Auth: auth}); err == nil {
			t.Errorf("%+v is accepted", auth)
		}
	}
	if err := check(ipsec.Peer{Auth: ipsec.Auth{RemoteID: "pe2.example.net", CAs: [][]byte{{1}}}}); err != nil {
		t.Error(err)
	}
}
