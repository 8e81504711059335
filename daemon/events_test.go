package daemon

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// The events of a link that comes up, loses its virtual router, comes up again and goes down.
func TestEventsOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(5 * time.Second)
		a.isUp(t)
		a.routerGone(vr.Spec{NetNS: "red"})
		pass(10 * time.Second)
		a.isUp(t)
		b.stop()
		pass(time.Second)

		kinds := func(p *pe) (kinds []api.EventKind) {
			list, _, _ := p.events.After(0)
			for _, x := range list {
				if x.Time.IsZero() || x.Message == "" {
					t.Errorf("%+v", x)
				}
				kinds = append(kinds, x.Kind)
			}
			return kinds
		}
		want := []api.EventKind{
			api.EventPathMTU, api.EventConnectionUp, api.EventLinkUp,
			api.EventRouterGone, api.EventLinkDown, api.EventLinkUp,
			api.EventLinkDown, api.EventConnectionFailed,
		}
		if got := kinds(a); !slices.Equal(got, want) {
			t.Errorf("events of pe1 %q\nwant %q", got, want)
		}
		if got := kinds(b); !slices.Contains(got, api.EventStopping) || !slices.Contains(got, api.EventConnectionDown) {
			t.Errorf("events of pe2 %q", got)
		}
	})
}

// A peer that causes the same event again and again does not fill the ring.
func TestEventsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		for range 1000 {
			a.loops()[0].note(time.Now(), session.Note{Kind: session.CallRefused, Message: "session request of peer refused"})
		}
		if list, _, _ := a.events.After(0); len(list) != notesPerMinute {
			t.Errorf("%d events, want %d", len(list), notesPerMinute)
		}
	})
}
