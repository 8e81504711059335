package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// newStaticWorld is two PEs without signalling, with n links that both are configured with.
func newStaticWorld(t *testing.T, n int) *world {
	a, b := linkConfigs(n), linkConfigs(n)
	for i := range uint32(n) {
		cookie := []byte{1, 2, 3, byte(i)}
		a[i].Static = &StaticSession{LocalID: 100 + i, PeerID: 200 + i, LocalCookie: cookie}
		b[i].Static = &StaticSession{LocalID: 200 + i, PeerID: 100 + i, PeerCookie: cookie}
	}
	w := newWorld(t, 1, a, b)
	w.a.cfg.Static, w.b.cfg.Static = &StaticTunnel{3001, 4001}, &StaticTunnel{4001, 3001}
	return w
}

// silent checks that no control message was ever sent.
func (w *world) silent() {
	w.t.Helper()
	for _, p := range []*pe{w.a, w.b} {
		if len(p.sent) > 0 {
			w.t.Errorf("%s has sent control messages: %v", p.name, p.sent)
		}
	}
}

func TestStaticLinksComeUpWithoutSignalling(t *testing.T) {
	w := newStaticWorld(t, 3)
	w.start()
	w.allUp(10 * time.Second)
	w.run(5 * time.Minute)
	if !w.a.up() || !w.b.up() {
		t.Fatalf("they do not stay up\n%s\n%s", w.a, w.b)
	}
	l := w.a.link(1)
	if s := l.Session; s == nil || s.State != control.SessionStatic || s.ID != 101 || s.PeerID != 201 || l.Failures != 0 {
		t.Errorf("link %+v, session %+v", l, s)
	}
	if c := w.a.sessions[l.Attempt].cfg; c.LocalConnectionID != 3001 || c.PeerConnectionID != 4001 || c.MTU != 1500-40 {
		t.Errorf("the data plane is asked for %+v", c)
	}
	if to, from := w.a.link(0).Interface.MTU, w.b.link(0).Interface.MTU; to != 1500-40 || from != 1500-44 { // with a cookie
		t.Errorf("MTU %d and %d", to, from)
	}
	w.silent()
}

func TestStaticLinkOutlivesItsPeer(t *testing.T) {
	w := newStaticWorld(t, 2)
	w.a.start()
	w.within(5*time.Minute, "nobody answers", w.a.down(0))
	if l := w.a.link(0); l.Layer != LayerLCP || l.CallAt.IsZero() {
		t.Errorf("link %+v", l)
	}
	if w.a.repaths == 0 {
		t.Error("the path is not looked for anew")
	}

	w.b.start()
	w.allUp(2 * time.Minute)

	w.mute = true
	w.within(time.Minute, "the echoes find out", func() bool { return w.a.down(0)() && w.b.down(0)() })
	w.mute = false
	w.allUp(2 * time.Minute)

	w.b.start() // with no memory, and no word of farewell
	w.allUp(2 * time.Minute)
	w.silent()
}

// No CDN tells the peer that a link is over: PPP does.
func TestStaticLinkBidsFarewell(t *testing.T) {
	w := newStaticWorld(t, 1)
	w.start()
	w.allUp(10 * time.Second)
	w.a.stop()
	if !w.a.pair.Done() {
		t.Error("something is left to be acknowledged")
	}
	w.within(time.Second, "the peer hears of it", w.b.down(0))
	if l := w.b.link(0); l.Layer != LayerLCP || !strings.Contains(l.Reason, "shutting down") {
		t.Errorf("link %+v", l)
	}
	w.a.run(time.Minute)
	w.a.gone()
	w.silent()
}

// What an operator does to links, static ones take as well.
func TestStaticLinksAreChanged(t *testing.T) {
	w := newStaticWorld(t, 2)
	w.start()
	w.allUp(10 * time.Second)

	w.a.step(func() { w.a.pair.SetDisabled(w.now, w.a.link(0).Config.VPNID, true, &w.a.out) })
	w.within(time.Second, "the peer hears of it", w.b.down(0))
	w.run(time.Minute)
	if l := w.a.link(0); l.Up || l.Attempt != 0 || !w.a.link(1).Up {
		t.Errorf("disabled: link %+v", l)
	}
	w.a.step(func() { w.a.pair.SetDisabled(w.now, w.a.link(0).Config.VPNID, false, &w.a.out) })
	w.allUp(2 * time.Minute)

	before := w.a.link(1).Attempt
	w.a.step(func() { w.a.pair.Reset(w.now, &w.a.out) })
	w.allUp(time.Minute)
	if w.a.link(1).Attempt == before {
		t.Error("a reset begins no new attempt")
	}

	removed := w.a.link(0).Config
	w.a.step(func() { w.a.pair.RemoveLink(w.now, removed.VPNID, "removed", &w.a.out) })
	w.within(time.Second, "the peer hears of it", w.b.down(0))
	removed.PPP.Rand = w.random
	w.a.step(func() { w.a.pair.AddLink(w.now, removed, &w.a.out) })
	w.allUp(2 * time.Minute)
	w.silent()
}

func TestStaticLinkTriesAgain(t *testing.T) {
	w := newStaticWorld(t, 1)
	refused := errors.New("no device left")
	w.a.refuse = func(Create) error { return refused }
	w.start()
	w.within(10*time.Second, "it fails", w.a.down(0))
	if l := w.a.link(0); l.Layer != LayerDataPlane || l.Reason != refused.Error() {
		t.Errorf("link %+v", l)
	}
	w.run(time.Minute)
	w.a.refuse = nil
	w.a.step(func() { w.a.pair.Hurry(w.now, &w.a.out) }) // the path is open again
	w.allUp(time.Minute)
	w.silent()
}
