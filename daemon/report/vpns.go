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

// requestAge is how long a refused session request indicates that the peer has a link. A peer
// repeats its request every 30 seconds.
const requestAge = 10 * time.Minute

// VPNs compares the VPN-IDs configured at both ends. The second parameter is the configured VPNs of
// this host.
func VPNs(views []View, configured []config.VPN) []api.VPN {
	here := make(map[string]map[endid.VPNID]bool) // VPN-IDs of the links here, by peer
	vpns := []api.VPN{}
	for i := range views {
		v := &views[i]
		if here[v.Peer] == nil {
			here[v.Peer] = make(map[endid.VPNID]bool)
		}
		for i := range v.Links {
			l := &v.Links[i]
			here[v.Peer][l.Config.VPNID] = true
			vpns = append(vpns, v.vpn(l, wrongClassRequest(views, v.Peer, l.Config.VPNID)))
		}
	}
	for i := range views {
		v := &views[i]
		for id, requests := range v.Unknown {
			if !here[v.Peer][id] && v.Now.Sub(requests.Last) < requestAge {
				vpns = append(vpns, v.missingHere(id, requests, configured))
			}
		}
	}
	slices.SortFunc(vpns, func(a, b api.VPN) int {
		return strings.Compare(a.VPNID+a.Peer+a.IPsec, b.VPNID+b.Peer+b.IPsec)
	})
	return vpns
}

// wrongClassRequest returns when the peer last requested a session for a VPN on its connection of
// the wrong class; the zero time if it was longer than requestAge ago.
func wrongClassRequest(views []View, peer string, id endid.VPNID) time.Time {
	for i := range views {
		if v := &views[i]; v.Peer == peer {
			if at := v.WrongClass[id]; v.Now.Sub(at) < requestAge {
				return at
			}
		}
	}
	return time.Time{}
}

// vpn compares a link of this host with the peer's end. The time is that of wrongClassRequest.
func (v *View) vpn(l *session.LinkStatus, wrongClass time.Time) api.VPN {
	row := api.VPN{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer, IPsec: string(v.Class), Counterpart: api.CounterpartUnknown,
	}
	switch {
	case v.Static != nil && l.Up:
		row.Counterpart = api.CounterpartThere // PPP has reached it
	case v.Static != nil:
		row.Reason = l.Reason
	case l.Session != nil && l.Session.State == control.SessionEstablished:
		row.Counterpart = api.CounterpartThere
	case !wrongClass.IsZero():
		row.Counterpart, row.CalledAt = api.CounterpartOtherClass, &wrongClass
		row.Reason = fmt.Sprintf("%s requests it with another `ipsec`", v.Peer)
	case l.Refused == l2tp.CDNPermanentFacilities:
		row.Counterpart, row.Reason = api.CounterpartMissing, l.Reason
	case v.Connection == nil || v.Connection.State != control.Established:
		row.Reason = v.noConnectionReason()
	default:
		row.Reason = l.Reason
	}
	return row
}

// missingHere returns a VPN-ID that the peer requests and no link here has.
func (v *View) missingHere(id endid.VPNID, requests session.Calls, configured []config.VPN) api.VPN {
	row := api.VPN{
		VPNID: id.String(), Peer: v.Peer, IPsec: string(v.Class), Counterpart: api.CounterpartThere,
		CalledAt: &requests.Last, Calls: requests.Count, Reason: "no VPN has this VPN-ID here",
	}
	for _, vpn := range configured {
		if vpn.VPNID == id {
			row.Reason = fmt.Sprintf("VPN %s has no link to %s here", vpn.Name, v.Peer)
		}
	}
	return row
}
