package config

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	var got []string
	for _, k := range Keys() {
		got = append(got, k.Path)
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: doc %q is not a sentence", k.Path, k.Doc)
		}
		if k.Required && (k.Default != "" || k.Derived != "") {
			t.Errorf("%s: required key with a default", k.Path)
		}
		if !slices.Contains([]Impact{ImpactNone, ImpactContent, ImpactLink, ImpactConnection, ImpactClear, ImpactProtected, ImpactDaemon}, k.Impact) {
			t.Errorf("%s: unknown impact %q", k.Path, k.Impact)
		}
	}
	want := []string{
		"local", "local.hostname", "local.router_id", "local.address", "local.port", "local.port_protected", "local.vici_socket",
		"peers", "peers.*.address", "peers.*.local_address", "peers.*.encapsulation", "peers.*.port", "peers.*.port_protected",
		"peers.*.authentication", "peers.*.secret_file", "peers.*.secret_env", "peers.*.next_secret_file", "peers.*.next_secret_env",
		"peers.*.digest", "peers.*.role", "peers.*.hello",
		"peers.*.retransmit", "peers.*.retransmit.initial", "peers.*.retransmit.cap", "peers.*.retransmit.retries",
		"peers.*.ike", "peers.*.ike.psk_file", "peers.*.ike.psk_env", "peers.*.ike.certificate_file", "peers.*.ike.private_key_file",
		"peers.*.ike.ca_files", "peers.*.ike.local_id", "peers.*.ike.remote_id", "peers.*.ike.start", "peers.*.ike.ike_proposals",
		"peers.*.ike.esp_proposals", "peers.*.ike.ike_rekey", "peers.*.ike.child_rekey", "peers.*.ike.rekey_octets", "peers.*.ike.dpd",
		"peers.*.ike.replay_window",
		"peers.*.signalling", "peers.*.static", "peers.*.static.local_tunnel_id", "peers.*.static.peer_tunnel_id", "peers.*.static.local_port",
		"vpns", "vpns.*.vpn_id", "vpns.*.vr", "vpns.*.vr.netns", "vpns.*.vr.vrf", "vpns.*.vr.table", "vpns.*.ipsec", "vpns.*.mtu", "vpns.*.sequencing",
		"vpns.*.echo", "vpns.*.echo.interval", "vpns.*.echo.fails", "vpns.*.echo.adaptive",
		"vpns.*.ppp_auth", "vpns.*.ppp_auth.require", "vpns.*.ppp_auth.allow", "vpns.*.ppp_auth.name",
		"vpns.*.ppp_auth.secret_file", "vpns.*.ppp_auth.secret_env", "vpns.*.ppp_auth.peer_name",
		"vpns.*.ppp_auth.peer_secret_file", "vpns.*.ppp_auth.peer_secret_env", "vpns.*.ppp_auth.rechallenge",
		"vpns.*.interfaces", "vpns.*.interfaces[].name", "vpns.*.interfaces[].addresses",
		"vpns.*.links", "vpns.*.links[].peer", "vpns.*.links[].address", "vpns.*.links[].peer_address", "vpns.*.links[].address6", "vpns.*.links[].ipsec",
		"vpns.*.links[].interface", "vpns.*.links[].routes", "vpns.*.links[].ipv4", "vpns.*.links[].ipv6",
		"vpns.*.links[].ppp_auth", "vpns.*.links[].ppp_auth.require", "vpns.*.links[].ppp_auth.allow", "vpns.*.links[].ppp_auth.name",
		"vpns.*.links[].ppp_auth.secret_file", "vpns.*.links[].ppp_auth.secret_env", "vpns.*.links[].ppp_auth.peer_name",
		"vpns.*.links[].ppp_auth.peer_secret_file", "vpns.*.links[].ppp_auth.peer_secret_env", "vpns.*.links[].ppp_auth.rechallenge",
		"vpns.*.links[].static", "vpns.*.links[].static.local_session_id", "vpns.*.links[].static.peer_session_id",
		"vpns.*.links[].static.local_cookie", "vpns.*.links[].static.peer_cookie",
		"dataplane", "api", "api.socket", "api.group", "metrics", "metrics.listen", "log", "log.format", "log.level",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Keys:\n got %q\nwant %q", got, want)
	}
}

// Each default in the tags is a value that the key accepts, and each bound is a value of its type.
func TestTagsAreValues(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(table reflect.Type) {
		for field := range table.Fields() {
			ft := field.Type
			if kindOf(ft, field.Tag) == "" {
				if ft.Kind() == reflect.Slice {
					ft = ft.Elem()
				}
				if ft.Kind() == reflect.Struct && kinds[ft] == "" {
					walk(ft)
				}
				continue
			}
			for _, tag := range []string{"default", "min", "max"} {
				if text := field.Tag.Get(tag); text != "" {
					value := reflect.New(ft).Elem()
					if err := setText(value, text); err != nil {
						t.Errorf("%s: %s: %v", field.Name, tag, err)
					}
					if err := allowed(value, text, field.Tag); err != nil {
						t.Errorf("%s: %s: %v", field.Name, tag, err)
					}
				}
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// The reference configuration has every key. Those of ppp_auth may be at a VPN or at a link.
func TestReferenceHasEveryKey(t *testing.T) {
	const path = "../configs/l2tpvl.yaml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	collect(written, "", tree)
	for _, k := range Keys() {
		if !written[k.Path] && !written[strings.Replace(k.Path, "ppp_auth.", "links[].ppp_auth.", 1)] &&
			!written[strings.Replace(k.Path, "links[].ppp_auth.", "ppp_auth.", 1)] {
			t.Errorf("%s has no %s", path, k.Path)
		}
	}
}

// collect records the paths of all keys of a tree, in the form of Key.Path.
func collect(paths map[string]bool, path string, tree any) {
	paths[path] = true
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			switch path {
			case "":
				collect(paths, key, tree[key])
			case "peers", "vpns":
				collect(paths, path+".*", tree[key])
			default:
				collect(paths, path+"."+key, tree[key])
			}
		}
	case []any:
		for _, value := range tree {
			collect(paths, path+"[]", value)
		}
	}
}
