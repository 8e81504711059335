package lab

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Config is a configuration of l2tpvld as an operator writes it, with the keys of the file.
type Config struct {
	Local     Local           `yaml:"local"`
	DataPlane string          `yaml:"dataplane,omitempty"`
	Peers     map[string]Peer `yaml:"peers"`
	VPNs      map[string]VPN  `yaml:"vpns"`
	API       API             `yaml:"api"`
	Metrics   Metrics         `yaml:"metrics,omitempty"`
	Log       Log             `yaml:"log"`
}

// Local is the key "local".
type Local struct {
	HostName   string `yaml:"hostname"`
	RouterID   string `yaml:"router_id"`
	Address    string `yaml:"address,omitempty"`
	Port       int    `yaml:"port,omitempty"`
	VICISocket string `yaml:"vici_socket,omitempty"`
}

// Peer is one entry of the key "peers".
type Peer struct {
	Address        string     `yaml:"address"`
	LocalAddress   string     `yaml:"local_address,omitempty"`
	Encapsulation  string     `yaml:"encapsulation,omitempty"`
	SecretFile     string     `yaml:"secret_file,omitempty"`
	NextSecretFile string     `yaml:"next_secret_file,omitempty"`
	Digest         string     `yaml:"digest,omitempty"`
	Role           string     `yaml:"role,omitempty"`
	Hello          string     `yaml:"hello,omitempty"`
	Retransmit     Retransmit `yaml:"retransmit,omitempty"`
	IKE            IKE        `yaml:"ike,omitempty"`
	Port           int        `yaml:"port,omitempty"`
	Signalling     string     `yaml:"signalling,omitempty"`
	Static         Static     `yaml:"static,omitempty"`
}

// Static is the key "static", of a peer or of a link to one.
type Static struct {
	LocalTunnelID  int    `yaml:"local_tunnel_id,omitempty"`
	PeerTunnelID   int    `yaml:"peer_tunnel_id,omitempty"`
	LocalPort      int    `yaml:"local_port,omitempty"`
	LocalSessionID int    `yaml:"local_session_id,omitempty"`
	PeerSessionID  int    `yaml:"peer_session_id,omitempty"`
	LocalCookie    string `yaml:"local_cookie,omitempty"`
	PeerCookie     string `yaml:"peer_cookie,omitempty"`
}

// IKE is the key "ike" of a peer.
type IKE struct {
	PSKFile         string   `yaml:"psk_file,omitempty"`
	CertificateFile string   `yaml:"certificate_file,omitempty"`
	PrivateKeyFile  string   `yaml:"private_key_file,omitempty"`
	CAFiles         []string `yaml:"ca_files,omitempty"`
	LocalID         string   `yaml:"local_id,omitempty"`
	RemoteID        string   `yaml:"remote_id,omitempty"`
	Start           string   `yaml:"start,omitempty"`
	IKEProposals    []string `yaml:"ike_proposals,omitempty"`
	ESPProposals    []string `yaml:"esp_proposals,omitempty"`
	IKERekey        string   `yaml:"ike_rekey,omitempty"`
	ChildRekey      string   `yaml:"child_rekey,omitempty"`
	RekeyOctets     int      `yaml:"rekey_octets,omitempty"`
	DPD             string   `yaml:"dpd,omitempty"`
	ReplayWindow    int      `yaml:"replay_window,omitempty"`
}

// Retransmit is the key "retransmit" of a peer.
type Retransmit struct {
	Initial string `yaml:"initial,omitempty"`
	Cap     string `yaml:"cap,omitempty"`
	Retries int    `yaml:"retries,omitempty"`
}

// VPN is one entry of the key "vpns".
type VPN struct {
	VPNID string `yaml:"vpn_id"`
	VR    VR     `yaml:"vr"`
	IPsec string `yaml:"ipsec"`

	Sequencing string `yaml:"sequencing,omitempty"`

	Echo  Echo   `yaml:"echo,omitempty"`
	Auth  Auth   `yaml:"ppp_auth,omitempty"`
	Links []Link `yaml:"links"`
}

// Auth is the key "ppp_auth" of a VPN.
type Auth struct {
	Require        string `yaml:"require,omitempty"`
	Name           string `yaml:"name,omitempty"`
	SecretFile     string `yaml:"secret_file,omitempty"`
	PeerName       string `yaml:"peer_name,omitempty"`
	PeerSecretFile string `yaml:"peer_secret_file,omitempty"`
	Rechallenge    string `yaml:"rechallenge,omitempty"`
}

