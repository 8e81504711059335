package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

const theSecret = "correct horse battery staple"

// inFolder writes a file into a new folder with the secrets pe2.secret and pe2.psk, and returns its
// path.
func inFolder(t testing.TB, name, text string) string {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "pe2.secret"), theSecret+"\n", 0o600)
	write(t, filepath.Join(folder, "pe2.psk"), "the pre-shared key\n", 0o600)
	path := filepath.Join(folder, name)
	write(t, path, text, 0o644)
	return path
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // independent of the umask
		t.Fatal(err)
	}
}

const minimalYAML = `
local:
  hostname: pe1
  router_id: 192.0.2.1
peers:
  pe2:
    address: 192.0.2.2
    secret_file: pe2.secret
vpns:
  red:
    vpn_id: 5e:1
    vr: {netns: red}
    links:
      - peer: pe2
`

// minimal returns the expected result of Load for minimalYAML: all defaults.
func minimal() *Config {
	return &Config{
		Local: Local{HostName: "pe1", RouterID: netip.MustParseAddr("192.0.2.1"), Port: 1702, PortProtected: 1701, VICISocket: "/run/charon.vici"},
		Peers: []Peer{{
			Name:           "pe2",
			Address:        netip.MustParseAddr("192.0.2.2"),
			Encapsulation:  EncapsulationUDP,
			Port:           1702,
			PortProtected:  1701,
			Authentication: AuthenticationSecret,
			SecretFile:     "pe2.secret",
			Secret:         Secret(theSecret),
			Digest:         DigestSHA1,
			Role:           RoleBoth,
			Hello:          60 * time.Second, // RFC 3931, section 4.4
			// RFC 3931, section 4.2
			Retransmit: Retransmit{Initial: time.Second, Cap: 8 * time.Second, Retries: 10},
			IKE:        defaultIKE(),
			Signalling: SignallingL2TP,
		}},
		VPNs: []VPN{{
			Name:  "red",
			VPNID: endid.New(0x5e, 1),
			VR:    VR{NetNS: "red"},
			IPsec: IPsecNone, Sequencing: SequencingNone,
			Echo:  Echo{Interval: 5 * time.Second, Fails: 3},
			Auth:  PPPAuth{Require: RequireNone},
			Links: []Link{{Peer: "pe2", IPsec: IPsecNone, Interface: "vl-red-pe2", IPv4: true, IPv6: true, Auth: PPPAuth{Require: RequireNone}}},
		}},
		DataPlane: DataPlaneAuto,
		API:       API{Socket: "/run/l2tpvl/l2tpvl.sock"},
		Log:       Log{Format: LogConsole, Level: LogInfo},
	}
}

func defaultIKE() IKE {
	return IKE{
		Start:        StartAuto,
		IKEProposals: []string{"aes256gcm16-prfsha256-ecp256-x25519"}, ESPProposals: []string{"aes256gcm16-ecp256-x25519"},
		IKERekey: 4 * time.Hour, ChildRekey: time.Hour, RekeyOctets: 100e9, DPD: 30 * time.Second, ReplayWindow: 1024,
	}
}

func TestDefaults(t *testing.T) {
	got, err := Load(inFolder(t, "l2tpvl.yaml", minimalYAML))
	if err != nil {
		t.Fatal(err)
	}
	if want := minimal(); !reflect.DeepEqual(got, want) {
		t.Errorf("Load:\n got %+v\nwant %+v", got, want)
	}
	if got, want := got.Peers[0].AddrPort(), netip.MustParseAddrPort("192.0.2.2:1702"); got != want {
		t.Errorf("AddrPort = %v, want %v", got, want)
	}
}

// Names keep their case and may contain dots; peers and VPNs are sorted by name.
func TestNames(t *testing.T) {
	path := inFolder(t, "l2tpvl.yaml", `
local: {hostname: PE1, router_id: 192.0.2.1}
peers:
  pe3.example: {address: 192.0.2.3, authentication: none}
  PE2: {address: 192.0.2.2, authentication: none}
vpns:
  red.eu:
    vpn_id: 5e:1
    vr: {netns: red}
    links: [{peer: pe3.example, interface: red0}, {peer: PE2, routes: [10.1.2.5/24]}]
  Blue: {vpn_id: 5e:2, vr: {netns: blue}}
`)
	_, err := Load(path)
	want := path + `: vpns."red.eu".links[1].routes[0]: "10.1.2.5/24" has bits set beyond its prefix length; expected "10.1.2.0/24"`
	if err == nil || err.Error() != want {
		t.Errorf("Load:\n got %v\nwant %s", err, want)
	}

	text, _ := os.ReadFile(path)
	write(t, path, strings.ReplaceAll(string(text), "10.1.2.5/24", "10.1.2.0/24"), 0o644)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Peers[0].Name, " ", c.Peers[1].Name, " ", c.VPNs[0].Name, " ", c.VPNs[1].Name, " ", c.VPNs[1].Links[1].Interface)
	if want := "PE2 pe3.example Blue red.eu vl-red.eu-PE2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// full sets keys to values other than their defaults, in each format.
