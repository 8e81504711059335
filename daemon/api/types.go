// Package api defines the daemon's HTTP API on its Unix socket: the JSON types of requests and
// answers, and a Client for programs such as l2tpvl-ctl. The daemon implements it; this package
// does not.
package api

import (
	_ "embed" // for OpenAPI
	"time"
)

// OpenAPI describes the API in JSON, following the OpenAPI Specification 3.1. `go test
// ./daemon/internal/rest -update` generates it from the table of routes and from the types of this
// package with their comments.
//
//go:embed openapi.json
var OpenAPI []byte

// DefaultSocket is the path of the daemon's socket if the configuration has no api.socket.
const DefaultSocket = "/run/l2tpvl/l2tpvl.sock"

// Paths of the API. openapi.json has their parameters.
const (
	PathLinks    = "/v1/links"    // GET: []Link
	PathPeers    = "/v1/peers"    // GET: []Peer
	PathIPsec    = "/v1/ipsec"    // GET: []Protection
	PathSessions = "/v1/sessions" // GET: []Session
	PathVPNs     = "/v1/vpns"     // GET: []VPN
	PathMTU      = "/v1/mtu"      // GET: []MTU
	PathExplain  = "/v1/explain"  // GET: Explanation; followed by /VPN/PEER, each path-escaped
	PathStatus   = "/v1/status"   // GET: Status
	PathEvents   = "/v1/events"   // GET: one Event a line
	PathCapture  = "/v1/capture"  // GET: one Captured a line; followed by /PEER
	PathPlan     = "/v1/plan"     // POST Configuration: Plan
	PathApply    = "/v1/apply"    // POST Configuration: Plan
	PathReload   = "/v1/reload"   // POST: Plan
	PathOpenAPI  = "/v1/openapi.json"
)

// Error is the body of every answer whose status is not 200.
type Error struct {
	// One line: what is wrong, where, and what would be right.
	Error string `json:"error"`
	// One line for each mistake, if there are several, as in a configuration; absent otherwise.
	Details []string `json:"details,omitempty"`
}

// Status is the state of the daemon as a whole.
type Status struct {
	// Version of the daemon.
	Version string `json:"version"`
	// Host name that the daemon sends to peers.
	HostName string `json:"hostname"`
	// Time at which the daemon started.
	Started time.Time `json:"started"`
	// Data plane in use: "kernel" or "userspace".
	DataPlane string `json:"dataplane"`
	// Why this data plane was chosen.
	DataPlaneReason string `json:"dataplane_reason"`
	// Number of dropped datagrams, by reason.
	Drops map[string]uint64 `json:"drops"`
}

// LinkState is the state of a virtual link.
type LinkState string

// The link states.
const (
	// At least one network protocol passes.
	LinkUp LinkState = "up"
	// It is coming up.
	LinkStarting LinkState = "starting"
	// Link.Reason says why, Link.RetryAt when the next attempt starts.
	LinkDown LinkState = "down"
)

// Link is one virtual link: a VPN towards a peer.
type Link struct {
	// Name of the VPN.
	VPN string `json:"vpn"`
	// The VPN-ID, such as "00005e:00000001".
	VPNID string `json:"vpn_id"`
	// Name of the peer.
	Peer string `json:"peer"`
	// State of the link.
	State LinkState `json:"state"`
	// Time at which the link last went up or down, or was added.
	Since time.Time `json:"since"`
	// Kind and name of the virtual router, such as "netns red" or "vrf red".
	VR string `json:"vr"`
	// Name of the link's interface; absent while it does not exist.
	Interface string `json:"interface,omitempty"`
	// MTU of the link in octets; absent unless the link is up.
	MTU int `json:"mtu,omitempty"`
	// IPv4 address of this end; absent if the link is not up, or unnumbered.
	Local string `json:"local,omitempty"`
	// IPv4 address of the peer's end; absent if the link is not up, or unnumbered.
	Remote string `json:"remote,omitempty"`
	// IPv6 link-local address of this end; absent if the link is not up, or without IPv6.
	Local6 string `json:"local6,omitempty"`
	// IPv6 link-local address of the peer's end; absent if the link is not up, or without IPv6.
	Remote6 string `json:"remote6,omitempty"`
	// Network protocols that pass: "ipv4", "ipv6".
	Protocols []string `json:"protocols"`
	// Configured protection class: "none" (clear) or "required" (protected).
	IPsec string `json:"ipsec"`
	// ESP algorithms in use, as reported by strongSwan, such as "aes256gcm16"; absent if the link
	// is not protected now.
	ESP string `json:"esp,omitempty"`
	// Round-trip time of the last LCP echo in milliseconds; absent if none was measured.
	EchoMS *float64 `json:"echo_ms,omitempty"`
	// Whether the operator has taken the link down; absent if not.
	Disabled bool `json:"disabled,omitempty"`
	// Why the link is not up, or why one of its network protocols is not; absent if unknown or if
	// all is well.
	Reason string `json:"reason,omitempty"`
	// Time of the next attempt to bring the link up; absent if the link is up, or if none is
	// scheduled.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// Number of failed attempts since the link, or the control connection that it waits for, was
	// last up for 30 seconds; absent if the link is up, or if there was none.
	Attempt int `json:"attempt,omitempty"`
}

