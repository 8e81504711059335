package config

import (
	"strings"
	"testing"
)

// Load rejects values that are well-formed but impossible or in conflict with others.
func TestConflicts(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"host name with space", change("hostname: pe1", "hostname: pe 1"),
			`FILE: local.hostname: invalid host name "pe 1"; expected 1 to 255 printable ASCII characters without spaces`,
		},
		{
			"router ID is IPv6", change("router_id: 192.0.2.1", "router_id: 2001:db8::1"),
			`FILE: local.router_id: invalid router ID "2001:db8::1"; expected an IPv4 address other than 0.0.0.0`,
		},
		{
			"router ID zero", change("router_id: 192.0.2.1", "router_id: 0.0.0.0"),
			`FILE: local.router_id: invalid router ID "0.0.0.0"; expected an IPv4 address other than 0.0.0.0`,
		},
		{
			"port zero", local("port: 0"),
			`FILE: local.port: 0 is below the minimum; expected at least 1`,
		},
		{
			"port too big", local("port: 65536"),
			`FILE: local.port: "65536" is not a number up to 65535`,
		},
		{
			"local address is multicast", local("address: 224.0.0.1"),
			`FILE: local.address: "224.0.0.1" is a multicast address; expected the address of a host`,
		},
		{
			"peer is link-local", change("address: 192.0.2.2", "address: fe80::1%eth0"),
			`FILE: peers.pe2.address: "fe80::1%eth0" is valid on a single link only; expected a global or unique local address without a zone`,
		},
		{
			"peer has the local address, over IP", change("  hostname: pe1\n", "  hostname: pe1\n  address: 192.0.2.2\n", "    secret_file: pe2.secret\n", "    secret_file: pe2.secret\n    encapsulation: ip\n"),
			`FILE: peers.pe2.address: "192.0.2.2" is the local address; expected the peer's`,
		},
		{
			"two peers at one address, over IP (without ports)",
			change("    secret_file: pe2.secret\n", "    secret_file: pe2.secret\n    encapsulation: ip\n", "vpns:", "  pe3: {address: 192.0.2.2, port: 1703, encapsulation: ip, authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2 (IP)" is also the address of peer pe2; use another address, port or local_address`,
		},
		{
			"peer address is a host name", change("address: 192.0.2.2", "address: pe2.example"),
			`FILE: peers.pe2.address: "pe2.example" is not an IP address such as 192.0.2.1`,
		},
		{
			"peer unspecified", change("address: 192.0.2.2", "address: \"::\""),
			`FILE: peers.pe2.address: "::" is the unspecified address; expected the address of a host`,
		},
		{
			"peer has the local address and port", change("  hostname: pe1\n", "  hostname: pe1\n  address: 192.0.2.2\n"),
			`FILE: peers.pe2.address: "192.0.2.2:1702" is the local address and port; expected the peer's`,
		},
		{
			"peer of the other family", local("address: 2001:db8::1"),
			`FILE: peers.pe2.address: "192.0.2.2" cannot be reached from local.address "2001:db8::1"; use addresses of one IP version, or remove local.address`,
		},
		{
			"two peers at one address", change("vpns:", "  pe3: {address: 192.0.2.2, authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2:1702" is also the address of peer pe2; use another address, port or local_address`,
		},
		{
			"two peers at one address, one IPv4-mapped", change("vpns:", "  pe3: {address: \"::ffff:192.0.2.2\", authentication: none}\nvpns:"),
			`FILE: peers.pe3.address: "192.0.2.2:1702" is also the address of peer pe2; use another address, port or local_address`,
		},
		{
			"no secret", change("    secret_file: pe2.secret\n", ""),
			`FILE: peers.pe2: no secret; set secret_file or secret_env, or authentication: none to trust any sender with the peer's address`,
		},
		{
			"two secrets", peer("secret_env: PE2_SECRET"),
			`FILE: peers.pe2.secret_env: conflicts with secret_file; use only one of them`,
		},
		{
			"secret and none", peer("authentication: none"),
			`FILE: peers.pe2.authentication: "none" conflicts with the configured secret; use only one of them`,
		},
		{
			"secret file missing", change("secret_file: pe2.secret", "secret_file: pe3.secret"),
			`FILE: peers.pe2.secret_file: "FOLDER/pe3.secret" cannot be read: no such file or directory; expected a file with the secret`,
		},
		{
			"secret file is a folder", change("secret_file: pe2.secret", "secret_file: /"),
			`FILE: peers.pe2.secret_file: "/" is not a regular file; expected a file with the secret`,
		},
		{
			"secret variable missing", change("secret_file: pe2.secret", "secret_env: "+strings.ReplaceAll(theSecret, " ", "_")),
			`FILE: peers.pe2.secret_env: the environment variable is not set; expected one with the secret`,
		},
		{
			"secret in place of a variable's name", change("secret_file: pe2.secret", "secret_env: 12345678"),
			lines(
				`FILE: peers.pe2.secret_env: expected text such as PE2_SECRET, in quotes; got a number`,
				`FILE: peers.pe2: no secret; set secret_file or secret_env, or authentication: none to trust any sender with the peer's address`,
			),
		},
		{
			"unknown digest", peer("digest: sha256"),
			`FILE: peers.pe2.digest: unknown value "sha256"; expected sha1 or md5`,
		},
		{
			"unknown role", peer("role: server"),
			`FILE: peers.pe2.role: unknown value "server"; expected active, passive or both`,
		},
		{
			"hello too short", peer("hello: 10ms"),
			`FILE: peers.pe2.hello: 10ms is below the minimum; expected at least 1s`,
		},
		{
			"hello too long", peer("hello: 2h"),
			`FILE: peers.pe2.hello: 2h is above the maximum; expected at most 1h`,
		},
		{
			"cap below initial", peer("retransmit: {initial: 10s}"),
			`FILE: peers.pe2.retransmit.cap: 8s is less than retransmit.initial; expected at least 10s`,
		},
		{
			"no retries", peer("retransmit: {retries: 0}"),
			`FILE: peers.pe2.retransmit.retries: 0 is below the minimum; expected at least 1`,
		},
		{
			"bad VPN-ID", change("5e:1", "red"),
			`FILE: vpns.red.vpn_id: invalid VPN-ID "red"; expected OUI:INDEX in hexadecimal, such as 00005e:00000001`,
		},
		{
			"VPN-ID twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 00005e:00000001, vr: {netns: blue}}\n"),
			`FILE: vpns.red.vpn_id: "00005e:00000001" is also the VPN-ID of blue; each VPN needs its own`,
		},
		{
			"zero VPN-ID twice", change("5e:1", "0:0", "vpns:\n", "vpns:\n  blue: {vpn_id: 0:0, vr: {netns: blue}}\n"),
			`FILE: vpns.red.vpn_id: "000000:00000000" is also the VPN-ID of blue; each VPN needs its own`,
		},
		{
			"no virtual router", change("    vr: {netns: red}\n", ""),
			`FILE: vpns.red.vr: no virtual router; set netns, or vrf and table`,
		},
		{
			"namespace and VRF", change("{netns: red}", "{netns: red, vrf: red, table: 1001}"),
			`FILE: vpns.red.vr.vrf: conflicts with netns; use only one of them`,
		},
		{
			"table of a namespace", change("{netns: red}", "{netns: red, table: 1001}"),
			`FILE: vpns.red.vr.table: only valid with vrf; use vrf instead of netns, or remove table`,
		},
		{
			"VRF without a table", change("{netns: red}", "{vrf: red}"),
			`FILE: vpns.red.vr.table: missing; expected the number of the VRF's routing table`,
		},
		{
			"VRF with the host's table", change("{netns: red}", "{vrf: red, table: 254}"),
			`FILE: vpns.red.vr.table: 254 is a reserved table of the host; use one for the VRF alone`,
		},
		{
			"VRF's name too long", change("{netns: red}", "{vrf: a-very-long-name, table: 1001}"),
			`FILE: vpns.red.vr.vrf: "a-very-long-name" has 16 octets; expected at most 15`,
		},
		{
			"two VRFs with one table", change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: blue, table: 1001}}\n"),
			`FILE: vpns.red.vr.table: 1001 is also the table of VRF blue; each VRF needs its own`,
		},
		{
			"one VRF with two tables", change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: red, table: 1002}}\n"),
			`FILE: vpns.red.vr.table: 1001 differs from 1002, the table of VRF red in another VPN; use the same table`,
		},
		{
			"one interface in two VRFs of one namespace",
			change("{netns: red}", "{vrf: red, table: 1001}", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {vrf: blue, table: 1002}, links: [{peer: pe2, interface: vl-red-pe2}]}\n"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is already used in the daemon's own namespace by vpns.blue.links[0].interface; use another`,
		},
		{
			"interface named like a VRF", change("{netns: red}", "{vrf: red, table: 1001}", "- peer: pe2\n", "- peer: pe2\n        interface: red\n"),
			`FILE: vpns.red.links[0].interface: "red" is already used in the daemon's own namespace by vpns.red.vr.vrf; use another`,
		},
		{
			"VR is a path", change("{netns: red}", "{netns: /run/netns/red}"),
			`FILE: vpns.red.vr.netns: invalid network namespace "/run/netns/red"; expected 1 to 63 letters, digits, '.', '_' and '-', a letter or digit first`,
		},
		{
			"customer interface without a name", vpn("interfaces: [{addresses: [10.1.1.1/24]}]"),
			`FILE: vpns.red.interfaces[0].name: missing; expected text such as eth1`,
		},
		{
			"customer interface with a reserved name", vpn("interfaces: [{name: lo}]"),
			`FILE: vpns.red.interfaces[0].name: invalid interface name "lo"; expected letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"customer interface with invalid addresses",
			vpn("interfaces: [{name: eth1, addresses: [10.1.1.1, 10.1.1.0/24, 10.1.1.255/24, 0.0.0.0/0, '2001:db8::/64', 10.1.1.1/24, 10.1.1.1/24]}]"),
			lines(
				`FILE: vpns.red.interfaces[0].addresses[0]: "10.1.1.1" is not an address with a prefix length; expected one such as 10.1.1.1/24 or 2001:db8:1::1/64`,
				`FILE: vpns.red.interfaces[0].addresses[1]: "10.1.1.0/24" is the network address; expected a host address such as 10.1.1.1/24`,
				`FILE: vpns.red.interfaces[0].addresses[2]: "10.1.1.255/24" is the broadcast address; expected a host address such as 10.1.1.254/24`,
				`FILE: vpns.red.interfaces[0].addresses[3]: "0.0.0.0/0" is the unspecified address; expected the address of a host`,
				`FILE: vpns.red.interfaces[0].addresses[4]: "2001:db8::/64" is the subnet-router anycast address; expected a host address such as 2001:db8::1/64`,
				`FILE: vpns.red.interfaces[0].addresses[6]: duplicate address "10.1.1.1/24"; expected it once`,
			),
		},
		{
			"customer interface in two VPNs",
			change("vr: {netns: red}", "vr: {netns: red}\n    interfaces: [{name: eth1}]", "vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: blue}, interfaces: [{name: eth1}]}\n"),
			`FILE: vpns.red.interfaces[0].name: "eth1" is already used in the daemon's own namespace by vpns.blue.interfaces[0].name; use another`,
		},
		{
			"customer interface with the name of a link's interface", vpn("interfaces: [{name: vl-red-pe2}]"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is already used in netns red by vpns.red.interfaces[0].name; use another`,
		},
		{
			"IPsec misspelt", vpn("ipsec: yes please"),
			`FILE: vpns.red.ipsec: unknown value "yes please"; expected none or required`,
		},
		{
			"MTU too small for IPv6", vpn("mtu: 1000"),
			`FILE: vpns.red.mtu: 1000 is too small for IPv6; expected at least 1280, or ipv6: false at each link`,
		},
		{
			"MTU too small", vpn("mtu: 100"),
			`FILE: vpns.red.mtu: 100 is below the minimum; expected at least 576`,
		},
		{
			"unknown peer", change("- peer: pe2", "- peer: pe9"),
			`FILE: vpns.red.links[0].peer: unknown peer "pe9"; did you mean pe2?`,
		},
		{
			"unknown peer without a similar name", change("- peer: pe2", "- peer: amsterdam"),
			`FILE: vpns.red.links[0].peer: unknown peer "amsterdam"; expected one of those under peers: pe2`,
		},
		{
			"two links to one peer", link("interface: red0\n      - peer: pe2"),
			`FILE: vpns.red.links[1].peer: "pe2" already has a link in this VPN, links[0]; expected one link for each peer`,
		},
		{
			"default interface too long", change("  red:", "  customer-red:"),
			`FILE: vpns.customer-red.links[0].interface: missing, and the default "vl-customer-red-pe2" has 19 octets; expected a name of at most 15`,
		},
		{
			"interface too long", link("interface: vl-red-towards-pe2"),
			`FILE: vpns.red.links[0].interface: "vl-red-towards-pe2" has 18 octets; expected at most 15`,
		},
		{
			"interface with slash", link("interface: red/pe2"),
			`FILE: vpns.red.links[0].interface: invalid interface name "red/pe2"; expected letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"interface of the kernel", link("interface: lo"),
			`FILE: vpns.red.links[0].interface: invalid interface name "lo"; expected letters, digits, '.', '_' and '-', and none of . .. lo all default`,
		},
		{
			"one interface twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: red}, links: [{peer: pe2, interface: vl-red-pe2}]}\n"),
			`FILE: vpns.red.links[0].interface: "vl-red-pe2" is already used in netns red by vpns.blue.links[0].interface; use another`,
		},
		{
			"one route twice", change("vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: red}, links: [{peer: pe2, routes: [10.0.0.0/8]}]}\n", "- peer: pe2\n", "- peer: pe2\n        routes: [10.0.0.0/8]\n"),
			`FILE: vpns.red.links[0].routes[0]: "10.0.0.0/8" is already used in netns red by vpns.blue.links[0].routes[0]; use another`,
		},
		{
			"link address malformed", link("address: lern"),
			`FILE: vpns.red.links[0].address: invalid address "lern"; expected learn or an IPv4 address such as 10.255.0.0/31`,
		},
		{
			"link address is IPv6", link("address: 2001:db8::1/64"),
			`FILE: vpns.red.links[0].address: "2001:db8::1/64" is not an IPv4 address; use address6 for IPv6`,
		},
		{
			"link address is the subnet", link("address: 10.255.0.0/30"),
			`FILE: vpns.red.links[0].address: "10.255.0.0/30" is the network address; expected a host address such as 10.255.0.1/30`,
		},
		{
			"link address is the broadcast address", link("address: 10.255.0.3/30"),
			`FILE: vpns.red.links[0].address: "10.255.0.3/30" is the broadcast address; expected a host address such as 10.255.0.2/30`,
		},
		{
			"link address is multicast", link("address: 224.0.0.5"),
			`FILE: vpns.red.links[0].address: "224.0.0.5" is a multicast address; expected the address of a host, such as 10.255.0.0/31`,
		},
		{
			"link address unspecified", link("address: 0.0.0.0"),
			`FILE: vpns.red.links[0].address: "0.0.0.0" is the unspecified address; expected the address of a host, such as 10.255.0.0/31`,
		},
		{
			"peer_address is the local address", link("address: 10.255.0.0/31\n        peer_address: 10.255.0.0"),
			`FILE: vpns.red.links[0].peer_address: "10.255.0.0" is the local address of this link; expected the peer's`,
		},
		{
			"peer address is IPv6", link("peer_address: fe80::1"),
			`FILE: vpns.red.links[0].peer_address: "fe80::1" is not an IPv4 address; IPV6CP negotiates the peer's IPv6 address`,
		},
		{
			"address without IPv4", link("address: learn\n        peer_address: 10.255.0.1\n        ipv4: false"),
			lines(
				`FILE: vpns.red.links[0].address: requires IPv4, but ipv4 is false; set ipv4: true or remove address`,
				`FILE: vpns.red.links[0].peer_address: requires IPv4, but ipv4 is false; set ipv4: true or remove peer_address`,
			),
		},
		{
			"neither IPv4 nor IPv6", link("ipv4: false\n        ipv6: false"),
			`FILE: vpns.red.links[0].ipv6: ipv4 and ipv6 are both false, so the link would carry nothing; set one of them to true`,
		},
		{
			"route with host bits", link("routes: [10.1.2.3/24]"),
			`FILE: vpns.red.links[0].routes[0]: "10.1.2.3/24" has bits set beyond its prefix length; expected "10.1.2.0/24"`,
		},
		{
			"route is an address", link("routes: [10.1.2.3]"),
			`FILE: vpns.red.links[0].routes[0]: "10.1.2.3" is not a prefix such as 10.1.2.0/24`,
		},
		{
			"route of a disabled protocol", link("routes: [10.0.0.0/8, 2001:db8::/32]\n        ipv6: false"),
			`FILE: vpns.red.links[0].routes[1]: "2001:db8::/32" is of a protocol that the link does not carry; enable it with ipv4: true or ipv6: true`,
		},
		{
			"data plane", minimalYAML + "dataplane: ebpf\n",
			`FILE: dataplane: unknown value "ebpf"; expected auto, kernel or userspace`,
		},
		{
			"socket", minimalYAML + "api: {socket: l2tpvl.sock}\n",
			`FILE: api.socket: invalid socket path "l2tpvl.sock"; expected an absolute path of at most 107 octets`,
		},
		{
			"log level", minimalYAML + "log: {level: verbose}\n",
			`FILE: log.level: unknown value "verbose"; expected debug, info, warn or error`,
		},
		{
			"several at once", change("192.0.2.1", "pe1", "5e:1", "5e", "- peer: pe2", "- peer: pe3"),
			lines(
				`FILE: local.router_id: "pe1" is not an IP address such as 192.0.2.1`,
				`FILE: vpns.red.vpn_id: invalid VPN-ID "5e"; expected OUI:INDEX in hexadecimal, such as 00005e:00000001`,
				`FILE: vpns.red.links[0].peer: unknown peer "pe3"; did you mean pe2?`,
			),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), tt.want)
		})
	}
}
