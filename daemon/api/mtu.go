package api

// MTU is where the MTU of a link comes from. All sizes are octets of IP packet.
type MTU struct {
	VPN        string   `json:"vpn"`
	Peer       string   `json:"peer"`
	VR         string   `json:"vr"`        // "netns red"
	Interface  string   `json:"interface"` // its name, also while it is not there
	PathMTU    int      `json:"path_mtu"`  // of the path to the peer; 0: not known yet
	Overhead   Overhead `json:"overhead"`
	Room       int      `json:"room"`                 // what is left of the path's MTU
	PeerMRU    int      `json:"peer_mru,omitempty"`   // the largest packet that the peer takes, as it says by LCP
	Configured int      `json:"configured,omitempty"` // the bound that is configured here
	MTU        int      `json:"mtu"`                  // of the link: the least of the three; 0: not known yet
	Up         bool     `json:"up"`                   // the interface has this MTU
	MSS4       int      `json:"mss4"`                 // the largest TCP segment that passes in IPv4: the MTU less 40
	MSS6       int      `json:"mss6"`                 // in IPv6: the MTU less 60
}

// Overhead is what surrounds an IP packet of a link on its way to the peer, piece by piece, in
// octets.
type Overhead struct {
	IP       int  `json:"ip"`            // outer IP header
	ESP      *int `json:"esp,omitempty"` // ESP with its padding, at most; none where IPsec is not required
	UDP      int  `json:"udp"`           // 0 over IP
	L2TP     int  `json:"l2tp"`          // header of data messages
	Cookie   int  `json:"cookie"`        // of the session, as the peer wants it; 0 while there is no session
	Sublayer int  `json:"sublayer"`      // L2-specific sublayer
	PPP      int  `json:"ppp"`           // address, control and protocol
	Total    int  `json:"total"`
}
