// Package config reads the configuration file of l2tpvld: this router, its peers, and the VPNs with
// their links. Load reads a file, checks it as a whole and applies defaults; the Config that it
// returns is pure data. Keys, Schema and the Changes methods describe the same structs for
// documentation, for editors and for package plan. The package opens no sockets and changes nothing
// on the host.
package config

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// The structs below are the single source of the file's keys: decoding, Keys, Schema and the
// documentation of the configuration all follow their tags.
//
//	key       the name in the file; "*" is the name that the operator gives an element of a table
//	doc       the description for the operator
//	example   an example value
//	required  the key must be present
//	default   the value if the key is missing, as it is written in the file
//	derived   like default, but in words, for a value that follows from others
//	oneof     all allowed values, separated by |
//	min, max  bounds, as they are written in the file
//	hidden    the value is never shown: it may be a secret in the wrong place
//	impact    what a change of the key affects in a running daemon: see Impact

// Config is a configuration, checked and with all defaults applied.
type Config struct {
	Local     Local     `key:"local" impact:"daemon" doc:"This router."`
	Peers     []Peer    `key:"peers" impact:"connection" doc:"The provider edge routers at the remote ends of the links, by name."`
	VPNs      []VPN     `key:"vpns" impact:"link" doc:"The VPNs for which this router hosts a virtual router, by name."`
	DataPlane DataPlane `key:"dataplane" impact:"daemon" default:"auto" oneof:"auto|kernel|userspace" doc:"What carries the packets of the links: L2TP and PPP of the kernel, or the daemon itself over TUN. With auto it is the kernel if it supports everything required, otherwise the daemon. With auto the daemon also carries the links to peers over IPv6, where Linux would fragment IPv4 packets."`
	API       API       `key:"api" impact:"daemon" doc:"The socket at which the daemon serves l2tpvl-ctl."`
	Metrics   Metrics   `key:"metrics" impact:"daemon" doc:"Metrics for Prometheus."`
	Log       Log       `key:"log" impact:"in place" doc:"The log on standard error."`
}

// Local is this router.
type Local struct {
	HostName string     `key:"hostname" example:"pe1" required:"yes" doc:"Name of this router, sent in the Host Name AVP (RFC 3931, section 5.4.3)."`
	RouterID netip.Addr `key:"router_id" required:"yes" doc:"IPv4 address that identifies this router, sent in the Router ID AVP (RFC 3931, section 5.4.3)."`
	Address  netip.Addr `key:"address" derived:"chosen by the routing table for each peer" doc:"Local address to send from and to listen on."`
	Port     uint16     `key:"port" default:"1702" min:"1" doc:"UDP port of control connections without IPsec."`

	PortProtected uint16 `key:"port_protected" default:"1701" min:"1" doc:"UDP port of control connections protected by IPsec."`

	VICISocket string `key:"vici_socket" default:"/run/charon.vici" doc:"Path of the VICI socket of strongSwan, which runs IKE for l2tpvld."`
}

