package report

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// protection tells of IPsec towards the peer of a protected class.
func (v *View) protection() api.Protection {
	s := v.IPsec
	p := api.Protection{
		Peer: v.Peer, Address: v.Config.Where(), Up: s.Up(), Starts: v.Config.Starts(v.Local.Addr()),
		Reason: v.unprotectedReason(), LastError: s.LastError, LastErrorAt: known(s.LastErrorAt), Missing: s.Missing,
		Manager: s.KeyManager, ManagerError: s.KeyManagerError,
		Floor: s.Floor, DroppedOut: s.DroppedOut, DroppedIn: s.DroppedIn, ESP: []api.ESP{},
	}
	if !p.Up && p.Reason == "" {
		p.Reason = "IKE is on its way"
	}
	if k := s.IKE; k != nil {
		p.IKE = &api.IKESA{
			State: k.State, LocalID: k.LocalID, RemoteID: k.RemoteID, LocalSPI: k.LocalSPI, RemoteSPI: k.RemoteSPI,
			Initiator: k.Initiator, Algorithms: k.Proposal, Established: known(k.Established), RekeyAt: known(k.RekeyAt),
		}
	}
	for _, c := range s.Children {
		p.ESP = append(p.ESP, api.ESP{
			State: c.State, LocalSPI: c.LocalSPI, RemoteSPI: c.RemoteSPI, Algorithms: c.Algorithms, Encapsulated: c.Encapsulated,
			Installed: known(c.Installed), RekeyAt: known(c.RekeyAt),
			RxOctets: c.RxOctets, TxOctets: c.TxOctets, RxPackets: c.RxPackets, TxPackets: c.TxPackets,
			Replays: c.Replays, IntegrityFailures: c.IntegrityFailures,
		})
	}
	return p
}

// known is a time, or nil if it is not known.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// esp is what protects packets to the peer now; empty: nothing does.
func (v *View) esp() string {
	if v.IPsec == nil || !v.IPsec.Up() {
		return ""
	}
	return algorithms(v.IPsec.Children)
}

// ikeState is that of the IKE SA, in strongSwan's word.
func ikeState(s *ipsec.Status) string {
	if s.IKE == nil {
		return "none"
	}
	return s.IKE.State
}

// unprotectedReason says in a few words why packets that are to be protected do not pass; empty:
// they do, or nothing is known to be wrong.
func (v *View) unprotectedReason() string {
	s := v.IPsec
	switch {
	case s == nil || s.Up():
		return ""
	case s.Floor && s.KeyManager == "":
		return "strongSwan does not answer" + because(s.KeyManagerError)
	case len(s.Missing) > 0:
		return "IPsec cannot be had: " + s.Missing[0]
	case v.noProtection() != nil:
		return fmt.Sprintf("not protected yet: %v", v.noProtection())
	case v.Path.Protected && !s.Floor:
		return "the floor that drops what would be in clear is gone"
	case s.LastError != "":
		return "no IPsec: " + s.LastError
	}
	return ""
}

// Protections reports on IPsec towards all peers of the protected class.
func Protections(views []View) []api.Protection {
	protections := []api.Protection{}
	for _, v := range views {
		if v.IPsec != nil {
			protections = append(protections, v.protection())
		}
	}
	return protections
}
