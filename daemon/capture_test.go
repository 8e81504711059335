package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// captureOf collects what is captured of the one peer until the end of the function that it
// returns.
func (p *pe) captureOf(t *testing.T, count int) (end func() []api.Captured) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	batches, err := p.Capture(ctx, p.cfg().Peers[0].Name, count)
	if err != nil {
		t.Fatal(err)
	}
	var all []api.Captured
	over := make(chan struct{})
	go func() {
		defer close(over)
		for batch := range batches {
			all = append(all, batch...)
		}
	}()
	return func() []api.Captured {
		cancel()
		<-over
		return all
	}
}

// tapped is how many listen in.
func (p *pe) tapped(t *testing.T) int {
	t.Helper()
	n, err := ask(t.Context(), p.loops()[0], func(time.Time) int { return len(p.loops()[0].taps) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A capture has each message that crosses the network, both ways, with what it says: digests are
// checked also if the capture begins in the midst of a connection.
func TestCapture(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, a, b := twoPEs("red", "blue")
				a.reconfigure(func(c *config.Config) { c.Peers[0].Role = config.RolePassive })
				var mu sync.Mutex
				var wire []string
				var begun atomic.Bool
				begun.Store(!late)
				n.seen = func(message []byte, from, to netip.AddrPort) {
					mu.Lock()
					defer mu.Unlock()
					if begun.Load() {
						wire = append(wire, fmt.Sprintf("%v %v %x", from, to, message))
					}
				}
				a.start(t)
				if late {
					b.start(t)
					pass(10 * time.Second)
					a.isUp(t)
					begun.Store(true)
				}
				end := a.captureOf(t, 100_000)
				if !late {
					b.start(t)
				}
				pass(time.Minute)
				a.isUp(t)
				a.routerGone(wiring.Router(a.cfg().VPNs[0].VR))
				pass(30 * time.Second)

				var got, types []string
				captured := end()
				for _, c := range captured {
					got = append(got, fmt.Sprintf("%v %v %x", c.From, c.To, c.Octets))
					var said dissect.Control
					if err := json.Unmarshal(c.Message, &said); err != nil {
						t.Fatal(err)
					}
					if said.Digest != dissect.Right || said.Faulty() || c.Missed != 0 || c.Transport != "udp" || c.Sent != strings.HasPrefix(c.From, "192.0.2.1:") {
						t.Errorf("%s %+v", c.Message, c)
					}
					types = append(types, said.Type)
				}
				slices.Sort(got)
				slices.Sort(wire)
				if !slices.Equal(got, wire) {
					t.Errorf("captured\n%s\nthe network has seen\n%s", strings.Join(got, "\n"), strings.Join(wire, "\n"))
				}
				if !slices.Contains(types, "CDN") || slices.Contains(types, "SCCRQ") == late {
					t.Errorf("captured %q", types)
				}
				if n := a.tapped(t); n != 0 {
					t.Errorf("%d taps are still there", n)
				}
				document := parseDocument(t)
				text, _ := json.Marshal(captured[0])
				if err := document.validate(t, api.PathCapture+"/{peer}", http.MethodGet, "200", rest.LinesType, text); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A client that is too slow misses messages, and is told how many; the loop goes on.
func TestCaptureOfASlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		l := a.loops()[0]
		slow := &tap{messages: make(chan tapped, 2)}
		l.taps = []*tap{slow}
		message := []byte{1}
		for range 5 {
			l.tapReceived(time.Now(), message, netip.MustParseAddrPort("192.0.2.2:1702"))
		}
		message[0] = 2 // the loop uses its buffers again
		first := <-slow.messages
		l.tapReceived(time.Now(), message, netip.MustParseAddrPort("192.0.2.2:1702"))
		<-slow.messages
		last := <-slow.messages
		if first.missed != 0 || !bytes.Equal(first.octets, []byte{1}) || last.missed != 3 || last.octets[0] != 2 {
			t.Errorf("first %+v, last %+v", first, last)
		}
	})
}

func TestCaptureBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		var ends []func() []api.Captured
		for range maxTaps {
			ends = append(ends, a.captureOf(t, 3))
		}
		synctest.Wait()
		for _, tt := range []struct {
			peer   string
			status int
			text   string
		}{
			{"pe9", 404, `no peer "pe9" is configured here`},
			{"pe2", 409, "peer pe2 already has 8 captures; end one of them"},
		} {
			_, err := a.Capture(t.Context(), tt.peer, 1)
			if r, ok := errors.AsType[*rest.Error](err); !ok || r.Status != tt.status || r.Text != tt.text {
				t.Errorf("%s: %v", tt.peer, err)
			}
		}
		pass(time.Minute)
		for _, end := range ends {
			if n := len(end()); n != 3 {
				t.Errorf("%d messages, want the 3 asked for", n)
			}
		}
		if n := a.tapped(t); n != 0 {
			t.Errorf("%d taps are still there", n)
		}
	})
}
