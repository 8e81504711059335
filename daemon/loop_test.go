package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Two daemons start, their links come up, and they stop. The bubble fails the test if a goroutine
// is left.
func TestTwoDaemons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.isUp(t)
		b.isUp(t)
		if _, open, sessions := a.plane.count(); open != 1 || sessions != 2 {
			t.Errorf("%d tunnels and %d sessions, want 1 and 2", open, sessions)
		}
		for _, s := range a.plane.newest().all() {
			if got := dataplane.Protocols(s.open.Load()); got != dataplane.IPv4|dataplane.IPv6 {
				t.Errorf("open protocols %d, want IPv4 and IPv6", got)
			}
		}
		if i := a.vrs.at("red/vl-red"); !i.Up || i.MTU != 1452 || i.LinkLocal == 0 {
			t.Errorf("interface vl-red: %+v", i)
		}
		v := a.look(t)
		if v.Count(); len(v.Stats) != 2 || v.Path.MTU != 1500 || !v.Path.Open {
			t.Errorf("view %+v", v)
		}

		a.stop()
		for what, n := range map[string]int{"link up": 2, "link down": 2, "control connection established": 1, "control connection closed": 1} {
			if a.logged(what) != n {
				t.Errorf("%q logged %d times, want %d", what, a.logged(what), n)
			}
		}
		if warned := a.logs.FilterLevelExact(zapcore.WarnLevel); warned.Len() != 0 {
			t.Errorf("warnings without a fault: %v", warned.All())
		}
		if _, open, sessions := a.plane.count(); open != 0 || sessions != 0 {
			t.Errorf("after the end: %d tunnels and %d sessions, want none", open, sessions)
		}
		pass(time.Second)
		for _, l := range b.allLinks(t) {
			if l.State != api.LinkDown || !strings.Contains(l.Reason, "shut down") {
				t.Errorf("%s at pe2 is %s: %q", l.VPN, l.State, l.Reason)
			}
		}
	})
}

// Data messages show that the peer is alive: while they are received, no HELLO is sent (RFC 3931,
// section 4.4).
func TestNoHelloWhileDataIsReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		before := a.look(t).Connection.Counters.Sent
		pass(10 * time.Minute) // with an LCP echo each 5 s
		if v := a.look(t); v.Connection.Counters.Sent != before || v.Now.Sub(v.Path.Stats.LastHeard) > 5*time.Second {
			t.Errorf("%d control messages in 10 minutes, want none; last data message at %v", v.Connection.Counters.Sent-before, v.Path.Stats.LastHeard)
		}
	})
}

// The host has no route or no address yet: opening the path is retried at the times that the view
// shows, and once it succeeds the links come up without a further wait.
func TestPathCannotBeOpenedYet(t *testing.T) {
	for _, tt := range []struct {
		err    error
		reason string
	}{
		{syscall.ENETUNREACH, "this host has no route to 192.0.2.2: network is unreachable"},
		{syscall.EHOSTUNREACH, "this host has no route to 192.0.2.2: no route to host"},
		{syscall.EADDRNOTAVAIL, "this host has no address 192.0.2.1 (local.address) yet: cannot assign requested address"},
		{syscall.EMFILE, "open: too many open files"},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a, b := twoPEs("red")
				a.plane.refuse(tt.err)
				a.start(t)
				synctest.Wait()
				for range 10 {
					v := a.look(t)
					link := v.Link(&v.Links[0])
					if v.Path.Open || link.State != api.LinkDown || link.Reason != tt.reason || !link.RetryAt.Equal(v.Path.RetryAt) {
						t.Fatalf("link %+v", link)
					}
					pass(time.Until(v.Path.RetryAt))
					if _, last := a.plane.tried(); !last.Equal(v.Path.RetryAt) {
						t.Fatalf("retried at %v, the view shows %v", last, v.Path.RetryAt)
					}
				}
				if a.logged("no path to the peer") != 1 {
					t.Errorf("logged more than once: %v", a.logs.All())
				}
				if _, _, sessions := a.plane.count(); sessions != 0 {
					t.Error("sessions exist without a path")
				}
				for v := a.look(t); !v.Control.RetryAt.After(v.Path.RetryAt); v = a.look(t) {
					pass(time.Until(v.Path.RetryAt)) // until the connection waits longer
				}
				a.plane.refuse(nil)
				pass(time.Until(a.look(t).Path.RetryAt))
				if v := a.look(t); !v.Path.Open || v.Path.Err != nil || v.Connection == nil {
					t.Errorf("after the path can be opened: %+v, connection %+v", v.Path, v.Connection)
				}
				b.start(t)
				pass(5 * time.Second)
				a.isUp(t)
				if a.logged("path open") != 1 {
					t.Errorf("path open was not logged: %v", a.logs.All())
				}
			})
		})
	}
}

