// Package api is what the daemon tells about itself: the JSON types of its HTTP API on a Unix
// socket, and a client for it.
package api

import (
	_ "embed" // of the API's description
	"time"
)

// OpenAPI describes the API in JSON, by the OpenAPI Specification 3.1. `go test ./daemon -update`
// writes it, from the daemon's table of routes and the types below with what is written about them.
//
//go:embed openapi.json
var OpenAPI []byte

// DefaultSocket is where the daemon listens unless it is told otherwise.
const DefaultSocket = "/run/l2tpvl/l2tpvl.sock"

// Paths of the API. What each takes and answers is in openapi.json.
const (
	PathLinks    = "/v1/links"    // []Link
	PathPeers    = "/v1/peers"    // []Peer
	PathIPsec    = "/v1/ipsec"    // []Protection
	PathSessions = "/v1/sessions" // []Session
	PathVPNs     = "/v1/vpns"     // []VPN
	PathMTU      = "/v1/mtu"      // []MTU
	PathExplain  = "/v1/explain"  // Explanation; followed by /VPN/PEER, each path-escaped
	PathStatus   = "/v1/status"   // Status
	PathEvents   = "/v1/events"   // Event, one a line
	PathCapture  = "/v1/capture"  // Captured, one a line; followed by /PEER
	PathPlan     = "/v1/plan"     // POST: Configuration; Plan
	PathApply    = "/v1/apply"    // POST: Configuration; Plan
	PathReload   = "/v1/reload"   // POST: Plan
	PathOpenAPI  = "/v1/openapi.json"
)

// Error is the body of every answer that is not 200.
type Error struct {
	Error   string   `json:"error"`             // one line: what, where, what would be right
	Details []string `json:"details,omitempty"` // where several things are wrong, such as in a configuration: each in a line
}

// Status is the daemon as a whole.
type Status struct {
	Version         string            `json:"version"`
	HostName        string            `json:"hostname"`
	Started         time.Time         `json:"started"`
	DataPlane       string            `json:"dataplane"`
	DataPlaneReason string            `json:"dataplane_reason"` // why this one was taken
	Drops           map[string]uint64 `json:"drops"`            // datagrams that changed nothing, by reason
}

// LinkState is the state of a virtual link as a person sees it.
type LinkState string

// The link states.
const (
	LinkUp       LinkState = "up"       // at least one network protocol passes
	LinkStarting LinkState = "starting" // on its way up
	LinkDown     LinkState = "down"     // failed; Reason says why, RetryAt when it tries again
)

// Link is one virtual link: a VPN towards a peer.
type Link struct {
	VPN       string     `json:"vpn"`
	VPNID     string     `json:"vpn_id"`
	Peer      string     `json:"peer"`
	State     LinkState  `json:"state"`
	Since     time.Time  `json:"since"` // when it took this state
	VR        string     `json:"vr"`    // "netns red"
	Interface string     `json:"interface,omitempty"`
	MTU       int        `json:"mtu,omitempty"`
	Local     string     `json:"local,omitempty"`  // IPv4 address of our end
	Remote    string     `json:"remote,omitempty"` // IPv4 address of the peer's end
	Local6    string     `json:"local6,omitempty"` // IPv6 link-local address of our end
	Remote6   string     `json:"remote6,omitempty"`
	Protocols []string   `json:"protocols"`          // network protocols that pass: "ipv4", "ipv6"
	IPsec     string     `json:"ipsec"`              // what is configured: "none", "required"
	ESP       string     `json:"esp,omitempty"`      // what protects it now, as strongSwan writes it: "aes256gcm16"
	EchoMS    *float64   `json:"echo_ms,omitempty"`  // last LCP echo round trip, in milliseconds
	Disabled  bool       `json:"disabled,omitempty"` // the operator has taken it down
	Reason    string     `json:"reason,omitempty"`   // why it is not up, or which network protocol it does without and why
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	Attempt   int        `json:"attempt,omitempty"` // attempts that failed since it was last up for a while
}

