package daemon

import (
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/vr"
)

// interfaces maps interfaces to their links, for notifications of virtual routers. It is safe for
// concurrent use.
type interfaces struct{ byName sync.Map } // *linkRuntime by interfaceName

type interfaceName struct {
	router vr.Spec
	name   string
}

func (i *interfaces) add(x *linkRuntime) {
	i.byName.Store(interfaceName{x.link.VR, x.link.Interface}, x)
}

func (i *interfaces) remove(x *linkRuntime) {
	i.byName.CompareAndDelete(interfaceName{x.link.VR, x.link.Interface}, x)
}

// stateChanged handles the notification that an interface was set up or down, by the daemon or by
// the operator. It does not block.
func (i *interfaces) stateChanged(router vr.Spec, name string, up bool) {
	if x, ok := i.byName.Load(interfaceName{router, name}); ok {
		x.(*linkRuntime).stateChanged(up)
	}
}

// stateChanged finds out whether the operator has set the interface up or down, and notifies the
// loop. It queues behind the daemon's own changes of the interface and then queries its state
// again: so a change of the daemon is not mistaken for the operator's.
func (x *linkRuntime) stateChanged(up bool) {
	x.queue.add(func() {
		p := x.present.Load()
		if p == nil || up == p.isUp() {
			return
		}
		now, err := p.router.IsUp(x.link.Interface)
		switch {
		case err != nil: // the interface is gone, which the data plane reports
		case now != p.isUp() && now == p.setDown:
			p.setDown = !now
			x.loop.post(func(at time.Time) { x.loop.pair.InterfaceState(at, p.attempt, now, &x.loop.out) })
		case now && p.isUp(): // it was down and is up again; the kernel has removed its routes
			x.loop.configureInterface(p, x.link, p.configured)
		}
	})
}