var full = map[string]string{
	"yaml": `
local: {hostname: pe1, router_id: 192.0.2.1, address: "2001:db8::1", port: 1703}
peers:
  pe2:
    address: 2001:db8::2
    port: 1704
    secret_file: pe2.secret
    digest: md5
    role: passive
    hello: 10s
    retransmit: {initial: 500ms, cap: 16s, retries: 5}
  pe3: {address: 2001:db8::3, encapsulation: ip, authentication: none}
vpns:
  red:
    vpn_id: 00005e:00000001
    vr: {vrf: customer-red, table: 1001}
    ipsec: none
    mtu: 1400
    sequencing: all
    echo: {interval: 0s, fails: 5, adaptive: true}
    ppp_auth:
      require: chap
      allow: [pap, chap]
      name: us
      secret_file: pe2.secret
      peer_name: them
      peer_secret_file: pe2.secret
      rechallenge: 1m
    links:
      - peer: pe2
        address: 10.255.0.0/31
        peer_address: 10.255.0.1
        interface: red2
        routes: [10.1.2.0/24, 10.1.3.0/24]
        ipv6: false
      - peer: pe3
        address: learn
        address6: ["2001:db8::1/64", "fd00::1"]
        ppp_auth: {require: pap, peer_name: pe3, rechallenge: 0s}
dataplane: userspace
api: {socket: /tmp/l2tpvl.sock}
log: {format: json, level: debug}
`,
	"toml": `
dataplane = "userspace"
api.socket = "/tmp/l2tpvl.sock"
log = {format = "json", level = "debug"}

[local]
hostname = "pe1"
router_id = "192.0.2.1"
address = "2001:db8::1"
port = 1703

[peers.pe2]
address = "2001:db8::2"
port = 1704
secret_file = "pe2.secret"
digest = "md5"
role = "passive"
hello = "10s"
retransmit = {initial = "500ms", cap = "16s", retries = 5}

[peers.pe3]
address = "2001:db8::3"
encapsulation = "ip"
authentication = "none"

[vpns.red]
vpn_id = "00005e:00000001"
vr = {vrf = "customer-red", table = 1001}
ipsec = "none"
mtu = 1400
sequencing = "all"
echo = {interval = "0s", fails = 5, adaptive = true}
ppp_auth = {require = "chap", allow = ["pap", "chap"], name = "us", secret_file = "pe2.secret", peer_name = "them", peer_secret_file = "pe2.secret", rechallenge = "1m"}

[[vpns.red.links]]
peer = "pe2"
address = "10.255.0.0/31"
peer_address = "10.255.0.1"
interface = "red2"
routes = ["10.1.2.0/24", "10.1.3.0/24"]
ipv6 = false

[[vpns.red.links]]
peer = "pe3"
address = "learn"
address6 = ["2001:db8::1/64", "fd00::1"]
ppp_auth = {require = "pap", peer_name = "pe3", rechallenge = "0s"}
`,
	"json": `{
	"local": {"hostname": "pe1", "router_id": "192.0.2.1", "address": "2001:db8::1", "port": 1703},
	"peers": {
		"pe2": {
			"address": "2001:db8::2", "port": 1704, "secret_file": "pe2.secret", "digest": "md5", "role": "passive",
			"hello": "10s", "retransmit": {"initial": "500ms", "cap": "16s", "retries": 5}
		},
		"pe3": {"address": "2001:db8::3", "encapsulation": "ip", "authentication": "none"}
	},
	"vpns": {
		"red": {
			"vpn_id": "00005e:00000001", "vr": {"vrf": "customer-red", "table": 1001}, "ipsec": "none", "mtu": 1400, "sequencing": "all",
			"echo": {"interval": "0s", "fails": 5, "adaptive": true},
			"ppp_auth": {
				"require": "chap", "allow": ["pap", "chap"], "name": "us", "secret_file": "pe2.secret",
				"peer_name": "them", "peer_secret_file": "pe2.secret", "rechallenge": "1m"
			},
			"links": [
				{
					"peer": "pe2", "address": "10.255.0.0/31", "peer_address": "10.255.0.1", "interface": "red2",
					"routes": ["10.1.2.0/24", "10.1.3.0/24"], "ipv6": false
				},
				{
					"peer": "pe3", "address": "learn", "address6": ["2001:db8::1/64", "fd00::1"],
					"ppp_auth": {"require": "pap", "peer_name": "pe3", "rechallenge": "0s"}
				}
			]
		}
	},
	"dataplane": "userspace",
	"api": {"socket": "/tmp/l2tpvl.sock"},
	"log": {"format": "json", "level": "debug"}
}`,
}

