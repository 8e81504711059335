package bench

import (
	"github.com/l2tpvl/l2tpvl/daemon"
	"github.com/l2tpvl/l2tpvl/vr"
)

// routers are virtual routers that do nothing but take note of the links that are up.
type routers struct{ board *board }

func (r routers) Attach(vr.Spec, []vr.Attachment, func(string, error)) error { return nil }

func (r routers) Ensure(vr.Spec) (daemon.Router, error) { return r, nil }

func (r routers) Release(vr.Spec) error { return nil }

func (r routers) Close() error { return nil }

func (r routers) Do(f func() error) error { return f() }

// IsUp is asked only when somebody sets an interface up or down.
func (r routers) IsUp(string) (bool, error) { return true, nil }

// Configure takes a link for up once IPCP and IPV6CP have told the addresses.
func (r routers) Configure(ifname string, c vr.Interface) error {
	if c.Up && c.Local.IsValid() && c.LinkLocal != 0 {
		r.board.up(ifname)
	} else {
		r.board.down(ifname)
	}
	return nil
}
