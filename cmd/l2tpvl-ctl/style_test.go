package main

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func TestNewStyle(t *testing.T) {
	for _, test := range []struct {
		name     string
		flag     string
		terminal bool
		env      map[string]string
		want     style
	}{
		{"a terminal", "auto", true, map[string]string{"LANG": "en_GB.UTF-8"}, onTerminal},
		{"a pipe", "auto", false, map[string]string{"LANG": "C.utf8"}, inUTF8},
		{"a pipe to a pager", "always", false, map[string]string{"LANG": "en_GB.UTF-8"}, onTerminal},
		{"no locale", "auto", true, nil, style{colour: true}},
		{"LC_ALL wins", "auto", false, map[string]string{"LC_ALL": "C", "LC_CTYPE": "C.UTF-8", "LANG": "C.UTF-8"}, inASCII},
		{"LC_CTYPE beats LANG", "auto", false, map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"}, inUTF8},
		{"NO_COLOR", "auto", true, map[string]string{"NO_COLOR": "1", "LANG": "C.UTF-8"}, style{utf8: true, symbols: true}},
		{"the flag beats NO_COLOR", "always", true, map[string]string{"NO_COLOR": "1", "LANG": "C.UTF-8"}, onTerminal},
		{"never", "never", true, map[string]string{"LANG": "C.UTF-8"}, style{utf8: true, symbols: true}},
		{"a dumb terminal", "auto", true, map[string]string{"TERM": "dumb"}, inASCII},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := newStyle(test.flag, test.terminal, func(key string) string { return test.env[key] })
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// A refusal contains text of the peer. It must not control the operator's terminal.
func TestTextReplacesControlCharacters(t *testing.T) {
	for _, test := range []struct{ text, utf8, ascii string }{
		{"no \x1b[2Jtrace", "no \uFFFD[2Jtrace", "no ?[2Jtrace"},
		{"two\nlines\r\a", "two\uFFFDlines\uFFFD\uFFFD", "two?lines??"},
		{"8-bit \u009b2J", "8-bit \uFFFD2J", "8-bit ?2J"},
		{"from the \u202eright", "from the \uFFFDright", "from the ?right"},
		{"a → b ⇄ c … grün", "a → b ⇄ c … grün", "a -> b <-> c ... gr?n"},
		{"not UTF-8: \xff", "not UTF-8: \uFFFD", "not UTF-8: ?"},
	} {
		if got := inUTF8.text(test.text); got != test.utf8 {
			t.Errorf("in UTF-8: %q, want %q", got, test.utf8)
		}
		if got := inASCII.text(test.text); got != test.ascii {
			t.Errorf("in ASCII: %q, want %q", got, test.ascii)
		}
	}
}

func TestUnknownMark(t *testing.T) {
	sign, colour := onTerminal.mark(api.Mark("odd"))
	if sign != "odd" || colour != none {
		t.Errorf("got %q, %q; want the daemon's word without colour", sign, colour)
	}
}
