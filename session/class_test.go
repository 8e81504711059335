package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A session request on the connection of the wrong class is refused, and both ends show the reason.
// The connection and its other sessions stay.
func TestRequestOnConnectionOfWrongClass(t *testing.T) {
	for _, tt := range []struct {
		name      string
		protected bool // the connection
		text      string
	}{
		{"clear", false, "VPN 00005e:00000002 requires IPsec here, but this connection is clear"},
		{"protected", true, "VPN 00005e:00000002 is clear here, but this connection is protected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(1))
			sim.a.cfg.Protected, sim.b.cfg.Protected = tt.protected, tt.protected
			red := endid.New(0x5e, 2)
			sim.b.cfg.OtherClass = []endid.VPNID{red}
			sim.start()
			if at := sim.b.pair.Status().WrongClass[red]; !at.IsZero() {
				t.Errorf("no request yet, but one for %s is recorded at %v", red, at)
			}
			sim.allUp(10 * time.Second)
			sim.within(10*time.Second, "refusal", sim.a.down(1))

			cdn := sim.b.results[0]
			if string(cdn.Message) != tt.text || l2tp.CDNCode(cdn.Code) != l2tp.CDNPermanentFacilities {
				t.Errorf("CDN %d %q, want %q", cdn.Code, cdn.Message, tt.text)
			}
			if l := sim.a.link(1); l.Layer != LayerSession || !strings.Contains(l.Reason, tt.text) {
				t.Errorf("layer %d, reason %q of the requesting end", l.Layer, l.Reason)
			}
			if !slices.Contains(sim.b.notes, Note{Kind: CallRefused, Level: Warning, Message: "session request of peer refused", Reason: tt.text}) {
				t.Errorf("notes of the refusing end: %+v", sim.b.notes)
			}
			if at := sim.b.pair.Status().WrongClass[red]; sim.now.Sub(at) > time.Second {
				t.Errorf("the request is recorded at %v, now %v", at, sim.now)
			}
			if !sim.a.link(0).Up || !sim.b.link(0).Up || len(sim.b.sessions) != 1 {
				t.Error("the other link is not up, or the refused one has a session")
			}
		})
	}
}
