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
		{"gren", colours, `unknown VPN "gren"; did you mean green?`},
		{"rde", colours, `unknown VPN "rde"; did you mean red?`},
		{"violet", colours, `unknown VPN "violet"; want one of blue, green, red`},
		// A name that differs in all characters is not a typing mistake, even if it is short.
		{"ab", []string{"xy"}, `unknown VPN "ab"; want one of xy`},
		{"x", nil, `unknown VPN "x"; none is configured`},
		{"violet", many, `unknown VPN "violet"; it is none of the 11 configured`},
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
