package wiring

import (
	"encoding/binary"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// window is the offered receive window: at most that many messages are held out of order.
const window = 128

// Pair returns the configuration of the machines of one peer and class.
func Pair(cfg *config.Config, peer config.Peer, class config.IPsec) session.PairConfig {
	peer = ForClass(peer, class)
	pc := session.PairConfig{
		Peer:          peer.Name,
		Address:       peer.AddrPort(),
		Encapsulation: Encapsulation(peer.Encapsulation),
		Protected:     class == config.IPsecRequired,
		Control: control.Config{
			HostName:   cfg.Local.HostName,
			RouterID:   binary.BigEndian.Uint32(cfg.Local.RouterID.AsSlice()),
			VendorName: "l2tpvl",
			Secret:     peer.Secret,
			NextSecret: peer.NextSecret,
			Digest:     digests[peer.Digest],
			Role:       roles[peer.Role],
			Window:     window,
			Hello:      peer.Hello,
			Timing: control.Timing{
				Initial: peer.Retransmit.Initial, Cap: peer.Retransmit.Cap, MaxRetries: peer.Retransmit.Retries,
			},
			Retry: timing.Backoff{Min: time.Second, Max: 30 * time.Second},
			Rand:  randomOctets,
		},
		Retry: timing.Backoff{Min: time.Second, Max: 30 * time.Second},
		Grace: 2 * time.Second,
	}
	if peer.IsStatic() {
		pc.Static = &session.StaticTunnel{LocalID: peer.Static.LocalTunnelID, PeerID: peer.Static.PeerTunnelID}
		pc.Retry.Max = 5 * time.Second // the peer cannot call when it is reachable again
	}
	for _, vpn := range cfg.VPNs {
		for _, link := range vpn.Links {
			switch {
			case link.Peer != peer.Name:
			case link.Class() == class:
				lc := linkConfig(vpn, link)
				if peer.IsStatic() {
					lc.Static = staticSession(link.Static)
				}
				pc.Links = append(pc.Links, lc)
			default:
				pc.OtherClass = append(pc.OtherClass, vpn.VPNID)
			}
		}
	}
	// There is one session for each link; session requests that will be refused count until then.
	pc.Control.MaxSessions = len(pc.Links) + window
	return pc
}

func linkConfig(vpn config.VPN, link config.Link) session.LinkConfig {
	lc := session.LinkConfig{
		VPN:       vpn.Name,
		VPNID:     vpn.VPNID,
		VR:        Router(vpn.VR),
		Interface: link.Interface,
		MTU:       vpn.MTU,

		Sequencing: sequencings[vpn.Sequencing],

		Routes: link.Routes,
		PPP: ppp.Config{
			Rand:         Random32,
			EchoInterval: vpn.Echo.Interval,
			EchoFails:    vpn.Echo.Fails,
			EchoAdaptive: vpn.Echo.Adaptive,
			Auth:         authConfig(link.Auth),
		},
	}
	for _, a := range link.Address6 {
		lc.Addresses = append(lc.Addresses, a.Prefix)
	}
	if link.IPv4 {
		lc.PPP.IPv4 = &ppp.IPv4Config{
			Mode: addressMode(link.Address), Local: link.Address.Prefix.Addr(), Peer: link.PeerAddress,
		}
		if p := link.Address.Prefix; p.IsValid() && !p.IsSingleIP() {
			lc.PPP.IPv4.Within = p.Masked()
		}
	}
	if link.IPv6 {
		lc.PPP.IPv6 = &ppp.IPv6Config{}
	}
	return lc
}

func staticSession(s config.StaticSession) *session.StaticSession {
	return &session.StaticSession{
		LocalID: s.LocalSessionID, PeerID: s.PeerSessionID,
		LocalCookie: s.LocalCookie.Octets, PeerCookie: s.PeerCookie.Octets,
	}
}

// authConfig returns PPP's configuration of authentication; nil: there is none.
func authConfig(a config.PPPAuth) *ppp.AuthConfig {
	if !a.Used() {
		return nil
	}
	c := &ppp.AuthConfig{
		Require: authProtocols[string(a.Require)], Rechallenge: a.Rechallenge,
		Name: a.Name, Secret: ppp.Secret(a.Secret), PeerName: a.PeerName, PeerSecret: ppp.Secret(a.PeerSecret),
	}
	for _, method := range a.Allow {
		c.Allow = append(c.Allow, authProtocols[string(method)])
	}
	return c
}

var authProtocols = map[string]ppp.Protocol{
	string(config.AllowCHAP): ppp.ProtocolCHAP,
	string(config.AllowPAP):  ppp.ProtocolPAP,
}

func addressMode(a config.LinkAddress) ppp.AddressMode {
	switch {
	case a.Learn:
		return ppp.Learned
	case a.Prefix.IsValid():
		return ppp.Configured
	}
	return ppp.Unnumbered
}

var encapsulations = map[config.Encapsulation]dataplane.Encapsulation{
	config.EncapsulationUDP: dataplane.UDP,
	config.EncapsulationIP:  dataplane.IP,
}

var sequencings = map[config.Sequencing]l2tp.DataSequencing{
	config.SequencingNone: l2tp.SequenceNone,
	config.SequencingAll:  l2tp.SequenceAll,
}

var digests = map[config.Digest]l2tp.DigestType{
	config.DigestMD5:  l2tp.DigestHMACMD5,
	config.DigestSHA1: l2tp.DigestHMACSHA1,
}

var roles = map[config.Role]control.Role{
	config.RoleBoth:    control.Both,
	config.RoleActive:  control.Active,
	config.RolePassive: control.Passive,
}
