package api

import "time"

// VPN compares one VPN-ID at both ends. Either a link here uses it, or the peer requests sessions
// for it and no link here uses it.
type VPN struct {
	// The VPN-ID, such as "00005e:00000001".
	VPNID string `json:"vpn_id"`
	// Name of the VPN here; absent if no link here has the VPN-ID.
	VPN string `json:"vpn,omitempty"`
	// Name of the peer.
	Peer string `json:"peer"`
	// Protection class of the link, or of the connection on which the peer requested the session:
	// "none" (clear) or "required" (protected).
	IPsec string `json:"ipsec"`
	// Whether the peer has a link with this VPN-ID to this router.
	Counterpart Counterpart `json:"counterpart"`
	// Why the peer has no such link, why that is unknown, or what is missing here; absent if both
	// ends have a link.
	Reason string `json:"reason,omitempty"`
	// Time of the peer's last refused session request for this VPN-ID; absent if there was none in
	// the last 10 minutes.
	CalledAt *time.Time `json:"called_at,omitempty"`
	// Number of the peer's session requests refused because no link here has this VPN-ID; absent
	// if none was.
	Calls uint64 `json:"calls,omitempty"`
}

// Counterpart is what is known about the peer's end of a link.
type Counterpart string

// The counterparts.
const (
	// A session exists, or the peer requested one.
	CounterpartThere Counterpart = "there"
	// The peer refused our request: it has no such link.
	CounterpartMissing Counterpart = "missing"
	// One end's link is clear and the other's is protected.
	CounterpartOtherClass Counterpart = "other-class"
	// The peer has sent nothing about it yet.
	CounterpartUnknown Counterpart = "unknown"
)
