package daemon

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/config"
)

// The limit of open files grows with the number of links and never shrinks. It stays unchanged if
// the host does not allow the wanted number.
func TestAllowFiles(t *testing.T) {
	few := &config.Config{Peers: make([]config.Peer, 1), VPNs: []config.VPN{{Links: make([]config.Link, 1)}}}
	many := &config.Config{Peers: make([]config.Peer, 2), VPNs: []config.VPN{{Links: make([]config.Link, 60)}, {Links: make([]config.Link, 40)}}}
	if more, want := filesFor(many)-filesFor(few), uint64(8+2+99*3); more != want {
		t.Errorf("%d more files for one more peer, one more VPN and 99 more links, want %d", more, want)
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
			t.Errorf("allowFiles(%d): %v; limits %+v, want %d of %d", tt.want, err, current(), tt.limit, before.Max)
		}
	}
	const excessive = 1 << 40 // more than fs.nr_open can be
	if err := allowFiles(excessive); !errors.Is(err, unix.EPERM) || current().Cur != 700 {
		t.Errorf("allowFiles(%d): %v; limits %+v, want EPERM and 700", uint64(excessive), err, current())
	}
}
