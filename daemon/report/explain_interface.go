package report

import (
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// ipCommand begins a command line of ip(8) that looks at the interfaces of a virtual router.
func ipCommand(router vr.Spec) string {
	if router.NetNS == "" {
		return "ip"
	}
	return "ip -n " + router.NetNS
}

func (e explainer) iface() finding {
	l := e.l
	where := fmt.Sprintf("%s in %s", l.Config.Interface, l.Config.VR)
	switch {
	case l.Up:
		return fine("%s, MTU %d", where, l.Interface.MTU)
	case l.SetDown:
		return broken(l.Reason, fmt.Sprintf("Somebody has set it down. When it is to carry packets again: `%s link set %s up`. The session stays meanwhile.",
			ipCommand(l.Config.VR), l.Config.Interface))
	case l.Paused:
		return broken(l.Reason, fmt.Sprintf("Nothing is to be done here: on %s somebody has set the link's interface down, or what it stands for has "+
			"failed. The session stays meanwhile. `l2tpvl-ctl explain` there says more.", e.Peer))
	case e.failedAt(session.LayerDataPlane), e.failedAt(session.LayerInterface):
		return broken(l.Reason+e.retryText(), fmt.Sprintf("Look at `%s link show %s` and at the log. If an interface or a route is "+
			"somebody else's, remove it or choose another; what was deleted l2tpvld makes anew by itself.", ipCommand(l.Config.VR), l.Config.Interface))
	case l.Open != 0:
		return pending("%s is being configured", where)
	}
	return skipped("")
}

func (e explainer) address() finding {
	i := &e.l.Interface
	var parts []string
	switch {
	case !e.l.Up:
		return skipped("")
	case i.Local.IsValid() && i.Peer.IsValid():
		parts = append(parts, fmt.Sprintf("%s → %s", i.Local, i.Peer))
	case i.Local.IsValid():
		parts = append(parts, fmt.Sprintf("%s, peer unnumbered", i.Local))
	case e.l.Open.Has(dataplane.IPv4):
		parts = append(parts, "IPv4 unnumbered")
	}
	if i.LinkLocal != 0 {
		parts = append(parts, fmt.Sprintf("%s → %s", linkLocalText(i.LinkLocal), linkLocalText(i.PeerLinkLocal)))
	}
	if len(i.Addresses) > 0 {
		parts = append(parts, fmt.Sprintf("%v", i.Addresses))
	}
	if len(i.Routes) > 0 {
		parts = append(parts, fmt.Sprintf("routes %v", i.Routes))
	}
	return fine("%s", strings.Join(parts, ", "))
}
