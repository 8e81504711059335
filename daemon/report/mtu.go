package report

import (
	"slices"
	"strings"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// Octets of IP and TCP headers without options. An MSS does not include them (RFC 9293, section
// 3.7.1).
const (
	headers4 = 20 + 20
	headers6 = 40 + 20
)

// MTUs returns how the MTU of each link is calculated, sorted by VPN and peer.
func MTUs(views []View) []api.MTU {
	mtus := []api.MTU{}
	for i := range views {
		for j := range views[i].Links {
			mtus = append(mtus, views[i].mtu(&views[i].Links[j]))
		}
	}
	slices.SortFunc(mtus, func(a, b api.MTU) int {
		return strings.Compare(a.VPN+"\x00"+a.Peer, b.VPN+"\x00"+b.Peer)
	})
	return mtus
}

func (v *View) mtu(l *session.LinkStatus) api.MTU {
	o := l.Overhead
	m := api.MTU{
		VPN: l.Config.VPN, Peer: v.Peer, VR: l.Config.VR.String(), Interface: l.Config.Interface, PathMTU: v.Path.MTU,
		Overhead:   api.Overhead{IP: o.IP, UDP: o.UDP, L2TP: o.L2TP, Cookie: o.Cookie, Sublayer: o.Sublayer, PPP: o.PPP, Total: o.Total()},
		Configured: l.Config.MTU, MTU: l.Interface.MTU, Up: l.Up,
	}
	if v.Class == config.IPsecRequired {
		m.Overhead.ESP = &v.Path.ESP
		m.Overhead.Total += v.Path.ESP
	}
	m.Room = max(0, m.PathMTU-m.Overhead.Total)
	if l.PPP != nil && l.PPP.LCP == ppp.Opened {
		m.PeerMRU = int(l.PPP.PeerMRU)
	}
	if m.MTU > 0 {
		m.MSS4, m.MSS6 = m.MTU-headers4, m.MTU-headers6
	}
	return m
}
