package daemon

import (
	"errors"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
)

// errNoIPsec is why nothing is sent to a peer where IPsec is required.
var errNoIPsec = errors.New("IPsec protection is required, and not built yet in this version; nothing is sent in clear instead")

// atClass is a peer as control connections of that class find it.
func atClass(peer config.Peer, class config.IPsec) config.Peer {
	if class == config.IPsecRequired {
		peer.Port = peer.PortProtected
		peer.Role = config.RolePassive // as long as there is no IPsec nobody is called
	}
	return peer
}

func (e explainer) ipsec() finding {
	text, advice := errNoIPsec.Error(), fmt.Sprintf("The link stays down until there is a version with IPsec. If the provider's network may "+
		"see and change its packets, say `ipsec: none` for the VPN or the link, on %s too.", e.Peer)
	return broken(text+e.astrayText("in clear"), advice)
}

// astrayText says that the peer has asked for the link on its connection of the other class, not long ago.
func (e explainer) astrayText(how string) string {
	at := e.Astray[e.l.Config.VPNID]
	if at.IsZero() || e.Now.Sub(at) > 2*time.Minute {
		return ""
	}
	return fmt.Sprintf("; %s asked for the link %s %s, and was refused", e.Peer, how, ago(e.Now, at))
}
