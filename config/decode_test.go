package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// change returns minimalYAML with some of its text replaced: old, new, old, new...
func change(oldnew ...string) string {
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(minimalYAML, oldnew[i]) {
			panic("not in minimalYAML: " + oldnew[i])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(minimalYAML)
}

// local, peer, vpn and link return minimalYAML with one more line in that table.
func local(line string) string { return change("  hostname: pe1\n", "  hostname: pe1\n  "+line+"\n") }

func peer(line string) string {
	return change("    address: 192.0.2.2\n", "    address: 192.0.2.2\n    "+line+"\n")
}

func vpn(line string) string {
	return change("    vr: {netns: red}\n", "    vr: {netns: red}\n    "+line+"\n")
}

func link(line string) string {
	return change("      - peer: pe2\n", "      - peer: pe2\n        "+line+"\n")
}

func lines(l ...string) string { return strings.Join(l, "\n") }

// Load reports each mistake in one line with the key, the value, and what would be right. FILE
// stands for the path.
func TestValues(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"empty file", "",
			lines(
				`FILE: local.hostname: missing; expected text such as pe1`,
				`FILE: local.router_id: missing; expected an IP address such as 192.0.2.1`,
			),
		},
		{
			"all required keys missing", "peers: {pe2: }\nvpns: {red: {links: [{}]}}\n",
			lines(
				`FILE: local.hostname: missing; expected text such as pe1`,
				`FILE: local.router_id: missing; expected an IP address such as 192.0.2.1`,
				`FILE: peers.pe2.address: missing; expected an IP address such as 192.0.2.1`,
				`FILE: vpns.red.vpn_id: missing; expected a VPN-ID such as 00005e:00000001`,
				`FILE: vpns.red.links[0].peer: missing; expected text such as pe2`,
				`FILE: peers.pe2: no secret; set secret_file or secret_env, or authentication: none to trust any sender with the peer's address`,
				`FILE: vpns.red.vr: no virtual router; set netns, or vrf and table`,
			),
		},
		{
			"unknown key, near", peer("secretfile: x"),
			`FILE: peers.pe2.secretfile: unknown key; did you mean secret_file?`,
		},
		{
			"unknown key in capitals", peer("DIGEST: md5"),
			`FILE: peers.pe2.DIGEST: unknown key; did you mean digest?`,
		},
		{
			"unknown key, far", local("frobnicate: 1"),
			`FILE: local.frobnicate: unknown key; expected one of hostname, router_id, address, port, port_protected, vici_socket`,
		},
		{
			"unknown table", minimalYAML + "vpn: {}\n",
			`FILE: vpn: unknown key; did you mean vpns?`,
		},
		{
			"secret in the file", peer("secret: " + theSecret),
			`FILE: peers.pe2.secret: secrets are not allowed in this file; use secret_file or secret_env`,
		},
		{
			"number for text", change("hostname: pe1", "hostname: 1"),
			`FILE: local.hostname: expected text such as pe1, in quotes; got the number 1`,
		},
		{
			"text for number", local("port: many"),
			`FILE: local.port: expected a number up to 65535; got text "many"`,
		},
		{
			"quoted number", local(`port: "1702"`),
			`FILE: local.port: expected a number up to 65535; got text "1702"`,
		},
		{
			"fraction for number", local("port: 1702.5"),
			`FILE: local.port: "1702.5" is not a number up to 65535`,
		},
		{
			"number for duration", peer("hello: 10"),
			`FILE: peers.pe2.hello: expected a duration such as 10s or 1m30s; got the number 10`,
		},
		{
			"no duration", peer("hello: soon"),
			`FILE: peers.pe2.hello: "soon" is not a duration such as 10s or 1m30s`,
		},
		{
			"negative duration", vpn("echo: {interval: -5s}"),
			`FILE: vpns.red.echo.interval: -5s is below the minimum; expected at least 0s`,
		},
		{
			"text for bool", link("ipv6: maybe"),
			`FILE: vpns.red.links[0].ipv6: expected true or false; got text "maybe"`,
		},
		{
			"table for text", change("hostname: pe1", "hostname: {}"),
			`FILE: local.hostname: expected text such as pe1, in quotes; got a table`,
		},
		{
			"text for table", change("{netns: red}", "red"),
			`FILE: vpns.red.vr: expected a table of keys; got text`,
		},
		{
			"text for list", link("routes: 10.0.0.0/8"),
			`FILE: vpns.red.links[0].routes: expected a list; got text`,
		},
		{
			"date for text", change("hostname: pe1", "hostname: 2001-01-01"),
			`FILE: local.hostname: expected text such as pe1, in quotes; got a date or time`,
		},
		{
			"empty in a list", link("routes: [~]"),
			`FILE: vpns.red.links[0].routes[0]: missing; expected a prefix such as 10.1.2.0/24`,
		},
		{
			"empty link", change("- peer: pe2", "-"),
			`FILE: vpns.red.links[0].peer: missing; expected text such as pe2`,
		},
		{
			"empty text", link(`interface: ""`),
			`FILE: vpns.red.links[0].interface: empty value; expected text`,
		},
		{
			"number for name", change("  red:", "  100:"),
			`FILE: vpns.100: the key is a number; expected text, in quotes`,
		},
		{
			"bad name", change("  red:", "  red one:"),
			`FILE: vpns."red one": invalid name; expected 1 to 63 letters, digits, '.', '_' and '-', a letter or digit first`,
		},
		{
			"long name", change("  red:", "  "+strings.Repeat("r", 64)+":"),
			`FILE: vpns.rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: invalid name; expected 1 to 63 letters, digits, '.', '_' and '-', a letter or digit first`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), tt.want)
		})
	}
}