// Peer is the control connection to one peer for links of one class: those in clear, or those that
// IPsec protects.
type Peer struct {
	Name            string     `json:"name"`
	Address         string     `json:"address"`       // address:port
	IPsec           string     `json:"ipsec"`         // class of the links that it carries: "none", "required"; a peer may have both
	IKE             string     `json:"ike,omitempty"` // if IPsec protects it, the state of its IKE SA as strongSwan says it: "ESTABLISHED"; "none" if there is none
	ESP             string     `json:"esp,omitempty"` // what protects it now: "aes256gcm16"
	State           string     `json:"state"`         // RFC 3931 section 7.2: idle, wait-ctl-reply, wait-ctl-conn, established; or static: there is no signalling
	Since           time.Time  `json:"since"`
	LastHeard       *time.Time `json:"last_heard,omitempty"`
	LocalID         string     `json:"local_id,omitempty"` // control connection IDs, or those of a static tunnel; 0x and 8 digits
	RemoteID        string     `json:"remote_id,omitempty"`
	HostName        string     `json:"hostname,omitempty"` // as the peer says
	RouterID        string     `json:"router_id,omitempty"`
	Vendor          string     `json:"vendor,omitempty"`
	Authentication  string     `json:"authentication"` // "hmac-sha1", "hmac-md5", "none"
	Window          int        `json:"window,omitempty"`
	Sent            uint64     `json:"sent"` // control messages, first transmissions
	Received        uint64     `json:"received"`
	Retransmissions uint64     `json:"retransmissions"`
	LinksUp         int        `json:"links_up"`
	Links           int        `json:"links"`
	Reason          string     `json:"reason,omitempty"` // why it is not established
	RetryAt         *time.Time `json:"retry_at,omitempty"`
	PathMTU         int        `json:"path_mtu,omitempty"`
}

// Session is the L2TP session of one link with what runs in it.
type Session struct {
	VPN           string   `json:"vpn"`
	VPNID         string   `json:"vpn_id"`
	Peer          string   `json:"peer"`
	State         string   `json:"state"`        // RFC 3931 section 7.3: idle, wait-control-conn, wait-reply, wait-connect, established; or static: configured at both ends
	Role          string   `json:"role"`         // "initiator" or "responder" of the incoming call; empty if it is static
	LocalID       string   `json:"local_id"`     // session IDs, 0x and 8 digits
	RemoteID      string   `json:"remote_id"`    // empty until known
	LocalCookie   string   `json:"local_cookie"` // masked: the first octet and the length
	RemoteCookie  string   `json:"remote_cookie"`
	Sublayer      string   `json:"sublayer,omitempty"` // L2-Specific Sublayer of data messages (RFC 3931 section 4.6), both ways; none: without
	LCP           string   `json:"lcp"`                // RFC 1661 section 4.2: Initial ... Opened
	IPCP          string   `json:"ipcp"`
	IPv6CP        string   `json:"ipv6cp"`
	Circuit       string   `json:"circuit,omitempty"`        // of our interface, as the peer is told (RFC 3931 section 5.4.5): "active", "inactive"
	RemoteCircuit string   `json:"remote_circuit,omitempty"` // of the peer's interface, as it says
	Counters      Counters `json:"counters"`

	Echo     *Echo             `json:"echo,omitempty"`     // none until LCP is reached
	Discards map[string]uint64 `json:"discards,omitempty"` // PPP frames silently discarded (RFC 1661), by reason
}

// Echo is what the LCP Echo-Requests of a link have shown (RFC 1661 section 5.8), since its PPP
// began.
type Echo struct {
	Sent    uint64     `json:"sent"`
	Lost    uint64     `json:"lost"`    // not answered until the next was due
	History []*float64 `json:"history"` // round trips of the last ones in milliseconds, oldest first; null: lost
}

// Counters are packets and octets of user traffic, and frames of PPP control, since the session
// came up.
type Counters struct {
	RxPackets uint64 `json:"rx_packets"`
	RxOctets  uint64 `json:"rx_octets"`
	TxPackets uint64 `json:"tx_packets"`
	TxOctets  uint64 `json:"tx_octets"`
	RxFrames  uint64 `json:"rx_frames"`
	TxFrames  uint64 `json:"tx_frames"`
	Drops     uint64 `json:"drops"`
}

// Mark is what a step of an explanation found.
type Mark string

// The marks.
const (
	MarkOK      Mark = "ok"      // this layer is up
	MarkFailed  Mark = "failed"  // this layer is the first that is broken
	MarkPending Mark = "pending" // this layer is on its way
	MarkSkipped Mark = "skipped" // not reached, because of a layer before it
)

// Step is one layer of a link.
type Step struct {
	Layer string `json:"layer"` // "configuration", "peer", "IPsec" (where it is required), "control connection", "session", "LCP", "IPCP", "IPV6CP", "interface", "address"
	Mark  Mark   `json:"mark"`
	Text  string `json:"text"` // what is so, or what is wrong
}

// Explanation says why a link is as it is: its layers from the configuration up, and what to do
// about the first broken one.
type Explanation struct {
	Link   Link      `json:"link"`
	Now    time.Time `json:"now"` // when this was so, by the daemon's clock
	Steps  []Step    `json:"steps"`
	Advice string    `json:"advice,omitempty"` // what to do, in plain words
}
