package report

import "testing"

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{linkLocalText(0), ""},
		{linkLocalText(0x0200_5efe_c000_0201), "fe80::200:5efe:c000:201"},
		{routerIDText(0xc0000201), "192.0.2.1"},
		{maskCookie([]byte{0xab, 1, 2, 3, 4, 5, 6, 7}), "ab… (8 octets)"},
		{maskCookie(nil), "none"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