func TestFormatsAreEquivalent(t *testing.T) {
	want := &Config{
		Local: Local{
			HostName: "pe1", RouterID: netip.MustParseAddr("192.0.2.1"),
			Address: netip.MustParseAddr("2001:db8::1"), Port: 1703, PortProtected: 1701, VICISocket: "/run/charon.vici",
		},
		Peers: []Peer{
			{
				Name: "pe2", Address: netip.MustParseAddr("2001:db8::2"), Encapsulation: EncapsulationUDP, Port: 1704, PortProtected: 1701,
				Authentication: AuthenticationSecret, SecretFile: "pe2.secret", Secret: Secret(theSecret),
				Digest: DigestMD5, Role: RolePassive, Hello: 10 * time.Second,
				Retransmit: Retransmit{Initial: 500 * time.Millisecond, Cap: 16 * time.Second, Retries: 5},
				IKE:        defaultIKE(),
				Signalling: SignallingL2TP,
			},
			{
				Name: "pe3", Address: netip.MustParseAddr("2001:db8::3"), Encapsulation: EncapsulationIP, Port: 1702, PortProtected: 1701,
				Authentication: AuthenticationNone,
				Digest:         DigestSHA1, Role: RoleBoth, Hello: 60 * time.Second,
				Retransmit: Retransmit{Initial: time.Second, Cap: 8 * time.Second, Retries: 10},
				IKE:        defaultIKE(),
				Signalling: SignallingL2TP,
			},
		},
		VPNs: []VPN{{
			Name: "red", VPNID: endid.New(0x5e, 1), VR: VR{VRF: "customer-red", Table: 1001}, IPsec: IPsecNone, MTU: 1400, Sequencing: SequencingAll,
			Echo: Echo{Interval: 0, Fails: 5, Adaptive: true},
			Auth: PPPAuth{
				Require: RequireCHAP, Allow: []PPPAuthMethod{AllowPAP, AllowCHAP}, Name: "us", SecretFile: "pe2.secret",
				PeerName: "them", PeerSecretFile: "pe2.secret", Rechallenge: time.Minute,
			},
			Links: []Link{
				{
					Peer: "pe2", Address: LinkAddress{Prefix: netip.MustParsePrefix("10.255.0.0/31")},
					PeerAddress: netip.MustParseAddr("10.255.0.1"), IPsec: IPsecNone, Interface: "red2",
					Routes: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("10.1.3.0/24")},
					IPv4:   true,
					Auth: PPPAuth{
						Require: RequireCHAP, Allow: []PPPAuthMethod{AllowPAP, AllowCHAP}, Name: "us",
						SecretFile: "pe2.secret", Secret: Secret(theSecret),
						PeerName: "them", PeerSecretFile: "pe2.secret", PeerSecret: Secret(theSecret), Rechallenge: time.Minute,
					},
				},
				{
					Peer: "pe3", Address: LinkAddress{Learn: true}, IPsec: IPsecNone, Interface: "vl-red-pe3", IPv4: true, IPv6: true,
					Address6: []LinkAddress6{{netip.MustParsePrefix("2001:db8::1/64")}, {netip.MustParsePrefix("fd00::1/128")}},
					Auth: PPPAuth{
						Require: RequirePAP, Allow: []PPPAuthMethod{AllowPAP, AllowCHAP}, Name: "us",
						SecretFile: "pe2.secret", Secret: Secret(theSecret),
						PeerName: "pe3", PeerSecretFile: "pe2.secret", PeerSecret: Secret(theSecret),
					},
				},
			},
		}},
		DataPlane: DataPlaneUserspace,
		API:       API{Socket: "/tmp/l2tpvl.sock"},
		Log:       Log{Format: LogJSON, Level: LogDebug},
	}
	for format, text := range full {
		got, err := Load(inFolder(t, "l2tpvl."+format, text))
		if err != nil {
			t.Errorf("%s: %v", format, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", format, got, want)
		}
	}
}

// Each file directly in configs/ is a configuration of l2tpvld and loads without change, except
// that the secrets are in another folder here.
func TestShippedFilesLoad(t *testing.T) {
	t.Setenv("L2TPVL_SECRET_PE3", theSecret)
	t.Setenv("L2TPVL_SECRET_PE3_NEXT", "another secret")
	t.Setenv("L2TPVL_SECRET_PE5", theSecret)
	t.Setenv("L2TPVL_PSK_PE5", "a pre-shared key")
	count := 0
	for extension := range formats {
		paths, err := filepath.Glob("../configs/*" + extension)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			count++
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(path)
			file := inFolder(t, name, strings.ReplaceAll(string(text), "/etc/l2tpvl/", ""))
			write(t, filepath.Join(filepath.Dir(file), "pe2.next"), "another secret", 0o600)
			writeCertificates(t, filepath.Dir(file))
			if _, err := Load(file); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if count < 2 {
		t.Errorf("found %d files in configs, want at least l2tpvl.yaml and minimal.yaml", count)
	}
}
