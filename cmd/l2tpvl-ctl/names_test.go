package main

import "testing"

func TestOneOf(t *testing.T) {
	colours := []string{"blue", "green", "red"}
	many := []string{"v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08", "v09", "v10", "v11"}
	for _, test := range []struct {
		name  string
		known []string
		want  string // "" for no error
	}{
		{"green", colours, ""},
		{"gren", colours, `there is no VPN "gren": did you mean green?`},
		{"rde", colours, `there is no VPN "rde": did you mean red?`},
		{"violet", colours, `there is no VPN "violet": there is blue, green, red`},
		// Replacing all of a short name is no slip.
		{"ab", []string{"xy"}, `there is no VPN "ab": there is xy`},
		{"x", nil, `there is no VPN "x", nor any other`},
		{"violet", many, `there is no VPN "violet" among the 11 there are`},
	} {
		got := ""
		if err := oneOf("VPN", test.name, test.known); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("oneOf(%q, %q): %q, want %q", test.name, test.known, got, test.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "bc", 1},
		{"kitten", "sitting", 3},
		{"grün", "grun", 1},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
