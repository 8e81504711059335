package daemon

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
)

// Each end compares its own VPN-IDs with those that the peer has requested or refused.
func TestVPNs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "green", "blue", "grey")
		b.reconfigure(func(c *config.Config) {
			c.VPNs[1].VPNID = endid.New(0x5e, 0x22) // a typing error
			c.VPNs[3].Links = nil                   // forgotten in the configuration
		})
		a.reconfigure(func(c *config.Config) { c.Peers[0].Role = config.RoleActive })

		type row struct{ id, vpn, counterpart, reason string }
		compare := func(p *pe, want []row) {
			t.Helper()
			vpns, err := p.VPNs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []row
			for _, v := range vpns {
				got = append(got, row{v.VPNID, v.VPN, string(v.Counterpart), v.Reason})
				if (v.Calls > 0) != (v.VPN == "") || (v.CalledAt != nil) != (v.Calls > 0) || v.Peer != p.cfg().Peers[0].Name || v.IPsec != "none" {
					t.Errorf("%+v", v)
				}
			}
			if asText(got) != asText(want) {
				t.Errorf("%s has\n%s\nwant\n%s", p.cfg().Local.HostName, asText(got), asText(want))
			}
		}
		a.start(t)
		pass(100 * time.Millisecond)
		compare(a, []row{
			{"00005e:00000001", "red", "unknown", "control connection is being established"},
			{"00005e:00000002", "green", "unknown", "control connection is being established"},
			{"00005e:00000003", "blue", "unknown", "control connection is being established"},
			{"00005e:00000004", "grey", "unknown", "control connection is being established"},
		})
		b.start(t)
		pass(time.Minute)
		missing := func(id, name string) string {
			return "refused by " + name + ": VPN-ID " + id + " is not configured for peer "
		}
		compare(a, []row{
			{"00005e:00000001", "red", "there", ""},
			{"00005e:00000002", "green", "missing", missing("00005e:00000002", "pe2") + `"pe1" (CDN result 5)`},
			{"00005e:00000003", "blue", "there", ""},
			{"00005e:00000004", "grey", "missing", missing("00005e:00000004", "pe2") + `"pe1" (CDN result 5)`},
			{"00005e:00000022", "", "there", "no VPN has this VPN-ID here"},
		})
		compare(b, []row{
			{"00005e:00000001", "red", "there", ""},
			{"00005e:00000002", "", "there", "no VPN has this VPN-ID here"},
			{"00005e:00000003", "blue", "there", ""},
			{"00005e:00000004", "", "there", "VPN grey has no link to pe1 here"},
			{"00005e:00000022", "green", "missing", missing("00005e:00000022", "pe1") + `"pe2" (CDN result 5)`},
		})
		// Requests of long ago are not shown any more.
		a.stop()
		pass(11 * time.Minute)
		vpns, err := b.VPNs(t.Context())
		if err != nil || len(vpns) != 3 {
			t.Errorf("%+v, %v; want the three configured at pe2", vpns, err)
		}
	})
}

func asText(v any) string { return fmt.Sprintf("%+v", v) }

// A link that is protected at one end only is shown as such at the other.
func TestVPNOfOtherClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		a.reconfigure(protect(1))
		a.start(t)
		b.start(t)
		pass(30 * time.Second)
		vpns, err := a.VPNs(t.Context())
		if err != nil || len(vpns) != 2 || vpns[1].Counterpart != api.CounterpartOtherClass || vpns[1].IPsec != "required" || vpns[1].CalledAt == nil {
			t.Errorf("%+v, %v", vpns, err)
		}
	})
}
