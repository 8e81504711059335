package bench

import (
	"github.com/l2tpvl/l2tpvl/daemon"
	"github.com/l2tpvl/l2tpvl/vr"
)

// routers are virtual routers that only report to the tracker which links are up.
type routers struct{ tracker *tracker }

func (r routers) Attach(vr.Spec, []vr.Attachment, func(string, error)) error { return nil }

func (r routers) Ensure(vr.Spec) (daemon.Router, error) { return r, nil }

func (r routers) Release(vr.Spec) error { return nil }

func (r routers) Close() error { return nil }

func (r routers) Do(f func() error) error { return f() }

// IsUp is only called after an operator has set an interface up or down.
func (r routers) IsUp(string) (bool, error) { return true, nil }

// Configure reports a link as up if it has an IPv4 address and an IPv6 link-local address: then
// IPCP and IPV6CP are open.
func (r routers) Configure(ifname string, c vr.Interface) error {
	if c.Up && c.Local.IsValid() && c.LinkLocal != 0 {
		r.tracker.up(ifname)
	} else {
		r.tracker.down(ifname)
	}
	return nil
}