// Echo is the key "echo" of a VPN.
type Echo struct {
	Interval string `yaml:"interval,omitempty"`
	Fails    int    `yaml:"fails,omitempty"`
}

// VR is the key "vr" of a VPN.
type VR struct {
	NetNS string `yaml:"netns,omitempty"`
	VRF   string `yaml:"vrf,omitempty"`
	Table int    `yaml:"table,omitempty"`
}

// Link is one entry of the key "links" of a VPN.
type Link struct {
	Peer        string   `yaml:"peer"`
	IPsec       string   `yaml:"ipsec,omitempty"`
	Address     string   `yaml:"address,omitempty"`
	PeerAddress string   `yaml:"peer_address,omitempty"`
	Interface   string   `yaml:"interface,omitempty"`
	Address6    []string `yaml:"address6,omitempty"`
	Routes      []string `yaml:"routes,omitempty"`
	Static      Static   `yaml:"static,omitempty"`
}

// API is the key "api".
type API struct {
	Socket string `yaml:"socket"`
}

// Metrics is the key "metrics".
type Metrics struct {
	Listen string `yaml:"listen,omitempty"`
}

// Log is the key "log".
type Log struct {
	Level  string `yaml:"level,omitempty"`
	Format string `yaml:"format,omitempty"`
}

// YAML returns the text of the configuration file.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// Config returns a configuration with a link of each VPN to the PE's peer. The caller may change
// it. The links have the same addresses in each VPN, as the customers do.
func (pe *PE) Config() Config {
	c := Config{
		Local: Local{HostName: pe.Name, RouterID: pe.Address.String()},
		Peers: map[string]Peer{
			pe.Peer.Name: {Address: pe.Peer.Address.String(), SecretFile: pe.lab.SecretFile()},
		},
		VPNs: map[string]VPN{},
		API:  API{Socket: pe.Socket()},
		Log:  Log{Level: "debug", Format: "console"},
	}
	for i, vpn := range pe.lab.VPNs {
		c.VPNs[vpn] = VPN{
			VPNID: VPNID(i),
			VR:    VR{NetNS: string(pe.Sites[vpn].VR)},
			IPsec: "none",
			Links: []Link{{
				Peer:    pe.Peer.Name,
				Address: fmt.Sprintf("10.255.0.%d/31", pe.Number-1),
				Routes:  []string{pe.Peer.Sites[vpn].Subnet.String()},
			}},
		}
	}
	return c
}

// Protect returns c with IPsec required for a VPN's links, with IKE by a pre-shared key that PE1
// starts. The daemon uses the PE's own charon: see PE.StartCharon.
func (pe *PE) Protect(c Config, vpn string) Config {
	v := c.VPNs[vpn]
	v.IPsec = "required"
	c.VPNs[vpn] = v
	c.Local.VICISocket = pe.lab.path(pe.Name + ".vici")
	for name, peer := range c.Peers {
		peer.IKE = IKE{PSKFile: pe.lab.PSKFile(), Start: "no", DPD: "5s"}
		if pe.Number == 1 {
			peer.IKE.Start = "yes"
		}
		c.Peers[name] = peer
	}
	return c
}

// AddLinks adds a peer to a configuration, and a link of each VPN to it.
func (pe *PE) AddLinks(c Config, peer *PE) {
	c.Peers[peer.Name] = Peer{Address: peer.Address.String(), SecretFile: pe.lab.SecretFile()}
	for name, vpn := range c.VPNs {
		vpn.Links = append(vpn.Links, Link{Peer: peer.Name, Address: "10.255.0.3/31", Routes: []string{peer.Sites[name].Subnet.String()}})
		c.VPNs[name] = vpn
	}
}

// VPNID returns the VPN-ID of the VPN with this index in Lab.VPNs.
func VPNID(place int) string { return fmt.Sprintf("00005e:%08x", place+1) }

// Quick returns c with short timers, so that failures are detected within seconds. Two links have
// four echoes in 5 s, counting both ends. However they are distributed, two of them are far enough
// apart for a HELLO after 1 s without messages.
func (c Config) Quick() Config {
	for name, peer := range c.Peers {
		peer.Hello = "1s"
		peer.Retransmit = Retransmit{Initial: "200ms", Cap: "800ms", Retries: 5}
		c.Peers[name] = peer
	}
	for name, vpn := range c.VPNs {
		vpn.Echo = Echo{Interval: "5s", Fails: 2}
		c.VPNs[name] = vpn
	}
	return c
}
