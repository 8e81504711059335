package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A session asked for on the connection of the wrong class is refused, and both sides can say so.
// The connection and its other sessions stay.
func TestCallOnTheConnectionOfTheWrongClass(t *testing.T) {
	for _, tt := range []struct {
		name      string
		protected bool // the connection
		text      string
	}{
		{"in clear", false, "VPN 00005e:00000002 is to be protected here, and this connection is clear"},
		{"protected", true, "VPN 00005e:00000002 is to be in clear here, and this connection is protected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1, linkConfigs(2), linkConfigs(1))
			w.a.cfg.Protected, w.b.cfg.Protected = tt.protected, tt.protected
			red := endid.New(0x5e, 2)
			w.b.cfg.Elsewhere = []endid.VPNID{red}
			w.start()
			if at := w.b.pair.Status().Astray[red]; !at.IsZero() {
				t.Errorf("nothing has gone astray yet, and %s is said to at %v", red, at)
			}
			w.allUp(10 * time.Second)
			w.within(10*time.Second, "refusal", w.a.down(1))

			cdn := w.b.results[0]
			if string(cdn.Message) != tt.text || l2tp.CDNCode(cdn.Code) != l2tp.CDNPermanentFacilities {
				t.Errorf("CDN %d %q, want %q", cdn.Code, cdn.Message, tt.text)
			}
			if l := w.a.link(1); l.Layer != LayerSession || !strings.Contains(l.Reason, tt.text) {
				t.Errorf("the caller says %q", l.Reason)
			}
			if !slices.Contains(w.b.notes, Note{Kind: CallRefused, Level: Warning, Message: "call of the peer refused", Reason: tt.text}) {
				t.Errorf("the log of the other is told %+v", w.b.notes)
			}
			if at := w.b.pair.Status().Astray[red]; w.now.Sub(at) > time.Second {
				t.Errorf("the call has gone astray at %v, now %v", at, w.now)
			}
			if !w.a.link(0).Up || !w.b.link(0).Up || len(w.b.sessions) != 1 {
				t.Error("the other link is not up, or the refused one has a session")
			}
		})
	}
}
