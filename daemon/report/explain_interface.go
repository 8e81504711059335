package report

import (
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// ipCommand returns the beginning of a command line of ip(8) for the interfaces of a virtual
// router.
func ipCommand(router vr.Spec) string {
	if router.NetNS == "" {
		return "ip"
	}
	return "ip -n " + router.NetNS
}

func (e explainer) iface() finding {
	l := e.l
	name := fmt.Sprintf("%s in %s", l.Config.Interface, l.Config.VR)
	switch {
	case l.Up:
		return fine("%s, MTU %d", name, l.Interface.MTU)
	case l.SetDown:
		return broken(l.Reason, fmt.Sprintf("The interface was set down on this host. Set it up again with `%s link set %s up`. "+
			"The session stays established in the meantime.", ipCommand(l.Config.VR), l.Config.Interface))
	case l.Paused:
		return broken(l.Reason, fmt.Sprintf("There is nothing to do on this host. On %s, the link's interface was set down, or the circuit "+
			"behind it has failed: run `l2tpvl-ctl explain` there. The session stays established in the meantime.", e.Peer))
	case e.failedAt(session.LayerDataPlane), e.failedAt(session.LayerInterface):
		return broken(l.Reason+e.retryText(), fmt.Sprintf("Check `%s link show %s` and the log of l2tpvld. If the interface or a route "+
			"belongs to another program, remove it or configure another one. If something was deleted, l2tpvld creates it again by itself.",
			ipCommand(l.Config.VR), l.Config.Interface))
	case l.Open != 0:
		return pending("%s is being configured", name)
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