// Peer is a provider edge router at the remote end of links.
type Peer struct {
	Name           string         `key:"*"`
	Address        netip.Addr     `key:"address" required:"yes" doc:"IPv4 or IPv6 address of the peer."`
	LocalAddress   netip.Addr     `key:"local_address" derived:"local.address" doc:"Local address for this peer. It allows a remote router with two addresses to be configured as two peers, one for links in the clear and one for links protected by IPsec."`
	Encapsulation  Encapsulation  `key:"encapsulation" default:"udp" oneof:"udp|ip" doc:"What carries L2TP to the peer: UDP, or IP directly as protocol 115 (RFC 3931, section 4.1)."`
	Port           uint16         `key:"port" impact:"clear connection" default:"1702" min:"1" doc:"UDP port of the peer for control connections without IPsec. Unless its signalling is static, the peer may start the connection or answer from a different port."`
	PortProtected  uint16         `key:"port_protected" impact:"protected connection" default:"1701" min:"1" doc:"UDP port of the peer for control connections protected by IPsec."`
	Authentication Authentication `key:"authentication" default:"secret" oneof:"secret|none" doc:"Whether control messages are authenticated with a shared secret (RFC 3931, section 4.3)."`
	SecretFile     string         `key:"secret_file" impact:"content" example:"/etc/l2tpvl/pe2.secret" doc:"File with the shared secret; a relative path is relative to the configuration file's folder."`
	SecretEnv      string         `key:"secret_env" impact:"content" example:"PE2_SECRET" hidden:"yes" doc:"Environment variable with the shared secret."`
	// Secret is the content of SecretFile or SecretEnv; empty with AuthenticationNone.
	Secret         Secret `impact:"in place"`
	NextSecretFile string `key:"next_secret_file" impact:"content" example:"/etc/l2tpvl/pe2.next" doc:"File with a second secret, accepted in addition to the first while both ends change to it."`
	NextSecretEnv  string `key:"next_secret_env" impact:"content" example:"PE2_NEXT_SECRET" hidden:"yes" doc:"Environment variable with the second secret."`
	// NextSecret is the content of NextSecretFile or NextSecretEnv; empty if neither is set.
	NextSecret Secret        `impact:"in place"`
	Digest     Digest        `key:"digest" impact:"in place" default:"sha1" oneof:"sha1|md5" doc:"HMAC of the Message Digest AVP (RFC 3931, section 5.4.1)."`
	Role       Role          `key:"role" impact:"in place" default:"both" oneof:"active|passive|both" doc:"Which end starts the control connection: this router (active), the peer (passive), or either (both)."`
	Hello      time.Duration `key:"hello" impact:"in place" default:"60s" min:"1s" max:"1h" doc:"Time without a message from the peer after which a HELLO is sent (RFC 3931, section 4.4)."`
	Retransmit Retransmit    `key:"retransmit" impact:"in place" doc:"Retransmission of control messages (RFC 3931, section 4.2)."`
	IKE        IKE           `key:"ike" impact:"protected connection" doc:"IKE for the links with ipsec: required, which need a pre-shared key or certificates."`
	Signalling Signalling    `key:"signalling" default:"l2tp" oneof:"l2tp|static" doc:"How the two ends agree on sessions: by L2TP control messages, or by their configurations alone (static), for a peer without the L2TP control protocol. With static there is no control connection, so authentication, secrets, digest, role, hello and retransmit cannot be set."`
	Static     StaticTunnel  `key:"static" doc:"The tunnel to a peer whose signalling is static."`
}

// LocalAddress returns the local address for the peer. The zero address means that the routing
// table chooses one.
func (c *Config) LocalAddress(p *Peer) netip.Addr {
	if p.LocalAddress.IsValid() {
		return p.LocalAddress
	}
	return c.Local.Address
}

// AddrPort returns the destination of control messages to the peer. The port is 0 over IP.
func (p Peer) AddrPort() netip.AddrPort {
	if p.Encapsulation == EncapsulationIP {
		return netip.AddrPortFrom(p.Address, 0)
	}
	return netip.AddrPortFrom(p.Address, p.Port)
}

// Where returns AddrPort as text for people: "192.0.2.2:1702", "192.0.2.2 (IP)".
func (p Peer) Where() string {
	if p.Encapsulation == EncapsulationIP {
		return p.Address.String() + " (IP)"
	}
	return p.AddrPort().String()
}

// Encapsulation is what carries L2TP.
type Encapsulation string

// The encapsulations.
const (
	EncapsulationUDP Encapsulation = "udp" // RFC 3931, section 4.1.2
	EncapsulationIP  Encapsulation = "ip"  // RFC 3931, section 4.1.1
)

// Authentication is the way in which control messages are authenticated (RFC 3931, section 4.3).
type Authentication string

// The ways to authenticate control messages.
const (
	AuthenticationSecret Authentication = "secret" // by a Message Digest AVP
	AuthenticationNone   Authentication = "none"
)

// Digest is the HMAC of the Message Digest AVP (RFC 3931, section 5.4.1).
type Digest string

