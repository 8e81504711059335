package report

import (
	"maps"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Status returns the state of the daemon as a whole. Call View.Count on the views before.
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

// drops returns the number of datagrams from the peer that were dropped, by reason, without those
// that its sessions have dropped.
func (v *View) drops() map[string]uint64 {
	drops := map[string]uint64{
		"unknown session":        v.Path.Stats.UnknownSession,
		"overload":               v.Path.Dropped,
		"too long":               v.Path.TooLong,
		"unexpected source port": v.Path.ForeignPort,

		"control message from a static peer": v.Path.StaticControl,
	}
	if v.IPsec != nil {
		drops["unencrypted, not sent"] = v.IPsec.DroppedOut
		drops["unencrypted, not accepted"] = v.IPsec.DroppedIn
	}
	for reason, n := range v.Control.Drops {
		drops[control.Drop(reason).String()] += n
	}
	drops[control.DropMalformed.String()] += v.Path.Stats.Malformed
	return drops
}
