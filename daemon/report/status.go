package report

import (
	"maps"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Status reports on the daemon as a whole. The views must be counted.
func Status(s Snapshot) api.Status {
	drops := maps.Clone(s.Drops)
	for _, v := range s.Views {
		for reason, n := range v.drops() {
			drops[reason] += n
		}
		for _, s := range v.Stats {
			drops["wrong cookie"] += s.RxCookie
			drops["out of sequence"] += s.RxSequence
			drops["malformed"] += s.RxMalformed
			drops["protocol not opened"] += s.RxClosed
		}
	}
	return api.Status{
		Version: s.Version, HostName: s.HostName, Started: s.Started,
		DataPlane: s.DataPlane, DataPlaneReason: s.DataPlaneReason, Drops: drops,
	}
}

// drops are the datagrams from the peer that changed nothing, by reason, but for those of its
// sessions.
func (v *View) drops() map[string]uint64 {
	drops := map[string]uint64{
		"unknown session": v.Path.Stats.UnknownSession,
		"overload":        v.Path.Dropped,
		"too long":        v.Path.TooLong,
		"foreign port":    v.Path.ForeignPort,

		"control message of a static peer": v.Path.Unasked,
	}
	if v.IPsec != nil {
		drops["in clear, not sent"] = v.IPsec.DroppedOut
		drops["in clear, not taken"] = v.IPsec.DroppedIn
	}
	for reason, n := range v.Control.Drops {
		drops[control.Drop(reason).String()] += n
	}
	drops[control.DropMalformed.String()] += v.Path.Stats.Malformed
	return drops
}
