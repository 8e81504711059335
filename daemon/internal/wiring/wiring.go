// Package wiring translates the configuration into what the parts of the daemon accept: a
// session.PairConfig for the machines of a peer (Pair), an ipsec.Peer for the guard (Protection),
// and vr.Spec and vr.Attachment for virtual routers.
//
// It is the only package that knows both the configuration and these types. It has no state and
// changes nothing; errors in the configuration were found when it was read.
package wiring

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/vr"
)

// The bit that marks the IDs of protected sessions is defined where IDs are assigned, where packets
// are filtered and where static IDs are configured. This compiles only if the three agree.
var _ = [1]struct{}{}[(control.ProtectedSessionIDs^ipsec.ProtectedSessionIDs)|(control.ProtectedSessionIDs^config.ProtectedSessionIDs)]

// ForClass returns the peer as it applies to control connections of that class: with the port of
// the class.
func ForClass(peer config.Peer, class config.IPsec) config.Peer {
	if class == config.IPsecRequired {
		peer.Port = peer.PortProtected
	}
	return peer
}

// Local returns the address and port to send from and to listen at, for a peer and class. The zero
// address leaves the choice to the routing table.
func Local(cfg *config.Config, peer *config.Peer, class config.IPsec) netip.AddrPort {
	port := cfg.Local.Port
	switch {
	case peer.IsStatic():
		port = peer.Static.LocalPort
	case class == config.IPsecRequired:
		port = cfg.Local.PortProtected
	}
	return netip.AddrPortFrom(cfg.LocalAddress(peer), port)
}

// Router returns the name of a virtual router in package vr.
func Router(v config.VR) vr.Spec { return vr.Spec{NetNS: v.NetNS, VRF: v.VRF, Table: uint32(v.Table)} }

// Attachments returns the customer interfaces of a virtual router for package vr.
func Attachments(interfaces []config.CustomerInterface) []vr.Attachment {
	var as []vr.Attachment
	for _, c := range interfaces {
		a := vr.Attachment{Name: c.Name}
		for _, address := range c.Addresses {
			a.Addresses = append(a.Addresses, address.Prefix)
		}
		as = append(as, a)
	}
	return as
}

// Encapsulation returns the data plane's constant for a configured encapsulation.
func Encapsulation(e config.Encapsulation) dataplane.Encapsulation { return encapsulations[e] }

// randomOctets fills b from the system's random source, which does not fail: crypto/rand ends the
// program instead.
func randomOctets(b []byte) { _, _ = rand.Read(b) }

// Random32 returns 32 random bits from the same source.
func Random32() uint32 {
	var b [4]byte
	randomOctets(b[:])
	return binary.BigEndian.Uint32(b[:])
}
