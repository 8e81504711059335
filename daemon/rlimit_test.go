package daemon

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/config"
)

// The limit of open files grows with the links, never shrinks, and is left alone where the host
// does not allow as many.
func TestAllowFiles(t *testing.T) {
	few := &config.Config{Peers: make([]config.Peer, 1), VPNs: []config.VPN{{Links: make([]config.Link, 1)}}}
	many := &config.Config{Peers: make([]config.Peer, 2), VPNs: []config.VPN{{Links: make([]config.Link, 60)}, {Links: make([]config.Link, 40)}}}
	if more, want := filesFor(many)-filesFor(few), uint64(8+2+99*3); more != want {
		t.Errorf("a peer, a VPN and 99 links more may take %d files more, want %d", more, want)
	}

	current := func() (limit unix.Rlimit) {
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		return limit
	}
	before := current()
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 600, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ want, limit uint64 }{{500, 600}, {700, 700}} {
		if err := allowFiles(tt.want); err != nil || current().Cur != tt.limit || current().Max != before.Max {
			t.Errorf("%d wanted: %v, and the limits are %+v; want %d of %d", tt.want, err, current(), tt.limit, before.Max)
		}
	}
	const tooMany = 1 << 40 // more than fs.nr_open can be
	if err := allowFiles(tooMany); !errors.Is(err, unix.EPERM) || current().Cur != 700 {
		t.Errorf("%d wanted: %v, and the limits are %+v; want EPERM and 700", uint64(tooMany), err, current())
	}
}