// Peer is the control connection to one peer for links of one protection class; or the static
// tunnel to it, if it has no signalling.
type Peer struct {
	// Name of the peer.
	Name string `json:"name"`
	// Address of the peer, as address:port.
	Address string `json:"address"`
	// Protection class of the links on this connection: "none" (clear) or "required" (protected).
	// A peer may have one connection of each class.
	IPsec string `json:"ipsec"`
	// State of the IKE SA as reported by strongSwan, such as "ESTABLISHED", or "none"; absent if
	// the connection is clear.
	IKE string `json:"ike,omitempty"`
	// ESP algorithms in use, such as "aes256gcm16"; absent if the connection is not protected now.
	ESP string `json:"esp,omitempty"`
	// State of the control connection (RFC 3931, section 7.2): idle, wait-ctl-reply, wait-ctl-conn
	// or established; or static, if the peer has no signalling.
	State string `json:"state"`
	// Time at which the connection entered this state; 0001-01-01T00:00:00Z if there is none.
	Since time.Time `json:"since"`
	// Time of the last message received from the peer; absent if none was received.
	LastHeard *time.Time `json:"last_heard,omitempty"`
	// Control connection ID of this side, or its static tunnel ID: 0x and 8 digits; absent if there
	// is none.
	LocalID string `json:"local_id,omitempty"`
	// Control connection ID of the peer, or its static tunnel ID: 0x and 8 digits; absent until it
	// is known.
	RemoteID string `json:"remote_id,omitempty"`
	// Host name received from the peer; absent until it is known.
	HostName string `json:"hostname,omitempty"`
	// Router ID received from the peer, as a dotted quad; absent until it is known.
	RouterID string `json:"router_id,omitempty"`
	// Vendor name received from the peer; absent until it is known.
	Vendor string `json:"vendor,omitempty"`
	// Authentication of control messages: "hmac-sha1", "hmac-md5" or "none".
	Authentication string `json:"authentication"`
	// The peer's Receive Window Size in messages; absent until it is known.
	Window int `json:"window,omitempty"`
	// Number of control messages sent, without retransmissions.
	Sent uint64 `json:"sent"`
	// Number of control messages received.
	Received uint64 `json:"received"`
	// Number of control messages retransmitted.
	Retransmissions uint64 `json:"retransmissions"`
	// Number of links on this connection that are up.
	LinksUp int `json:"links_up"`
	// Number of links configured for this connection.
	Links int `json:"links"`
	// Why the connection is not established; absent if it is.
	Reason string `json:"reason,omitempty"`
	// Time of the next attempt to open the path or to establish the connection; absent if none is
	// scheduled.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// MTU of the path to the peer in octets; absent until it is known.
	PathMTU int `json:"path_mtu,omitempty"`
}

