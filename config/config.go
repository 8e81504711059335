// Package config is what the operator writes: which router this is, its peers, and the VPNs with
// their links. Load reads it from a file, checks it whole and completes it with defaults; what
// comes out is pure data.
package config

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// The structs below are the single source of the file's keys: decoding, Keys and what is written
// about the configuration all follow their tags.
//
//	key       the name in the file; "*" is the name under which the operator puts an element of a table
//	doc       one sentence for the operator
//	like      an example
//	required  the key must be there
//	default   the value, as it would be written, if the key is not there
//	derived   like default, but in words, for a value that follows from others
//	oneof     the values there are, separated by |
//	later     values that a later version will take
//	min, max  bounds, as they would be written
//	hidden    the value is never shown: it may be a secret in the wrong place
//	live      what it takes for another value to count in a daemon that runs: see Live

// Config is a whole configuration, checked and complete.
type Config struct {
	Local     Local     `key:"local" live:"daemon" doc:"This router."`
	Peers     []Peer    `key:"peers" live:"connection" doc:"The provider edge routers at the other ends, by name."`
	VPNs      []VPN     `key:"vpns" live:"link" doc:"The VPNs that this router has virtual routers of, by name."`
	DataPlane DataPlane `key:"dataplane" live:"daemon" default:"auto" oneof:"auto|kernel|userspace" doc:"What carries the packets of the links: the L2TP and PPP of the kernel, or the daemon itself over TUN. With auto it is the kernel if that has all it takes, but userspace for peers over IPv6, where Linux would send IPv4 packets in fragments."`
	API       API       `key:"api" live:"daemon" doc:"Where l2tpvl-ctl finds the daemon."`
	Metrics   Metrics   `key:"metrics" live:"daemon" doc:"What the daemon tells Prometheus."`
	Log       Log       `key:"log" live:"in place" doc:"What the daemon says on standard error."`
}

// Local is this router.
type Local struct {
	HostName string     `key:"hostname" like:"pe1" required:"yes" doc:"Name of this router, sent in the Host Name AVP (RFC 3931 section 5.4.3)."`
	RouterID netip.Addr `key:"router_id" required:"yes" doc:"IPv4 address that stands for this router, sent in the Router ID AVP (RFC 3931 section 5.4.3)."`
	Address  netip.Addr `key:"address" derived:"what the routing table chooses for each peer" doc:"Address to send from and listen at."`
	Port     uint16     `key:"port" default:"1702" min:"1" doc:"UDP port of control connections without IPsec."`

	PortProtected uint16 `key:"port_protected" default:"1701" min:"1" doc:"UDP port of control connections that IPsec protects."`

	VICISocket string `key:"vici_socket" default:"/run/charon.vici" doc:"Path of the socket at which strongSwan, which speaks IKE for us, takes orders (VICI)."`
}

// Peer is a provider edge router at the other end of links.
type Peer struct {
	Name           string         `key:"*"`
	Address        netip.Addr     `key:"address" required:"yes" doc:"IPv4 or IPv6 address of the peer."`
	LocalAddress   netip.Addr     `key:"local_address" derived:"local.address" doc:"Our own address towards this peer. With it a router with two addresses may be two peers here, one for links in clear and one for those that IPsec protects."`
	Encapsulation  Encapsulation  `key:"encapsulation" default:"udp" oneof:"udp|ip" doc:"What carries L2TP to the peer: UDP, or IP itself as protocol 115 (RFC 3931 section 4.1)."`
	Port           uint16         `key:"port" live:"clear connection" default:"1702" min:"1" doc:"UDP port of the peer; it may call from another one, and answer from another one, unless its signalling is static."`
	PortProtected  uint16         `key:"port_protected" live:"protected connection" default:"1701" min:"1" doc:"UDP port of the peer for what IPsec protects."`
	Authentication Authentication `key:"authentication" default:"secret" oneof:"secret|none" doc:"Whether control messages prove by a shared secret where they come from (RFC 3931 section 4.3)."`
	SecretFile     string         `key:"secret_file" live:"content" like:"/etc/l2tpvl/pe2.secret" doc:"File that holds the shared secret; a relative name starts at the configuration's folder."`
	SecretEnv      string         `key:"secret_env" live:"content" like:"PE2_SECRET" hidden:"yes" doc:"Environment variable that holds the shared secret."`
	Secret         Secret         `live:"in place"` // read from SecretFile or SecretEnv; empty if Authentication is AuthenticationNone
	NextSecretFile string         `key:"next_secret_file" live:"content" like:"/etc/l2tpvl/pe2.next" doc:"File that holds a second secret, which counts beside the first while the two sides change over to it."`
	NextSecretEnv  string         `key:"next_secret_env" live:"content" like:"PE2_NEXT_SECRET" hidden:"yes" doc:"Environment variable that holds the second secret."`
	NextSecret     Secret         `live:"in place"` // read from NextSecretFile or NextSecretEnv; empty if there is none
	Digest         Digest         `key:"digest" live:"in place" default:"sha1" oneof:"sha1|md5" doc:"HMAC of the Message Digest AVP (RFC 3931 section 5.4.1)."`
	Role           Role           `key:"role" live:"in place" default:"both" oneof:"active|passive|both" doc:"Who starts the control connection: we (active), the peer (passive), or either."`
	Hello          time.Duration  `key:"hello" live:"in place" default:"60s" min:"1s" max:"1h" doc:"Silence of the peer after which it is sent a Hello (RFC 3931 section 4.4)."`
	Retransmit     Retransmit     `key:"retransmit" live:"in place" doc:"Retransmission of control messages (RFC 3931 section 4.2)."`
	IKE            IKE            `key:"ike" live:"protected connection" doc:"Keys for the links with ipsec: required; they need a pre-shared key, or certificates."`
	Signalling     Signalling     `key:"signalling" default:"l2tp" oneof:"l2tp|static" doc:"How the two ends agree on sessions: by L2TP's control messages, or by their configurations alone (static), for a peer that speaks no L2TP control protocol. With static there is no control connection, so none of authentication, secrets, digest, role, hello and retransmit."`
	Static         StaticTunnel   `key:"static" doc:"The tunnel to a peer whose signalling is static."`
}