// The digests.
const (
	DigestSHA1 Digest = "sha1" // HMAC-SHA-1
	DigestMD5  Digest = "md5"  // HMAC-MD5
)

// Role decides which end may start the control connection.
type Role string

// The roles.
const (
	RoleActive  Role = "active"  // we start it
	RolePassive Role = "passive" // the peer starts it
	RoleBoth    Role = "both"    // either starts it; the Control Connection Tie Breaker AVP decides
)

// Retransmit configures the retransmission of control messages until the peer acknowledges them
// (RFC 3931, section 4.2).
type Retransmit struct {
	Initial time.Duration `key:"initial" default:"1s" min:"100ms" max:"1m" doc:"Wait before the first retransmission; each further wait is twice as long, up to cap."`
	Cap     time.Duration `key:"cap" default:"8s" min:"100ms" max:"10m" doc:"Longest wait between two retransmissions; RFC 3931 recommends at least 8s."`
	Retries int           `key:"retries" default:"10" min:"1" max:"100" doc:"Unacknowledged retransmissions after which the control connection is closed."`
}

// VPN is a VPN for which this router hosts a virtual router.
type VPN struct {
	Name  string      `key:"*"`
	VPNID endid.VPNID `key:"vpn_id" required:"yes" doc:"VPN-ID (RFC 2685), the same on all routers of the VPN."`
	VR    VR          `key:"vr" doc:"The virtual router."`
	IPsec IPsec       `key:"ipsec" default:"none" oneof:"none|required" doc:"Protection of the links by IPsec; must be the same at both ends. With none, packets cross the provider's network in the clear. With required nothing is ever sent in the clear, and peers.NAME.ike must configure the credentials."`
	MTU   int         `key:"mtu" impact:"in place" derived:"what the path to the peer allows" min:"576" max:"65535" doc:"Upper bound for the MTU of the links, in octets."`

	Sequencing Sequencing `key:"sequencing" default:"none" oneof:"none|all" doc:"Which data messages of the links carry sequence numbers (RFC 3931, section 4.6.1). With all, every data message in both directions is numbered, late and duplicate messages are dropped, and each message is 4 octets longer. Use it for customer protocols that do not tolerate reordering: over the kernel data plane a lost message may cause the messages received within 10 ms of it to be dropped too. Between two l2tpvld one end with all is enough; other implementations must request sequencing themselves."`

	Echo Echo    `key:"echo" impact:"in place" doc:"LCP echo, which checks whether a link still passes packets (RFC 1661, section 5.8)."`
	Auth PPPAuth `key:"ppp_auth" doc:"PPP authentication of the links (RFC 1661, section 3.5), in addition to the control connection's secret; each link may override it."`

	Interfaces []CustomerInterface `key:"interfaces" impact:"in place" doc:"Customer interfaces. Each is moved into the virtual router as soon as both exist, gets its addresses and is set up. When l2tpvld stops, the interfaces are returned to the host, down."`

	Links []Link `key:"links" impact:"link" doc:"Links to the VPN's virtual routers at peers, at most one for each peer."`
}

// Sequencing selects the data messages that carry sequence numbers.
type Sequencing string

// The sequencing modes.
const (
	SequencingNone Sequencing = "none"
	SequencingAll  Sequencing = "all"
)

// VR is a virtual router: a network namespace or a VRF.
type VR struct {
	NetNS string `key:"netns" example:"red" doc:"Network namespace, named as in ip netns. A missing namespace is created, with forwarding enabled, and removed when l2tpvld stops. An existing namespace keeps its settings."`
	VRF   string `key:"vrf" example:"red" doc:"VRF device, instead of netns. A missing VRF is created, and removed when l2tpvld stops. It forwards packets if the host does (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)."`
	Table int    `key:"table" example:"1001" min:"1" max:"4294967295" doc:"Routing table of the VRF; required with vrf."`
}