// Session is the L2TP session of one link, with the state of PPP in it.
type Session struct {
	// Name of the VPN.
	VPN string `json:"vpn"`
	// The VPN-ID, such as "00005e:00000001".
	VPNID string `json:"vpn_id"`
	// Name of the peer.
	Peer string `json:"peer"`
	// State of the session (RFC 3931, section 7.3): idle, wait-control-conn, wait-reply,
	// wait-connect or established; or static, if it is configured at both ends.
	State string `json:"state"`
	// Role of this side in the incoming call: "initiator" or "responder"; empty if there is no
	// session, or if it is static.
	Role string `json:"role"`
	// Session ID of this side: 0x and 8 digits; empty if there is no session.
	LocalID string `json:"local_id"`
	// Session ID of the peer: 0x and 8 digits; empty until it is known.
	RemoteID string `json:"remote_id"`
	// Cookie that this side assigned, masked: its first octet and its length, or "none"; empty if
	// there is no session.
	LocalCookie string `json:"local_cookie"`
	// Cookie that the peer assigned, masked: its first octet and its length, or "none"; empty until
	// it is known.
	RemoteCookie string `json:"remote_cookie"`
	// L2-Specific Sublayer of data messages in both directions (RFC 3931, section 4.6): "default"
	// or "default, sequence numbers"; absent if it is not used.
	Sublayer string `json:"sublayer,omitempty"`
	// State of LCP (RFC 1661, section 4.2), Initial to Opened.
	LCP string `json:"lcp"`
	// State of IPCP, as of LCP.
	IPCP string `json:"ipcp"`
	// State of IPV6CP, as of LCP.
	IPv6CP string `json:"ipv6cp"`
	// Circuit status of this side's interface, as sent to the peer (RFC 3931, section 5.4.5):
	// "active" or "inactive"; absent if there is no session, or if it is static.
	Circuit string `json:"circuit,omitempty"`
	// Circuit status of the peer's interface, as received from it: "active" or "inactive"; absent
	// if there is no session, or if it is static.
	RemoteCircuit string `json:"remote_circuit,omitempty"`
	// Traffic of the session.
	Counters Counters `json:"counters"`

	// Results of LCP echoes; absent until PPP starts in the session.
	Echo *Echo `json:"echo,omitempty"`
	// Number of PPP frames silently discarded (RFC 1661), by reason; absent if none was.
	Discards map[string]uint64 `json:"discards,omitempty"`
}

// Echo has the results of the LCP Echo-Requests of a link (RFC 1661, section 5.8) since PPP started
// in its session.
type Echo struct {
	// Number of Echo-Requests sent.
	Sent uint64 `json:"sent"`
	// Number of Echo-Requests without a reply until the next one was due.
	Lost uint64 `json:"lost"`
	// Round-trip times of the last 60 Echo-Requests in milliseconds, oldest first; null for a lost
	// one.
	History []*float64 `json:"history"`
}

// Counters has the user traffic and the PPP control frames of a session since it came up.
type Counters struct {
	// User packets received from the peer.
	RxPackets uint64 `json:"rx_packets"`
	// Octets of user packets received from the peer.
	RxOctets uint64 `json:"rx_octets"`
	// User packets sent to the peer.
	TxPackets uint64 `json:"tx_packets"`
	// Octets of user packets sent to the peer.
	TxOctets uint64 `json:"tx_octets"`
	// PPP control frames received from the peer.
	RxFrames uint64 `json:"rx_frames"`
	// PPP control frames sent to the peer.
	TxFrames uint64 `json:"tx_frames"`
	// Packets and frames dropped, in both directions.
	Drops uint64 `json:"drops"`
}

// Mark is the result of a step of an explanation.
type Mark string

// The marks.
const (
	MarkOK      Mark = "ok"      // this layer is up
	MarkFailed  Mark = "failed"  // this is the first layer that is broken
	MarkPending Mark = "pending" // this layer is coming up
	MarkSkipped Mark = "skipped" // this layer is not reached because of an earlier one
)

// Step describes one layer of a link.
type Step struct {
	// Layer: "configuration", "peer", "IPsec" (if it is required), "control connection", "session",
	// "LCP", "IPCP", "IPV6CP", "interface" or "address".
	Layer string `json:"layer"`
	// Whether the layer is up.
	Mark Mark `json:"mark"`
	// State of the layer, or what is wrong with it, in plain words; empty if there is nothing to
	// say.
	Text string `json:"text"`
}

// Explanation explains the state of a link: its layers from the configuration up, and what to do
// about the first one that is broken.
type Explanation struct {
	// The link.
	Link Link `json:"link"`
	// Time of the explanation by the daemon's clock.
	Now time.Time `json:"now"`
	// The layers of the link, lowest first.
	Steps []Step `json:"steps"`
	// What to do, in plain words; absent if there is nothing to do.
	Advice string `json:"advice,omitempty"`
}
