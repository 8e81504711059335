package strongswan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// A pre-shared key proves to be the peer's owner alone: ours is in every peer's, so no owner of one
// may be us.
func TestOwnersOfASecret(t *testing.T) {
	flow := ipsec.Flow{Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2")}
	for _, tt := range []struct {
		name, localID, remoteID, want string
	}{
		{"by address", "", "", "192.0.2.2"},
		{"by name", "pe1.example.net", "pe2.example.net", "pe2.example.net"},
		{"of us alone by name", "pe1.example.net", "", "192.0.2.2"},
	} {
		p := ipsec.Peer{Name: "pe2", Flow: flow, Auth: ipsec.Auth{PSK: []byte("psk"), LocalID: tt.localID, RemoteID: tt.remoteID}}
		s, c := secretOf(p), connectionOf(p)
		if !slices.Equal(s.Owners, []string{tt.want}) || c.Remote.ID != tt.want || s.Data != "psk" {
			t.Errorf("%s: the owners are %q, the peer is %q, want %s alone", tt.name, s.Owners, c.Remote.ID, tt.want)
		}
	}
}
