package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/session"
)

// callAge is for how long a call in vain is a sign that the peer has a link: it calls again every
// half a minute.
const callAge = 10 * time.Minute

// VPNs compares the VPN-IDs configured at both ends. Configured are the VPNs of this host.
func VPNs(views []View, configured []config.VPN) []api.VPN {
	here := make(map[string]map[endid.VPNID]bool) // by peer, of all classes
	vpns := []api.VPN{}
	for i := range views {
		v := &views[i]
		if here[v.Peer] == nil {
			here[v.Peer] = make(map[endid.VPNID]bool)
		}
		for i := range v.Links {
			l := &v.Links[i]
			here[v.Peer][l.Config.VPNID] = true
			vpns = append(vpns, v.vpn(l, astrayFrom(views, v.Peer, l.Config.VPNID)))
		}
	}
	for i := range views {
		v := &views[i]
		for id, calls := range v.Unknown {
			if !here[v.Peer][id] && v.Now.Sub(calls.Last) < callAge {
				vpns = append(vpns, v.missingHere(id, calls, configured))
			}
		}
	}
	slices.SortFunc(vpns, func(a, b api.VPN) int {
		return strings.Compare(a.VPNID+a.Peer+a.IPsec, b.VPNID+b.Peer+b.IPsec)
	})
	return vpns
}

// astrayFrom is when the peer last called for a VPN on its connection of the wrong class; zero: not
// of late.
func astrayFrom(views []View, peer string, id endid.VPNID) time.Time {
	for i := range views {
		if v := &views[i]; v.Peer == peer {
			if at := v.WrongClass[id]; v.Now.Sub(at) < callAge {
				return at
			}
		}
	}
	return time.Time{}
}

// vpn tells of one of ours.
func (v *View) vpn(l *session.LinkStatus, astray time.Time) api.VPN {
	row := api.VPN{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer, IPsec: string(v.Class), Counterpart: api.CounterpartUnknown,
	}
	switch {
	case v.Static != nil && l.Up:
		row.Counterpart = api.CounterpartThere // PPP has found it
	case v.Static != nil:
		row.Reason = l.Reason
	case l.Session != nil && l.Session.State == control.SessionEstablished:
		row.Counterpart = api.CounterpartThere
	case !astray.IsZero():
		row.Counterpart, row.CalledAt = api.CounterpartOtherClass, &astray
		row.Reason = fmt.Sprintf("%s calls for it with another `ipsec`", v.Peer)
	case l.Refused == l2tp.CDNPermanentFacilities:
		row.Counterpart, row.Reason = api.CounterpartMissing, l.Reason
	case v.Connection == nil || v.Connection.State != control.Established:
		row.Reason = v.noConnectionReason()
	default:
		row.Reason = l.Reason
	}
	return row
}

// missingHere tells of one that the peer has called for in vain.
func (v *View) missingHere(id endid.VPNID, calls session.Calls, configured []config.VPN) api.VPN {
	row := api.VPN{
		VPNID: id.String(), Peer: v.Peer, IPsec: string(v.Class), Counterpart: api.CounterpartThere,
		CalledAt: &calls.Last, Calls: calls.Count, Reason: "no VPN has this VPN-ID here",
	}
	for _, vpn := range configured {
		if vpn.VPNID == id {
			row.Reason = fmt.Sprintf("VPN %s has no link to %s here", vpn.Name, v.Peer)
		}
	}
	return row
}