// checkMistakes checks that Load fails with the lines of want.
func checkMistakes(t *testing.T, path, want string) {
	t.Helper()
	c, err := Load(path)
	if err == nil {
		t.Fatalf("Load = %+v, want error %s", c, want)
	}
	got := strings.NewReplacer(path, "FILE", filepath.Dir(path), "FOLDER").Replace(err.Error())
	if got != want {
		t.Errorf("Load:\n got %s\nwant %s", got, want)
	}
	if strings.Contains(got, theSecret) {
		t.Error("the error shows the secret")
	}
}

func TestFileOfUnknownFormat(t *testing.T) {
	checkMistakes(t, inFolder(t, "l2tpvl.conf", minimalYAML),
		`FILE: unknown file extension; expected .yaml, .yml, .toml or .json`)
}

func TestMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l2tpvl.yaml")
	checkMistakes(t, path, `open FILE: no such file or directory`)
}

// Load reports syntax errors in one line, and also those that the decoders ignore.
func TestBadSyntax(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"tab.yaml", "local:\n\thostname: pe1\n",
			`FILE: invalid YAML: line 2: found character that cannot start any token`,
		},
		{
			"twice.yaml", "local: {hostname: pe1}\nlocal: {hostname: pe2}\nlog: {}\nlog: {}\n",
			`FILE: invalid YAML: line 2: mapping key "local" already defined at line 1; line 4: mapping key "log" already defined at line 3`,
		},
		{
			"list.yaml", "- local\n",
			`FILE: invalid YAML: line 1: cannot unmarshal a list into a table of keys`,
		},
		{
			"documents.yaml", minimalYAML + "---\nlog: {level: debug}\n",
			`FILE: second YAML document after a line with ---; expected one document`,
		},
		{
			"bad-document.yaml", minimalYAML + "---\nlog: {level\n",
			`FILE: second YAML document after a line with ---; expected one document`,
		},
		{
			"twice.toml", "[local]\nhostname = \"pe1\"\nhostname = \"pe2\"\n",
			`FILE: invalid TOML: key hostname is already defined`,
		},
		{
			"syntax.toml", "[local]\nhostname = pe1\n",
			`FILE:2: invalid TOML: incomplete number`,
		},
		{
			"twice.json", `{"peers": {"pe2": {}, "pe2": {}}}`,
			`FILE: peers.pe2: duplicate key; expected it once`,
		},
		{
			"twice-in-list.json", `{"vpns": {"red.eu": {"links": [{}, {"peer": "a", "peer": "b"}]}}}`,
			`FILE: vpns."red.eu".links[1].peer: duplicate key; expected it once`,
		},
		{
			"syntax.json", "{\n\"local\": {\"hostname\": pe1}\n}",
			`FILE:2: invalid JSON: invalid character 'p' looking for beginning of value`,
		},
		{
			"cut.json", "{",
			`FILE:1: invalid JSON: unexpected end of JSON input`,
		},
		{
			"empty.json", "",
			`FILE:1: invalid JSON: unexpected end of JSON input`,
		},
		{
			"list.json", "[]",
			`FILE: invalid JSON: cannot unmarshal array into a table of keys`,
		},
		{
			"more.json", "{}{}",
			`FILE:1: invalid JSON: invalid character '{' after top-level value`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) { checkMistakes(t, inFolder(t, tt.name, tt.text), tt.want) })
	}
}

// Any text in any format results in a configuration, or in problems of one line each.
func FuzzDecode(f *testing.F) {
	f.Add(".yaml", []byte(minimalYAML))
	for format, text := range full {
		f.Add("."+format, []byte(text))
	}
	f.Add(".yaml", []byte("vpns: {1: {}, a.b: {links: [1, {peer: x}, {peer: x}]}}\npeers: []\n"))
	f.Add(".json", []byte(`{"peers": {"\n": {"port": 1e99, "hello": "-1h"}}}`))
	f.Fuzz(func(t *testing.T, extension string, text []byte) {
		tree, err := parse("l2tpvl"+extension, text)
		if err != nil {
			return
		}
		r := &report{file: "l2tpvl" + extension}
		c := decode(tree, r)
		c.nameInterfaces(r)
		c.check(r)
		for _, err := range r.problems {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		}
		if len(r.problems) == 0 && (c.Local.HostName == "" || !c.Local.RouterID.Is4()) {
			t.Errorf("accepted: %+v", c)
		}
	})
}
