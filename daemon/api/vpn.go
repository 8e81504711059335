package api

import "time"

// VPN is one VPN-ID between us and a peer: that of a link here, or one that the peer has called for
// and that has none.
type VPN struct {
	VPNID       string      `json:"vpn_id"`
	VPN         string      `json:"vpn,omitempty"` // our name of it; empty: no link here has it
	Peer        string      `json:"peer"`
	IPsec       string      `json:"ipsec"`               // class of the link, or of the connection that the peer called on: "none", "required"
	Counterpart Counterpart `json:"counterpart"`         // whether the peer has a link with this VPN-ID to us
	Reason      string      `json:"reason,omitempty"`    // why there is none, or why it is not known, or what is lacking here
	CalledAt    *time.Time  `json:"called_at,omitempty"` // when the peer last called for it in vain
	Calls       uint64      `json:"calls,omitempty"`     // how often it did
}

// Counterpart is what is known of the other end of a link.
type Counterpart string

// The counterparts.
const (
	CounterpartThere      Counterpart = "there"       // there is a session, or the peer has called for one
	CounterpartMissing    Counterpart = "missing"     // the peer has refused our call: it has no such link
	CounterpartOtherClass Counterpart = "other-class" // the peer's link is to be in clear and ours protected, or the reverse
	CounterpartUnknown    Counterpart = "unknown"     // nothing has been heard of it yet
)