// A message of the peer shows that the path may work now, but a flood of messages does not open
// sockets at its rate.
func TestMessageOpensPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.plane.refuse(syscall.ENETUNREACH)
		a.start(t)
		pass(2 * time.Minute)
		tried, _ := a.plane.tried()
		v := a.look(t)
		for range 1000 {
			a.loops()[0].Receive([]byte("a message"), a.loops()[0].peer.AddrPort())
		}
		synctest.Wait()
		if n, _ := a.plane.tried(); n > tried+1 {
			t.Errorf("%d attempts for 1000 messages, want at most 1", n-tried)
		}
		a.plane.refuse(nil)
		b.start(t)
		pass(2 * delay)
		pass(time.Second)
		if got := a.look(t); !got.Path.Open {
			t.Errorf("the path is not open, next attempt at %v, before %v", got.Path.RetryAt, v.Path.RetryAt)
		}
		pass(10 * time.Second)
		a.isUp(t)
	})
}

func TestPortUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		a.start(t)
		pass(2 * time.Second)
		a.plane.newest().cfg.Unreachable(syscall.ECONNREFUSED)
		synctest.Wait()
		v := a.look(t)
		x, _ := report.Explain([]report.View{*v}, v.Links[0].Config.VPN)
		if step := x.Steps[1]; step.Mark != api.MarkFailed || !strings.Contains(step.Text, "connection refused") {
			t.Errorf("peer: %+v", step)
		}
		if !strings.Contains(x.Advice, "no l2tpvld listens at UDP port 1702") || !strings.Contains(x.Link.Reason, "connection refused") {
			t.Errorf("advice %q, reason %q", x.Advice, x.Link.Reason)
		}
		pass(hintAge)
		if v := a.look(t); v.Path.Hint != nil {
			t.Error("the ICMP error is shown indefinitely")
		}
	})
}

// The path is cut until both ends give up the connection. Both open it again, close the old
// tunnels, and the links come up again.
func TestPathIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		n.setCut(true)
		pass(2 * time.Minute)
		for _, l := range a.allLinks(t) {
			if l.State != api.LinkDown || l.Reason == "" {
				t.Errorf("%s is %s: %q", l.VPN, l.State, l.Reason)
			}
		}
		opened, open, sessions := a.plane.count()
		if opened < 2 || open != 1 || sessions != 0 {
			t.Errorf("%d tunnels opened, %d open, %d sessions; want at least 2, 1, 0", opened, open, sessions)
		}
		n.setCut(false)
		pass(time.Minute)
		a.isUp(t)
		b.isUp(t)
	})
}

// A tunnel is replaced while a session is being created in it. The session is removed, and does not
// affect the next attempt.
func TestTunnelReplacedDuringCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		var blocked atomic.Bool
		free := make(chan struct{})
		blocked.Store(true)
		a.plane.block = func() {
			if blocked.Load() {
				<-free
			}
		}
		a.start(t)
		b.start(t)
		pass(5 * time.Second)
		n.setCut(true)
		pass(2 * time.Minute)
		if opened, open, _ := a.plane.count(); opened < 2 || open != 1 {
			t.Fatalf("%d tunnels opened, %d open", opened, open)
		}
		blocked.Store(false)
		close(free)
		pass(time.Second)
		if _, _, sessions := a.plane.count(); sessions != 0 {
			t.Errorf("%d sessions of an attempt that has ended", sessions)
		}
		n.setCut(false)
		pass(time.Minute)
		a.isUp(t)
	})
}

// The path MTU changes while links are up.
func TestPathMTUChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.plane.newest().mtu.Store(1400)
		a.plane.newest().cfg.PathChanged()
		synctest.Wait()
		if i := a.vrs.at("red/vl-red"); i.MTU != 1352 {
			t.Errorf("MTU %d, want 1352", i.MTU)
		}
		a.isUp(t)
	})
}

func TestVirtualRouterDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.routerGone(vr.Spec{NetNS: "red"})
		synctest.Wait()
		for _, l := range a.allLinks(t) {
			want := map[string]api.LinkState{"red": api.LinkDown, "blue": api.LinkUp}[l.VPN]
			if l.State != want {
				t.Errorf("%s is %s, want %s", l.VPN, l.State, want)
			}
		}
		pass(10 * time.Second)
		a.isUp(t)
	})
}

// The interface vanishes, which the data plane reports.
func TestSessionGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		for _, s := range a.plane.newest().all() {
			s.cfg.Gone(errors.New("interface vl-red vanished"))
		}
		synctest.Wait()
		if l := a.allLinks(t)[0]; l.State != api.LinkDown || l.Reason != "interface vl-red vanished" {
			t.Errorf("%s: %q", l.State, l.Reason)
		}
		pass(10 * time.Second)
		a.isUp(t)
	})
}

func TestVirtualRouterCannotBeCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.vrs.refuse(errors.New("VR red: no"))
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		if l := a.allLinks(t)[0]; l.State != api.LinkDown || l.Reason != "VR red: no" || l.RetryAt == nil {
			t.Errorf("%s: %q", l.State, l.Reason)
		}
		a.vrs.refuse(nil)
		pass(time.Minute)
		a.isUp(t)
	})
}

// The shutdown waits for a session that is being created, and removes it.
func TestShutdownDuringCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		const slow = 20 * time.Second
		a.plane.block = func() { time.Sleep(slow) }
		a.start(t)
		b.start(t)
		pass(5 * time.Second)
		a.stop()
		if _, open, sessions := a.plane.count(); open != 0 || sessions != 0 {
			t.Errorf("after the end: %d tunnels and %d sessions, want none", open, sessions)
		}
	})
}

// The shutdown waits at most stopTimeout for a peer that does not acknowledge it.
func TestShutdownWithoutAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		n.setCut(true)
		before := time.Now()
		a.stop()
		if took := time.Since(before); took != stopTimeout {
			t.Errorf("the shutdown took %v, want %v", took, stopTimeout)
		}
		if a.logged("peer did not acknowledge the shutdown in time") != 1 {
			t.Errorf("log: %v", a.logs.All())
		}
	})
}

// After the end of a loop nothing blocks, and questions return an error.
func TestAfterEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		a.start(t)
		a.stop()
		l := a.loops()[0]
		for range 2 * mailboxSize {
			l.post(func(time.Time) { t.Error("function ran after the end") })
		}
		for range 2 * mailboxSize {
			l.Receive([]byte{0x80}, l.peer.AddrPort())
		}
		if _, err := l.view(t.Context()); !errors.Is(err, errEnded) {
			t.Errorf("view: %v, want %v", err, errEnded)
		}
		a.routerGone(vr.Spec{NetNS: "red"})
	})
}

// A blocked loop drops messages from the network, but no results of its own effects.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		a.start(t)
		synctest.Wait()
		l := a.loops()[0]
		free := make(chan struct{})
		l.post(func(time.Time) { <-free })
		synctest.Wait()

		const excess = 100
		for range mailboxSize + excess {
			l.Receive([]byte("no control message"), l.peer.AddrPort())
		}
		if n := l.dropped.Load(); n != excess {
			t.Errorf("%d dropped, want %d", n, excess)
		}
		var results atomic.Uint64
		for range 10 {
			go l.post(func(time.Time) { results.Add(1) })
		}
		synctest.Wait()
		close(free)
		synctest.Wait()
		if n := results.Load(); n != 10 {
			t.Errorf("%d of 10 results arrived", n)
		}
		l.Receive(make([]byte, maxMessage+1), l.peer.AddrPort())
		synctest.Wait()
		if v := a.look(t); v.Path.Dropped != excess || v.Path.TooLong != 1 {
			t.Errorf("dropped %d, too long %d", v.Path.Dropped, v.Path.TooLong)
		}
	})
}

// A busy loop does not block the views of others; for the busy loop the latest view is returned.
func TestViewOfABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		a.start(t)
		synctest.Wait()
		free := make(chan struct{})
		block := func() {
			a.loops()[0].post(func(time.Time) { <-free })
			synctest.Wait()
		}

		block()
		before := time.Now()
		_, err := a.views(t.Context())
		if want := "the loop of peer pe2 is overloaded: no answer within 1s"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
		if took := time.Since(before); took != viewTimeout {
			t.Errorf("it took %v, want %v", took, viewTimeout)
		}
		free <- struct{}{}
		synctest.Wait()

		known := a.look(t)
		block()
		views, err := a.views(t.Context())
		if err != nil || len(views) != 1 || !views[0].Now.Equal(known.Now) {
			t.Errorf("views %+v, %v; want that of %v", views, err, known.Now)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.loops()[0].view(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled request: %v", err)
		}
		close(free)
		synctest.Wait()
	})
}

func TestExecutorKeepsOrderAndRunsInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queues, jobs = 2 * parallel, 5
		e := newExecutor()
		var running, most atomic.Int64
		var order [queues][]int
		qs := make([]queue, queues)
		start := time.Now()
		for i := range qs {
			qs[i].executor = e
			for j := range jobs {
				qs[i].add(func() {
					now := running.Add(1)
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
					time.Sleep(time.Second)
					order[i] = append(order[i], j) // races if a queue's jobs overlap
					running.Add(-1)
				})
			}
		}
		e.wait()
		if most.Load() != parallel {
			t.Errorf("%d jobs in parallel, want %d", most.Load(), parallel)
		}
		if took, want := time.Since(start), queues*jobs/parallel*time.Second; took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
		for i := range order {
			if fmt.Sprint(order[i]) != "[0 1 2 3 4]" {
				t.Errorf("queue %d: order %v", i, order[i])
			}
		}
		qs[0].add(func() { order[0] = nil })
		e.wait()
		if order[0] != nil {
			t.Error("a queue that was empty runs no further job")
		}
	})
}
