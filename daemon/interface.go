package daemon

import (
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/vr"
)

// interfaces know the link of each interface, for what virtual routers tell of them. They are safe
// for concurrent use.
type interfaces struct{ byName sync.Map } // *execution by interfaceName

type interfaceName struct {
	router vr.Spec
	name   string
}

func (i *interfaces) add(x *execution) {
	i.byName.Store(interfaceName{x.link.VR, x.link.Interface}, x)
}

func (i *interfaces) remove(x *execution) {
	i.byName.CompareAndDelete(interfaceName{x.link.VR, x.link.Interface}, x)
}

// turned takes the word that an interface was set up or down, by us or by somebody else. It does
// not block.
func (i *interfaces) turned(router vr.Spec, name string, up bool) {
	if x, ok := i.byName.Load(interfaceName{router, name}); ok {
		x.(*execution).turned(up)
	}
}

// turned finds out whether somebody else has set the interface up or down, and tells the loop. It
// waits for its turn behind what we do to the interface, and looks at it anew: so our own doing is
// not taken for an operator's.
func (x *execution) turned(up bool) {
	x.queue.add(func() {
		p := x.present.Load()
		if p == nil || up == p.isUp() {
			return
		}
		now, err := p.router.IsUp(x.link.Interface)
		switch {
		case err != nil: // the data plane tells that it is gone
		case now != p.isUp() && now == p.setDown:
			p.setDown = !now
			x.loop.post(func(at time.Time) { x.loop.pair.InterfaceState(at, p.attempt, now, &x.loop.out) })
		case now && p.isUp(): // it is up again already, but the kernel has forgotten its routes
			x.loop.configureNow(p, x.link, p.configured)
		}
	})
}
