package wiring

import (
	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// Protection returns the guard's configuration of a peer; peer is the one that ForClass returns for
// the protected class.
func Protection(cfg *config.Config, peer *config.Peer) ipsec.Peer {
	k, local := &peer.IKE, Local(cfg, peer, config.IPsecRequired)
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
