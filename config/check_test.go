package config

import (
	"strings"
	"testing"
)

// Values that are well written and yet impossible, by themselves or beside others.
func TestContradictions(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"host name with space", change("hostname: pe1", "hostname: pe 1"),
			`FILE: local.hostname: "pe 1" is no host name; want 1 to 255 printable ASCII characters without spaces`,
		},
		{
			"router ID is IPv6", change("router_id: 192.0.2.1", "router_id: 2001:db8::1"),
			`FILE: local.router_id: "2001:db8::1" is no router ID; want an IPv4 address other than 0.0.0.0`,
		},
		{
			"router ID zero", change("router_id: 192.0.2.1", "router_id: 0.0.0.0"),
			`FILE: local.router_id: "0.0.0.0" is no router ID; want an IPv4 address other than 0.0.0.0`,
		},
		{
			"port zero", local("port: 0"),
			`FILE: local.port: 0 is too little; want 1 or more`,
		},
		{
			"port too big", local("port: 65536"),
			`FILE: local.port: "65536" is not a number up to 65535`,
		},
		{
			"local address is multicast", local("address: 224.0.0.1"),
			`FILE: local.address: "224.0.0.1" is a multicast address; want the address of a host`,
		},
		{
			"peer is link-local", change("address: 192.0.2.2", "address: fe80::1%eth0"),
			`FILE: peers.pe2.address: "fe80::1%eth0" holds on one link alone; want a global or unique local address`,
		},
		{
			"peer is us, over IP", change("  hostname: pe1\n", "  hostname: pe1\n  address: 192.0.2.2\n", "    secret_file: pe2.secret\n", "    secret_file: pe2.secret\n    encapsulation: ip\n"),
			`FILE: peers.pe2.address: "192.0.2.2" is our own address; want the peer's`,
		},
		{
			"two peers at one address, over IP, which has no ports",
			change("    secret_file: pe2.secret\n", "    secret_file: pe2.secret\n    encapsulation: ip\n", "vpns:", "  pe3: {address: 192.0.2.2, port: 1703, encapsulation: ip, authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2 (IP)" is also the address of peer pe2; want another address, port or local_address`,
		},
		{
			"peer by name", change("address: 192.0.2.2", "address: pe2.example"),
			`FILE: peers.pe2.address: "pe2.example" is not an IP address such as 192.0.2.1`,
		},
		{
			"peer unspecified", change("address: 192.0.2.2", "address: \"::\""),
			`FILE: peers.pe2.address: "::" is the unspecified address; want the address of a host`,
		},
		{
			"peer is us", change("  hostname: pe1\n", "  hostname: pe1\n  address: 192.0.2.2\n"),
			`FILE: peers.pe2.address: "192.0.2.2:1702" is our own address and port; want the peer's`,
		},
		{
			"peer of the other family", local("address: 2001:db8::1"),
			`FILE: peers.pe2.address: "192.0.2.2" cannot be reached from local.address "2001:db8::1"; want both IPv4 or both IPv6, or no local.address`,
		},
		{
			"two peers at one address", change("vpns:", "  pe3: {address: 192.0.2.2, authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2:1702" is also the address of peer pe2; want another address, port or local_address`,
		},
		{
			"two peers at one address, as IPv6", change("vpns:", "  pe3: {address: \"::ffff:192.0.2.2\", authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2:1702" is also the address of peer pe2; want another address, port or local_address`,
		},
		{
			"no secret", change("    secret_file: pe2.secret\n", ""),
			`FILE: peers.pe2: has no secret; want secret_file or secret_env, or authentication: none to trust whoever has the peer's address`,
		},
		{
			"two secrets", peer("secret_env: PE2_SECRET"),
			`FILE: peers.pe2.secret_env: contradicts secret_file; want one of them`,
		},
		{
			"secret and none", peer("authentication: none"),
			`FILE: peers.pe2.authentication: "none" contradicts the secret; want one of them`,
		},
		{
			"secret file missing", change("secret_file: pe2.secret", "secret_file: pe3.secret"),
			`FILE: peers.pe2.secret_file: "FOLDER/pe3.secret" cannot be read: no such file or directory; want a file that holds the secret`,
		},
		{
			"secret file is a folder", change("secret_file: pe2.secret", "secret_file: /"),
			`FILE: peers.pe2.secret_file: "/" is no regular file; want a file that holds the secret`,
		},
		{
			"secret variable missing", change("secret_file: pe2.secret", "secret_env: "+strings.ReplaceAll(theSecret, " ", "_")),
			`FILE: peers.pe2.secret_env: names an environment variable that is not set; want one that holds the secret`,
		},
		{
			"secret as name of its variable", change("secret_file: pe2.secret", "secret_env: 12345678"),
			lines(
				`FILE: peers.pe2.secret_env: is a number; want text such as PE2_SECRET, in quotes`,
				`FILE: peers.pe2: has no secret; want secret_file or secret_env, or authentication: none to trust whoever has the peer's address`,
			),
		},
		{
			"unknown digest", peer("digest: sha256"),
			`FILE: peers.pe2.digest: "sha256" is unknown; want sha1 or md5`,
		},
		{
			"unknown role", peer("role: server"),
			`FILE: peers.pe2.role: "server" is unknown; want active, passive or both`,
		},
		{
			"hello too short", peer("hello: 10ms"),
			`FILE: peers.pe2.hello: 10ms is too little; want 1s or more`,
		},
		{
			"hello too long", peer("hello: 2h"),
			`FILE: peers.pe2.hello: 2h is too much; want 1h or less`,
		},
		{
			"cap below initial", peer("retransmit: {initial: 10s}"),
			`FILE: peers.pe2.retransmit.cap: 8s is less than retransmit.initial, 10s; want that or more`,
		},
		{
			"no retries", peer("retransmit: {retries: 0}"),
			`FILE: peers.pe2.retransmit.retries: 0 is too little; want 1 or more`,
		},
		{
			"bad VPN-ID", change("5e:1", "red"),
			`FILE: vpns.red.vpn_id: invalid VPN-ID "red": want OUI:INDEX in hexadecimal, such as 00005e:00000001`,
		},
		{
			"VPN-ID twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 00005e:00000001, vr: {netns: blue}}\n"),
			`FILE: vpns.red.vpn_id: "00005e:00000001" is also the VPN-ID of blue; want one for each VPN`,
		},
		{
			"zero VPN-ID twice", change("5e:1", "0:0", "vpns:\n", "vpns:\n  blue: {vpn_id: 0:0, vr: {netns: blue}}\n"),
			`FILE: vpns.red.vpn_id: "000000:00000000" is also the VPN-ID of blue; want one for each VPN`,
		},
		{
			"no virtual router", change("    vr: {netns: red}\n", ""),
			`FILE: vpns.red.vr: names no virtual router; want netns, or vrf and table`,
		},
		{
			"namespace and VRF", change("{netns: red}", "{netns: red, vrf: red, table: 1001}"),
			`FILE: vpns.red.vr.vrf: contradicts netns; want one of them`,
		},
		{
			"table of a namespace", change("{netns: red}", "{netns: red, table: 1001}"),
			`FILE: vpns.red.vr.table: belongs to a VRF; want vrf in place of netns, or no table`,
		},
		{
			"VRF without a table", change("{netns: red}", "{vrf: red}"),
			`FILE: vpns.red.vr.table: is missing; want the number of the VRF's routing table`,
		},
		{
			"VRF with the host's table", change("{netns: red}", "{vrf: red, table: 254}"),
			`FILE: vpns.red.vr.table: 254 is a table of the host itself; want one for the VRF alone`,
		},
		{
			"VRF's name too long", change("{netns: red}", "{vrf: a-very-long-name, table: 1001}"),
			`FILE: vpns.red.vr.vrf: "a-very-long-name" has 16 octets; want at most 15`,
		},
		{
			"two VRFs with one table", change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: blue, table: 1001}}\n"),
			`FILE: vpns.red.vr.table: 1001 is also the table of VRF blue; want one for each VRF`,
		},
		{
			"one VRF with two tables", change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: red, table: 1002}}\n"),
			`FILE: vpns.red.vr.table: 1001 differs from 1002, which VRF red has in another VPN; want one table`,
		},
		{
			"one interface in two VRFs, which are in one namespace",
			change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: blue, table: 1002}, links: [{peer: pe2, interface: vl-red-pe2}]}\n"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is taken in the daemon's own namespace by vpns.blue.links[0].interface; want another`,
		},
		{
			"interface named like a VRF", change("{netns: red}", "{vrf: red, table: 1001}", "- peer: pe2\n", "- peer: pe2\n        interface: red\n"),
			`FILE: vpns.red.links[0].interface: "red" is taken in the daemon's own namespace by vpns.red.vr.vrf; want another`,
		},
		{
			"VR is a path", change("{netns: red}", "{netns: /run/netns/red}"),
			`FILE: vpns.red.vr.netns: "/run/netns/red" is no name of a network namespace; want 1 to 63 letters, digits, '.', '_' and '-', a letter or digit first`,
		},
		{
			"customer's interface without a name", vpn("interfaces: [{addresses: [10.1.1.1/24]}]"),
			`FILE: vpns.red.interfaces[0].name: is missing; want text such as eth1`,
		},
		{
			"customer's interface with a name that none has", vpn("interfaces: [{name: lo}]"),
			`FILE: vpns.red.interfaces[0].name: "lo" is no name for an interface; want letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"customer's interface with addresses that no host has",
			vpn("interfaces: [{name: eth1, addresses: [10.1.1.1, 10.1.1.0/24, 10.1.1.255/24, 0.0.0.0/0, '2001:db8::/64', 10.1.1.1/24, 10.1.1.1/24]}]"),
			lines(
				`FILE: vpns.red.interfaces[0].addresses[0]: "10.1.1.1" is no address with the length of its prefix, such as 10.1.1.1/24 or 2001:db8:1::1/64`,
				`FILE: vpns.red.interfaces[0].addresses[1]: "10.1.1.0/24" is the subnet itself; want a host of it, such as 10.1.1.1/24`,
				`FILE: vpns.red.interfaces[0].addresses[2]: "10.1.1.255/24" is the subnet's broadcast address; want a host of it, such as 10.1.1.254/24`,
				`FILE: vpns.red.interfaces[0].addresses[3]: "0.0.0.0/0" is the unspecified address; want the address of a host`,
				`FILE: vpns.red.interfaces[0].addresses[4]: "2001:db8::/64" is the subnet itself; want a host of it, such as 2001:db8::1/64`,
				`FILE: vpns.red.interfaces[0].addresses[6]: "10.1.1.1/24" is there twice; want it once`,
			),
		},
		{
			"customer's interface in two VPNs",
			change("vr: {netns: red}", "vr: {netns: red}\n    interfaces: [{name: eth1}]", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: blue}, interfaces: [{name: eth1}]}\n"),
			`FILE: vpns.red.interfaces[0].name: "eth1" is taken in the daemon's own namespace by vpns.blue.interfaces[0].name; want another`,
		},
		{
			"customer's interface named like a link's", vpn("interfaces: [{name: vl-red-pe2}]"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is taken in netns red by vpns.red.interfaces[0].name; want another`,
		},
		{
			"IPsec misspelt", vpn("ipsec: yes please"),
			`FILE: vpns.red.ipsec: "yes please" is unknown; want none or required`,
		},
		{
			"MTU too little for IPv6", vpn("mtu: 1000"),
			`FILE: vpns.red.mtu: 1000 is too little for IPv6; want 1280 or more, or ipv6: false at each link`,
		},
		{
			"MTU too little", vpn("mtu: 100"),
			`FILE: vpns.red.mtu: 100 is too little; want 576 or more`,
		},
		{
			"unknown peer", change("- peer: pe2", "- peer: pe9"),
			`FILE: vpns.red.links[0].peer: "pe9" is no peer; did you mean pe2?`,
		},
		{
			"unknown peer, none near", change("- peer: pe2", "- peer: amsterdam"),
			`FILE: vpns.red.links[0].peer: "amsterdam" is no peer; want one of those under peers: pe2`,
		},
		{
			"two links to one peer", link("interface: red0\n      - peer: pe2"),
			`FILE: vpns.red.links[1].peer: "pe2" has a link in this VPN already, links[0]; want one a peer`,
		},
		{
			"default interface too long", change("  red:", "  customer-red:"),
			`FILE: vpns.customer-red.links[0].interface: is missing, and its default "vl-customer-red-pe2" has 19 octets; want a name of at most 15`,
		},
		{
			"interface too long", link("interface: vl-red-towards-pe2"),
			`FILE: vpns.red.links[0].interface: "vl-red-towards-pe2" has 18 octets; want at most 15`,
		},
		{
			"interface with slash", link("interface: red/pe2"),
			`FILE: vpns.red.links[0].interface: "red/pe2" is no name for an interface; want letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"interface of the kernel", link("interface: lo"),
			`FILE: vpns.red.links[0].interface: "lo" is no name for an interface; want letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"one interface twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: red}, links: [{peer: pe2, interface: vl-red-pe2}]}\n"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is taken in netns red by vpns.blue.links[0].interface; want another`,
		},
		{
			"one route twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: red}, links: [{peer: pe2, routes: [10.0.0.0/8]}]}\n", "- peer: pe2\n", "- peer: pe2\n        routes: [10.0.0.0/8]\n"),
			`FILE: vpns.red.links[0].routes[0]: "10.0.0.0/8" is taken in netns red by vpns.blue.links[0].routes[0]; want another`,
		},
		{
			"link address nonsense", link("address: lern"),
			`FILE: vpns.red.links[0].address: "lern" is neither learn nor an IPv4 address such as 10.255.0.0/31`,
		},
		{
			"link address is IPv6", link("address: 2001:db8::1/64"),
			`FILE: vpns.red.links[0].address: "2001:db8::1/64" is not IPv4; the IPv6 addresses of a link come from IPV6CP`,
		},
		{
			"link address is the subnet", link("address: 10.255.0.0/30"),
			`FILE: vpns.red.links[0].address: "10.255.0.0/30" is the subnet itself; want a host of it, such as 10.255.0.1/30`,
		},
		{
			"link address is the broadcast address", link("address: 10.255.0.3/30"),
			`FILE: vpns.red.links[0].address: "10.255.0.3/30" is the subnet's broadcast address; want a host of it, such as 10.255.0.2/30`,
		},
		{
			"link address is multicast", link("address: 224.0.0.5"),
			`FILE: vpns.red.links[0].address: "224.0.0.5" is a multicast address; want the address of a host, such as 10.255.0.0/31`,
		},
		{
			"link address unspecified", link("address: 0.0.0.0"),
			`FILE: vpns.red.links[0].address: "0.0.0.0" is the unspecified address; want the address of a host, such as 10.255.0.0/31`,
		},
		{
			"peer has our address", link("address: 10.255.0.0/31\n        peer_address: 10.255.0.0"),
			`FILE: vpns.red.links[0].peer_address: "10.255.0.0" is our own address of this link; want the peer's`,
		},
		{
			"peer address is IPv6", link("peer_address: fe80::1"),
			`FILE: vpns.red.links[0].peer_address: "fe80::1" is not IPv4; the IPv6 addresses of a link come from IPV6CP`,
		},
		{
			"address without IPv4", link("address: learn\n        peer_address: 10.255.0.1\n        ipv4: false"),
			lines(
				`FILE: vpns.red.links[0].address: needs IPv4, and ipv4 is false; want ipv4: true or no address`,
				`FILE: vpns.red.links[0].peer_address: needs IPv4, and ipv4 is false; want ipv4: true or no peer_address`,
			),
		},
		{
			"nothing to carry", link("ipv4: false\n        ipv6: false"),
			`FILE: vpns.red.links[0].ipv6: is false, and ipv4 too: the link would carry nothing; want one of them true`,
		},
		{
			"route with host bits", link("routes: [10.1.2.3/24]"),
			`FILE: vpns.red.links[0].routes[0]: "10.1.2.3/24" has bits beyond its length; want "10.1.2.0/24"`,
		},
		{
			"route is an address", link("routes: [10.1.2.3]"),
			`FILE: vpns.red.links[0].routes[0]: "10.1.2.3" is not a prefix such as 10.1.2.0/24`,
		},
		{
			"route of a protocol that is off", link("routes: [10.0.0.0/8, 2001:db8::/32]\n        ipv6: false"),
			`FILE: vpns.red.links[0].routes[1]: "2001:db8::/32" is of a protocol that the link does not carry; want ipv4 and ipv6 to allow it`,
		},
		{
			"data plane", minimalYAML + "dataplane: ebpf\n",
			`FILE: dataplane: "ebpf" is unknown; want auto, kernel or userspace`,
		},
		{
			"socket", minimalYAML + "api: {socket: l2tpvl.sock}\n",
			`FILE: api.socket: "l2tpvl.sock" is no path for a socket; want an absolute path of at most 107 octets`,
		},
		{
			"log level", minimalYAML + "log: {level: verbose}\n",
			`FILE: log.level: "verbose" is unknown; want debug, info, warn or error`,
		},
		{
			"several at once", change("192.0.2.1", "pe1", "5e:1", "5e", "- peer: pe2", "- peer: pe3"),
			lines(
				`FILE: local.router_id: "pe1" is not an IP address such as 192.0.2.1`,
				`FILE: vpns.red.vpn_id: invalid VPN-ID "5e": want OUI:INDEX in hexadecimal, such as 00005e:00000001`,
				`FILE: vpns.red.links[0].peer: "pe3" is no peer; did you mean pe2?`,
			),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), tt.want)
		})
	}
}
