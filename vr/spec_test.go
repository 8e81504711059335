package vr

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSpecNames(t *testing.T) {
	for _, tt := range []struct {
		spec       Spec
		name, text string
	}{
		{Spec{NetNS: "red"}, "red", "netns red"},
		{Spec{VRF: "blue", Table: 1001}, "blue", "vrf blue"},
	} {
		if tt.spec.Name() != tt.name || tt.spec.String() != tt.text {
			t.Errorf("%+v: name %q, text %q; want %q, %q", tt.spec, tt.spec.Name(), tt.spec, tt.name, tt.text)
		}
		if err := tt.spec.Validate(); err != nil {
			t.Errorf("%s: %v", tt.spec, err)
		}
	}
}

func TestSpecsRefused(t *testing.T) {
	for _, s := range []Spec{
		{},
		{NetNS: "."},
		{NetNS: ".."},
		{NetNS: "a/b"},
		{NetNS: "../x"},
		{NetNS: "a\x00b"},
		{NetNS: strings.Repeat("n", 256)},
		{NetNS: "red", VRF: "red", Table: 1},
		{VRF: "red"},
		{VRF: "a/b", Table: 1},
		{VRF: strings.Repeat("v", 16), Table: 1},
	} {
		if err := s.Validate(); err == nil {
			t.Errorf("%+v: accepted, want an error", s)
		}
	}
	for _, s := range []Spec{{NetNS: strings.Repeat("n", 255)}, {VRF: strings.Repeat("v", 15), Table: 1}} {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestInterfacesRefused(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	for _, tt := range []struct {
		c    Interface
		want string // in the error; "": none
	}{
		{Interface{}, ""},
		{Interface{Up: true, MTU: 576, Local: v4, Peer: v4}, ""},
		{Interface{Up: true, MTU: 1280, LinkLocal: 1}, ""},
		{Interface{MTU: 1279, LinkLocal: 1}, ""}, // down: without IPv6
		{Interface{Local: v6}, "want IPv4"},
		{Interface{Local: v4, Peer: v6}, "want IPv4"},
		{Interface{Addresses: []netip.Prefix{netip.PrefixFrom(v4, 24)}}, "want IPv6"},
		{Interface{Up: true, MTU: 1279, LinkLocal: 1}, "1280"},
		{Interface{Up: true, MTU: 1279, Routes: []netip.Prefix{netip.PrefixFrom(v6, 64)}}, "1280"},
	} {
		err := tt.c.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want one with %q", tt.c, err, tt.want)
		}
	}
}