// CustomerInterface is an interface of the host that is moved into a virtual router.
type CustomerInterface struct {
	Name      string             `key:"name" example:"eth1" required:"yes" doc:"Name of the interface."`
	Addresses []InterfaceAddress `key:"addresses" doc:"IPv4 and IPv6 addresses of the interface in the virtual router, each with a prefix length; other addresses of the interface stay."`
}

// Echo configures the LCP echo of a link.
type Echo struct {
	Interval time.Duration `key:"interval" default:"5s" min:"0s" max:"1h" doc:"Time between two Echo-Requests; 0s disables them."`
	Fails    int           `key:"fails" default:"3" min:"1" max:"100" doc:"Consecutive Echo-Requests without a reply after which the link goes down."`
	Adaptive bool          `key:"adaptive" default:"false" doc:"Whether the Echo-Request is skipped after an interval in which any packet was received."`
}

// Link is a virtual link from the VPN's local virtual router to the one at a peer.
type Link struct {
	Peer        string         `key:"peer" example:"pe2" required:"yes" doc:"Name of the peer."`
	Address     LinkAddress    `key:"address" derived:"none: the link is unnumbered" doc:"IPv4 address of the local end with its prefix length, or learn to request one from the peer."`
	PeerAddress netip.Addr     `key:"peer_address" derived:"announced by the peer (IPCP)" doc:"IPv4 address of the peer's end."`
	Address6    []LinkAddress6 `key:"address6" impact:"in place" derived:"the link-local address only" doc:"IPv6 addresses of the local end in addition to the link-local one, which IPV6CP negotiates."`
	IPsec       IPsec          `key:"ipsec" derived:"the VPN's value" oneof:"none|required" doc:"Protection of this link by IPsec, if it differs from the VPN's."`
	Interface   string         `key:"interface" example:"vl-red-pe2" derived:"vl-VPN-PEER" doc:"Name of the interface in the virtual router, at most 15 octets."`
	Routes      []netip.Prefix `key:"routes" impact:"in place" doc:"Prefixes that the virtual router reaches through this link; the routes are installed while the link is up."`
	IPv4        bool           `key:"ipv4" default:"true" doc:"Whether the link carries IPv4 (IPCP, RFC 1332)."`
	IPv6        bool           `key:"ipv6" default:"true" doc:"Whether the link carries IPv6 (IPV6CP, RFC 5072)."`
	Auth        PPPAuth        `key:"ppp_auth" doc:"PPP authentication of this link; missing keys are inherited from the VPN's ppp_auth."`
	Static      StaticSession  `key:"static" doc:"The session of a link to a peer whose signalling is static."`
}

// DataPlane is what carries the packets of the links.
type DataPlane string

// The data planes.
const (
	DataPlaneAuto      DataPlane = "auto" // kernel if the host supports it, otherwise userspace
	DataPlaneKernel    DataPlane = "kernel"
	DataPlaneUserspace DataPlane = "userspace"
)

// API configures the socket at which the daemon serves its clients.
type API struct {
	Socket string `key:"socket" default:"/run/l2tpvl/l2tpvl.sock" doc:"Path of the Unix socket."`
	Group  string `key:"group" example:"l2tpvl" doc:"Group whose members may use the socket with the same rights as root: they can read and change everything that l2tpvl-ctl can."`
}

// Metrics configures the metrics page of the daemon.
type Metrics struct {
	Listen netip.AddrPort `key:"listen" example:"127.0.0.1:9702" derived:"no metrics page" doc:"Address and port at which /metrics is served by HTTP. The page shows the names of VPNs and peers without authentication, so allow only Prometheus to reach the port."`
}

// Log configures the log of the daemon.
type Log struct {
	Format LogFormat `key:"format" impact:"daemon" default:"console" oneof:"console|json" doc:"Plain lines (console) or JSON."`
	Level  LogLevel  `key:"level" default:"info" oneof:"debug|info|warn|error" doc:"Lowest severity that is logged."`
}

// LogFormat is the format of the log.
type LogFormat string

// The log formats.
const (
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

// LogLevel is the lowest severity that is logged.
type LogLevel string

// The severities.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)
