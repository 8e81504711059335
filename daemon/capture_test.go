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

// captureOf captures the control messages of the only peer until the returned function is called,
// which returns them.
func (p *pe) captureOf(t *testing.T, count int) (end func() []api.Captured) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	batches, err := p.Capture(ctx, p.cfg().Peers[0].Name, count)
	if err != nil {
		t.Fatal(err)
	}
	var all []api.Captured
	done := make(chan struct{})
	go func() {
		defer close(done)
		for batch := range batches {
			all = append(all, batch...)
		}
	}()
	return func() []api.Captured {
		cancel()
		<-done
		return all
	}
}

// tapped returns the number of taps.
func (p *pe) tapped(t *testing.T) int {
	t.Helper()
	n, err := ask(t.Context(), p.loops()[0], func(time.Time) int { return len(p.loops()[0].taps) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A capture contains each control message in both directions, dissected. Digests are verified even
// if the capture starts during a connection.
func TestCapture(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, a, b := twoPEs("red", "blue")
				a.reconfigure(func(c *config.Config) { c.Peers[0].Role = config.RolePassive })
				var mu sync.Mutex
				var wire []string
				var started atomic.Bool
				started.Store(!late)
				n.seen = func(message []byte, from, to netip.AddrPort) {
					mu.Lock()
					defer mu.Unlock()
					if started.Load() {
						wire = append(wire, fmt.Sprintf("%v %v %x", from, to, message))
					}
				}
				a.start(t)
				if late {
					b.start(t)
					pass(10 * time.Second)
					a.isUp(t)
					started.Store(true)
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
					var message dissect.Control
					if err := json.Unmarshal(c.Message, &message); err != nil {
						t.Fatal(err)
					}
					if message.Digest != dissect.Right || message.Faulty() || c.Missed != 0 || c.Transport != "udp" || c.Sent != strings.HasPrefix(c.From, "192.0.2.1:") {
						t.Errorf("%s %+v", c.Message, c)
					}
					types = append(types, message.Type)
				}
				slices.Sort(got)
				slices.Sort(wire)
				if !slices.Equal(got, wire) {
					t.Errorf("captured\n%s\nbut on the wire were\n%s", strings.Join(got, "\n"), strings.Join(wire, "\n"))
				}
				if !slices.Contains(types, "CDN") || slices.Contains(types, "SCCRQ") == late {
					t.Errorf("captured %q", types)
				}
				if n := a.tapped(t); n != 0 {
					t.Errorf("%d taps left, want none", n)
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

// A slow client misses messages and receives their number; the loop does not wait.
func TestCaptureSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		l := a.loops()[0]
		slow := &tap{messages: make(chan tapped, 2)}
		l.taps = []*tap{slow}
		message := []byte{1}
		for range 5 {
			l.tapReceived(time.Now(), message, netip.MustParseAddrPort("192.0.2.2:1702"))
		}
		message[0] = 2 // the loop reuses its buffers
		first := <-slow.messages
		l.tapReceived(time.Now(), message, netip.MustParseAddrPort("192.0.2.2:1702"))
		<-slow.messages
		last := <-slow.messages
		if first.missed != 0 || !bytes.Equal(first.octets, []byte{1}) || last.missed != 3 || last.octets[0] != 2 {
			t.Errorf("first %+v, last %+v", first, last)
		}
	})
}

func TestCaptureLimits(t *testing.T) {
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
				t.Errorf("%d messages, want 3", n)
			}
		}
		if n := a.tapped(t); n != 0 {
			t.Errorf("%d taps left, want none", n)
		}
	})
}
