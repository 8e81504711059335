package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Messages have sequence numbers both ways if either side is configured so, whoever asks for the
// session; the MTU leaves room for them.
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
				w := newWorld(t, 1, configs(tt.a), configs(tt.b))
				w.a.cfg.Control.Role = role
				w.b.cfg.Control.Role = control.Active + control.Passive - role
				w.start()
				w.allUp(10 * time.Second)
				for _, p := range []*pe{w.a, w.b} {
					s := p.sessions[p.link(0).Attempt]
					if s.cfg.Sublayer != tt.want || p.link(0).Session.Sublayer != tt.want || s.iface.MTU != tt.mtu {
						t.Errorf("%s: sublayer %d, MTU %d; want %d, %d", p.name, s.cfg.Sublayer, s.iface.MTU, tt.want, tt.mtu)
					}
				}
			})
		}
	}
}

// What the ends have said makes the sublayer, also where the peer is none of ours.
func TestSublayerOfDemands(t *testing.T) {
	demands := func(sublayer l2tp.Sublayer, sequencing l2tp.DataSequencing) control.Demands {
		return control.Demands{Sublayer: sublayer, Sequencing: sequencing}
	}
	none, alone := demands(0, l2tp.SequenceNone), demands(1, l2tp.SequenceNone)
	nonIP, all := demands(1, l2tp.SequenceNonIP), demands(1, l2tp.SequenceAll)
	for _, tt := range []struct {
		ours, theirs control.Demands
		want         dataplane.Sublayer
	}{
		{none, none, dataplane.NoSublayer},
		{alone, alone, dataplane.SublayerAlone},
		{all, all, dataplane.SublayerSequenced},
		{all, nonIP, dataplane.SublayerSequencedNonIP},
	} {
		l := Link{session: &control.Session{Demands: tt.ours, PeerDemands: tt.theirs}}
		if got := l.sublayer(); got != tt.want {
			t.Errorf("%+v and %+v: %d, want %d", tt.ours, tt.theirs, got, tt.want)
		}
	}
}
