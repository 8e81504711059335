package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
)

// The overheads and limits in the answer add up to the MTU of the interface.
func TestMTUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "green")
		a.reconfigure(func(c *config.Config) { c.VPNs[1].MTU = 1300 })
		a.start(t)
		pass(time.Second)
		before, err := a.MTUs(t.Context())
		if err != nil || len(before) != 2 || before[0].MTU != 0 || before[0].Up || before[0].MSS4 != 0 || before[0].Overhead.Cookie != 0 {
			t.Errorf("before the peer starts: %+v, %v", before, err)
		}
		b.start(t)
		pass(10 * time.Second)
		a.isUp(t)
		mtus, err := a.MTUs(t.Context())
		if err != nil || len(mtus) != 2 || mtus[0].VPN != "green" {
			t.Fatalf("%+v, %v", mtus, err)
		}
		for _, m := range mtus {
			o := m.Overhead
			if o.IP+o.UDP+o.L2TP+o.Cookie+o.Sublayer+o.PPP != o.Total || o.ESP != nil || o.Cookie != 8 || m.Room != m.PathMTU-o.Total || m.PeerMRU != m.Room {
				t.Errorf("%+v", m)
			}
			want := m.Room
			if m.VPN == "green" {
				want = 1300
			}
			a.vrs.mu.Lock()
			has := a.vrs.interfaces[m.VPN+"/"+m.Interface].MTU
			a.vrs.mu.Unlock()
			if !m.Up || m.MTU != want || has != want || m.MSS4 != want-40 || m.MSS6 != want-60 {
				t.Errorf("%+v, but the interface has MTU %d", m, has)
			}
		}
	})
}
