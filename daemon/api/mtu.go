package api

// MTU shows how the MTU of a link is calculated. All sizes are in octets.
type MTU struct {
	// Name of the VPN.
	VPN string `json:"vpn"`
	// Name of the peer.
	Peer string `json:"peer"`
	// Kind and name of the virtual router, such as "netns red" or "vrf red".
	VR string `json:"vr"`
	// Name of the link's interface, even while it does not exist.
	Interface string `json:"interface"`
	// MTU of the path to the peer; 0 if it is not known yet.
	PathMTU int `json:"path_mtu"`
	// Octets added to each packet of the link.
	Overhead Overhead `json:"overhead"`
	// The path's MTU less the overhead; 0 if the MTU is not known yet.
	Room int `json:"room"`
	// The peer's MRU from LCP: the largest packet that it accepts; absent until LCP is opened.
	PeerMRU int `json:"peer_mru,omitempty"`
	// The configured limit of the link's MTU; absent if none is configured.
	Configured int `json:"configured,omitempty"`
	// MTU of the link: the least of room, peer_mru and configured; 0 if it is not known yet.
	MTU int `json:"mtu"`
	// Whether the link is up, so that its interface has this MTU.
	Up bool `json:"up"`
	// The largest TCP segment over IPv4: the MTU less 40; 0 if the MTU is not known yet.
	MSS4 int `json:"mss4"`
	// The largest TCP segment over IPv6: the MTU less 60; 0 if the MTU is not known yet.
	MSS6 int `json:"mss6"`
}

// Overhead is what is added to an IP packet of a link on the path to the peer, in octets.
type Overhead struct {
	// Outer IP header.
	IP int `json:"ip"`
	// ESP including its largest padding; absent if the link does not require IPsec.
	ESP *int `json:"esp,omitempty"`
	// UDP header; 0 if L2TP runs directly over IP.
	UDP int `json:"udp"`
	// L2TP header of data messages, without cookie and sublayer.
	L2TP int `json:"l2tp"`
	// Cookie that the peer assigned to the session; 0 if there is no session yet.
	Cookie int `json:"cookie"`
	// L2-Specific Sublayer; 0 if it is not used.
	Sublayer int `json:"sublayer"`
	// PPP address, control and protocol fields.
	PPP int `json:"ppp"`
	// Sum of all parts.
	Total int `json:"total"`
}
