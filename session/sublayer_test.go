package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Messages have sequence numbers in both directions if either end is configured so, whichever end
// requests the session; the MTU takes them into account.
func TestSublayer(t *testing.T) {
	for _, role := range []control.Role{control.Active, control.Passive} {
		for _, tt := range []struct {
			a, b l2tp.DataSequencing
			want dataplane.Sublayer
			mtu  int
		}{
			{l2tp.SequenceNone, l2tp.SequenceNone, dataplane.NoSublayer, 1452},
			{l2tp.SequenceAll, l2tp.SequenceNone, dataplane.SublayerSequenced, 1448},
			{l2tp.SequenceNone, l2tp.SequenceAll, dataplane.SublayerSequenced, 1448},
			{l2tp.SequenceAll, l2tp.SequenceAll, dataplane.SublayerSequenced, 1448},
		} {
			t.Run(fmt.Sprintf("role %v, %v and %v", role, tt.a, tt.b), func(t *testing.T) {
				configs := func(s l2tp.DataSequencing) []LinkConfig {
					return with(func(c *LinkConfig) { c.Sequencing = s })
				}
				sim := newSimulation(t, 1, configs(tt.a), configs(tt.b))
				sim.a.cfg.Control.Role = role
				sim.b.cfg.Control.Role = control.Active + control.Passive - role
				sim.start()
				sim.allUp(10 * time.Second)
				for _, p := range []*pe{sim.a, sim.b} {
					s := p.sessions[p.link(0).Attempt]
					if s.cfg.Sublayer != tt.want || p.link(0).Session.Sublayer != tt.want || s.iface.MTU != tt.mtu {
						t.Errorf("%s: sublayer %d, MTU %d; want %d, %d", p.name, s.cfg.Sublayer, s.iface.MTU, tt.want, tt.mtu)
					}
				}
			})
		}
	}
}

// The requests of both ends determine the sublayer, also with another implementation as the peer.
func TestSublayerOfDemands(t *testing.T) {
	demands := func(sublayer l2tp.Sublayer, sequencing l2tp.DataSequencing) control.Demands {
		return control.Demands{Sublayer: sublayer, Sequencing: sequencing}
	}
	none, alone := demands(0, l2tp.SequenceNone), demands(1, l2tp.SequenceNone)
	nonIP, all := demands(1, l2tp.SequenceNonIP), demands(1, l2tp.SequenceAll)
	for _, tt := range []struct {
		local, peer control.Demands
		want        dataplane.Sublayer
	}{
		{none, none, dataplane.NoSublayer},
		{alone, alone, dataplane.SublayerAlone},
		{all, all, dataplane.SublayerSequenced},
		{all, nonIP, dataplane.SublayerSequencedNonIP},
	} {
		l := Link{session: &control.Session{Demands: tt.local, PeerDemands: tt.peer}}
		if got := l.sublayer(); got != tt.want {
			t.Errorf("%+v and %+v: %d, want %d", tt.local, tt.peer, got, tt.want)
		}
	}
}
