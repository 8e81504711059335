package check

import (
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

func TestSession(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*dataplane.SessionConfig)
		want   string // in the error; "": no error
	}{
		{"valid", func(*dataplane.SessionConfig) {}, ""},
		{"no cookies", func(c *dataplane.SessionConfig) { c.LocalCookie, c.PeerCookie = nil, nil }, ""},
		{"longest name", func(c *dataplane.SessionConfig) { c.Interface = "vl-456789-12345" }, ""},
		{"local session ID 0", func(c *dataplane.SessionConfig) { c.LocalID = 0 }, "session ID"},
		{"peer's session ID 0", func(c *dataplane.SessionConfig) { c.PeerID = 0 }, "session ID"},
		{"cookie of 5 octets", func(c *dataplane.SessionConfig) { c.LocalCookie = make([]byte, 5) }, "5 octets: want 0, 4 or 8"},
		{"peer's cookie of 9 octets", func(c *dataplane.SessionConfig) { c.PeerCookie = make([]byte, 9) }, "9 octets: want 0, 4 or 8"},
		{"MTU 0", func(c *dataplane.SessionConfig) { c.MTU = 0 }, "MTU 0: want 1 to 65535"},
		{"MTU 65536", func(c *dataplane.SessionConfig) { c.MTU = 65536 }, "MTU 65536: want 1 to 65535"},
		{"no name", func(c *dataplane.SessionConfig) { c.Interface = "" }, "1 to 15 octets"},
		{"name of 16 octets", func(c *dataplane.SessionConfig) { c.Interface = "vl-456789-123456" }, "1 to 15 octets, not 16"},
		{"pattern", func(c *dataplane.SessionConfig) { c.Interface = "vl%d" }, "vl%d"},
		{"path", func(c *dataplane.SessionConfig) { c.Interface = ".." }, ".."},
	} {
		cfg := dataplane.SessionConfig{
			LocalID: 1, PeerID: 2, LocalCookie: make([]byte, 8), PeerCookie: make([]byte, 4), Interface: "vl0", MTU: 1400,
		}
		tt.change(&cfg)
		err := Session(cfg)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}