// LocalAddress is our address towards the peer; the zero address: the routing table chooses.
func (c *Config) LocalAddress(p *Peer) netip.Addr {
	if p.LocalAddress.IsValid() {
		return p.LocalAddress
	}
	return c.Local.Address
}

// AddrPort is where the peer's control messages go. The port is 0 over IP.
func (p Peer) AddrPort() netip.AddrPort {
	if p.Encapsulation == EncapsulationIP {
		return netip.AddrPortFrom(p.Address, 0)
	}
	return netip.AddrPortFrom(p.Address, p.Port)
}

// Where is AddrPort for people: "192.0.2.2:1702", "192.0.2.2 (IP)".
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
	EncapsulationUDP Encapsulation = "udp" // RFC 3931 section 4.1.2
	EncapsulationIP  Encapsulation = "ip"  // RFC 3931 section 4.1.1
)

// Authentication is how control messages are authenticated (RFC 3931 section 4.3).
type Authentication string

// The ways to authenticate control messages.
const (
	AuthenticationSecret Authentication = "secret" // by a Message Digest AVP
	AuthenticationNone   Authentication = "none"
)

// Digest is the HMAC of the Message Digest AVP (RFC 3931 section 5.4.1).
type Digest string

// The digests.
const (
	DigestSHA1 Digest = "sha1" // HMAC-SHA-1
	DigestMD5  Digest = "md5"  // HMAC-MD5
)

// Role is who may start the control connection.
type Role string

// The roles.
const (
	RoleActive  Role = "active"  // we start it
	RolePassive Role = "passive" // the peer starts it
	RoleBoth    Role = "both"    // either starts it; the Control Connection Tie Breaker AVP decides
)

// Retransmit says how control messages are sent again until the peer acknowledges them (RFC 3931
// section 4.2).
type Retransmit struct {
	Initial time.Duration `key:"initial" default:"1s" min:"100ms" max:"1m" doc:"Wait before the first retransmission; each further wait is twice as long."`
	Cap     time.Duration `key:"cap" default:"8s" min:"100ms" max:"10m" doc:"Longest wait between two retransmissions; the RFC asks for no less than 8s."`
	Retries int           `key:"retries" default:"10" min:"1" max:"100" doc:"Retransmissions without an answer after which the control connection is given up."`
}

// VPN is a VPN of which this router has a virtual router.
type VPN struct {
	Name  string      `key:"*"`
	VPNID endid.VPNID `key:"vpn_id" required:"yes" doc:"VPN-ID (RFC 2685), the same on all routers of the VPN."`
	VR    VR          `key:"vr" doc:"The virtual router."`
	IPsec IPsec       `key:"ipsec" default:"none" oneof:"none|required" doc:"Protection of the links, the same on both sides; with none, packets cross the provider's network in clear; with required nothing is ever sent in clear, and peers.NAME.ike has to say how keys are agreed on."`
	MTU   int         `key:"mtu" live:"in place" derived:"what the path to the peer leaves" min:"576" max:"65535" doc:"Upper bound for the MTU of the links, in octets."`

	Sequencing Sequencing `key:"sequencing" default:"none" oneof:"none|all" doc:"Which data messages of the links have sequence numbers (RFC 3931 section 4.6.1). With all every one has, both ways, and what comes late or twice is dropped; it takes 4 octets of each message. It is for customers whose protocols cannot bear another order: over the kernel data plane a message that is lost may take those along that come within 10 ms of it. Between two l2tpvl it is enough that one side asks; another peer has to ask too."`

	Echo Echo    `key:"echo" live:"in place" doc:"LCP echo, which finds out whether a link still passes (RFC 1661 section 5.8)."`
	Auth PPPAuth `key:"ppp_auth" doc:"How the ends of a link authenticate each other by PPP (RFC 1661 section 3.5), beside the control connection's secret; the same for all links that do not say otherwise."`

	Interfaces []CustomerInterface `key:"interfaces" live:"in place" doc:"Interfaces towards the customer. Each is put into the virtual router as soon as both are there, is given its addresses and set up; at the end it is given back to the host, down."`

	Links []Link `key:"links" live:"link" doc:"Links to the VPN's virtual routers at peers, at most one a peer."`
}

