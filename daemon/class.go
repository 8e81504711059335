package daemon

import (
	"net/netip"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// atClass is a peer as control connections of that class find it.
func atClass(peer config.Peer, class config.IPsec) config.Peer {
	if class == config.IPsecRequired {
		peer.Port = peer.PortProtected
	}
	return peer
}

// localOf is where we send from and listen at for a peer and class; the zero address leaves it to
// the routing table.
func localOf(cfg *config.Config, peer *config.Peer, class config.IPsec) netip.AddrPort {
	port := cfg.Local.Port
	switch {
	case peer.IsStatic():
		port = peer.Static.LocalPort
	case class == config.IPsecRequired:
		port = cfg.Local.PortProtected
	}
	return netip.AddrPortFrom(cfg.LocalAddress(peer), port)
}

// protectionConfig makes of the configuration what the guard takes; peer is as those of the
// protected class find it.
func protectionConfig(cfg *config.Config, peer *config.Peer) ipsec.Peer {
	k, local := &peer.IKE, localOf(cfg, peer, config.IPsecRequired)
	p := ipsec.Peer{
		Name: peer.Name,
		Flow: ipsec.Flow{Local: local.Addr(), Remote: peer.Address},
		Auth: ipsec.Auth{
			LocalID: k.LocalID, RemoteID: k.RemoteID,
			PSK: k.PSK, Certificate: k.Certificate, PrivateKey: k.PrivateKey, CAs: k.CAs,
		},
		IKE: ipsec.IKE{Proposals: k.IKEProposals, Rekey: k.IKERekey, DPD: k.DPD},
		Child: ipsec.Child{
			Proposals: k.ESPProposals, Rekey: k.ChildRekey, RekeyOctets: uint64(k.RekeyOctets), ReplayWindow: k.ReplayWindow,
		},
		Starts: peer.Starts(local.Addr()),
	}
	if peer.Encapsulation != config.EncapsulationIP {
		p.Flow.LocalPort, p.Flow.RemotePort = local.Port(), peer.Port
	}
	return p
}
