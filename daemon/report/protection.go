package report

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// protection returns the IPsec protection of the peer. The class must be protected.
func (v *View) protection() api.Protection {
	s := v.IPsec
	p := api.Protection{
		Peer: v.Peer, Address: v.Config.Where(), Up: s.Up(), Starts: v.Config.Starts(v.Local.Addr()),
		Reason: v.ipsecReason(), LastError: s.LastError, LastErrorAt: known(s.LastErrorAt), Missing: s.Missing,
		Manager: s.KeyManager, ManagerError: s.KeyManagerError,
		Floor: s.Floor, DroppedOut: s.DroppedOut, DroppedIn: s.DroppedIn, ESP: []api.ESP{},
	}
	if !p.Up && p.Reason == "" {
		p.Reason = "IKE is being negotiated"
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

// known returns a time; nil for the zero time, which means that it is unknown.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// esp returns the ESP algorithms in use; "" if the peer is not protected now.
func (v *View) esp() string {
	if v.IPsec == nil || !v.IPsec.Up() {
		return ""
	}
	return algorithms(v.IPsec.Children)
}

// ikeState returns the state of the IKE SA as strongSwan names it, or "none".
func ikeState(s *ipsec.Status) string {
	if s.IKE == nil {
		return "none"
	}
	return s.IKE.State
}

// ipsecReason returns why protected packets do not pass, in a few words; "" if they do, or if no
// failure is known.
func (v *View) ipsecReason() string {
	s := v.IPsec
	switch {
	case s == nil || s.Up():
		return ""
	case s.Floor && s.KeyManager == "":
		return "strongSwan does not answer" + because(s.KeyManagerError)
	case len(s.Missing) > 0:
		return "this host lacks support for IPsec: " + s.Missing[0]
	case v.Path.NotProtected != nil:
		return fmt.Sprintf("not protected yet: %v", v.Path.NotProtected)
	case v.Path.Protected && !s.Floor:
		return floorMissing
	case s.LastError != "":
		return "no IPsec: " + s.LastError
	}
	return ""
}

// Protections returns the IPsec protection of all peers with protected links.
func Protections(views []View) []api.Protection {
	protections := []api.Protection{}
	for _, v := range views {
		if v.IPsec != nil {
			protections = append(protections, v.protection())
		}
	}
	return protections
}