// Sequencing is which data messages have sequence numbers.
type Sequencing string

// The ways to number data messages.
const (
	SequencingNone Sequencing = "none"
	SequencingAll  Sequencing = "all"
)

// VR is where a virtual router lives: in a network namespace or in a VRF.
type VR struct {
	NetNS string `key:"netns" like:"red" doc:"Network namespace, named as in ip netns. If it is not there it is made, forwarding packets, and removed at the end; one that is there keeps its settings."`
	VRF   string `key:"vrf" like:"red" doc:"VRF device, in place of netns. If it is not there it is made, and removed at the end. Whether it forwards is the host's to say: net.ipv4.ip_forward and net.ipv6.conf.all.forwarding."`
	Table int    `key:"table" like:"1001" min:"1" max:"4294967295" doc:"Routing table of the VRF; vrf needs it."`
}

// CustomerInterface is an interface of the host that belongs into a virtual router.
type CustomerInterface struct {
	Name      string             `key:"name" like:"eth1" required:"yes" doc:"Name of the interface."`
	Addresses []InterfaceAddress `key:"addresses" doc:"IPv4 and IPv6 addresses of the interface in the virtual router, each with the length of its prefix; others that it has are left."`
}

// Echo says how LCP echo watches over a link.
type Echo struct {
	Interval time.Duration `key:"interval" default:"5s" min:"0s" max:"1h" doc:"Time between two Echo-Requests; 0s sends none."`
	Fails    int           `key:"fails" default:"3" min:"1" max:"100" doc:"Echo-Requests without a reply after which the link is down."`
	Adaptive bool          `key:"adaptive" default:"false" doc:"Whether no Echo-Request is sent after an interval in which anything was received."`
}

// Link is a virtual link: from the VPN's virtual router here to the one at a peer.
type Link struct {
	Peer        string         `key:"peer" like:"pe2" required:"yes" doc:"Name of the peer."`
	Address     LinkAddress    `key:"address" derived:"none: an unnumbered link" doc:"IPv4 address of our end with the length of its prefix, or learn to ask the peer for one."`
	PeerAddress netip.Addr     `key:"peer_address" derived:"what the peer says by IPCP" doc:"IPv4 address of the peer's end."`
	Address6    []LinkAddress6 `key:"address6" live:"in place" derived:"none but the link-local one" doc:"IPv6 addresses of our end beside the link-local one, which IPV6CP makes."`
	IPsec       IPsec          `key:"ipsec" derived:"that of the VPN" oneof:"none|required" doc:"Protection of this link, if it is not that of the VPN's other links."`
	Interface   string         `key:"interface" like:"vl-red-pe2" derived:"vl-VPN-PEER" doc:"Name of the interface in the virtual router, at most 15 octets."`
	Routes      []netip.Prefix `key:"routes" live:"in place" doc:"Prefixes that the virtual router reaches through this link while it is up."`
	IPv4        bool           `key:"ipv4" default:"true" doc:"Whether the link carries IPv4 (IPCP, RFC 1332)."`
	IPv6        bool           `key:"ipv6" default:"true" doc:"Whether the link carries IPv6 (IPV6CP, RFC 5072)."`
	Auth        PPPAuth        `key:"ppp_auth" doc:"Authentication of this link; a key that is not here is taken from the VPN's ppp_auth."`
	Static      StaticSession  `key:"static" doc:"The session of a link to a peer whose signalling is static."`
}

// DataPlane is what carries the packets of the links.
type DataPlane string

// The data planes.
const (
	DataPlaneAuto      DataPlane = "auto" // the best that this host has
	DataPlaneKernel    DataPlane = "kernel"
	DataPlaneUserspace DataPlane = "userspace"
)

// API is where the daemon serves its clients.
type API struct {
	Socket string `key:"socket" default:"/run/l2tpvl/l2tpvl.sock" doc:"Path of the Unix socket."`
	Group  string `key:"group" like:"l2tpvl" doc:"Group of this host whose members may use the socket, as root may: to look, and to change what l2tpvl-ctl can."`
}

// Metrics is where the daemon serves its metrics page.
type Metrics struct {
	Listen netip.AddrPort `key:"listen" like:"127.0.0.1:9702" derived:"nowhere: no metrics page" doc:"Address and port at which the page /metrics is served by HTTP; whoever reaches it can read the names of VPNs and peers, so let the port be reached by Prometheus alone."`
}

// Log says how the daemon logs.
type Log struct {
	Format LogFormat `key:"format" live:"daemon" default:"console" oneof:"console|json" doc:"Lines for people, or JSON for machines."`
	Level  LogLevel  `key:"level" default:"info" oneof:"debug|info|warn|error" doc:"Least severity that is logged."`
}

// LogFormat is the form of the log.
type LogFormat string

// The forms of the log.
const (
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

// LogLevel is the least severity that is logged.
type LogLevel string

// The severities.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)
