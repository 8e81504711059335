package static

import (
	"fmt"
	"testing"
	"time"

	"github.com/katalix/go-l2tp/l2tp"
)

// A quiescent tunnel of go-l2tp v0.1.8 that sends HELLOs ends, although the peer acknowledges each.
// Therefore this package does not use quiescent tunnels, and ql2tpd cannot be configured to send
// HELLOs (hello_timeout). When this test fails, the defect is repaired, and a quiescent tunnel
// would find out whether a static peer is alive. The test closes nothing: closing a tunnel that is
// ending panics.
func TestQuiescentTunnelsEndByTheirHello(t *testing.T) {
	const a, b = "127.0.0.1:47011", "127.0.0.1:47012"
	ended := make(chan string, 2)
	open := func(local, peer string, id, peerID l2tp.ControlConnID, hello time.Duration) {
		context, err := l2tp.NewContext(nil, nil) // no data plane
		if err != nil {
			t.Fatal(err)
		}
		context.RegisterEventHandler(handler(func(event any) {
			if down, ok := event.(*l2tp.SessionDownEvent); ok {
				ended <- down.TunnelName
			}
		}))
		tunnel, err := context.NewQuiescentTunnel(fmt.Sprint(id), &l2tp.TunnelConfig{
			Local: local, Peer: peer, Version: l2tp.ProtocolVersion3, Encap: l2tp.EncapTypeUDP, TunnelID: id, PeerTunnelID: peerID,
			HelloTimeout: hello,
			RetryTimeout: 500 * time.Millisecond, // the peer acknowledges after 100 ms
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tunnel.NewSession("session", &l2tp.SessionConfig{SessionID: 1, PeerSessionID: 1, Pseudowire: l2tp.PseudowireTypePPP}); err != nil {
			t.Fatal(err)
		}
	}
	open(b, a, 2, 1, 0)
	open(a, b, 1, 2, 100*time.Millisecond)
	select {
	case name := <-ended:
		if name != "1" {
			t.Errorf("tunnel %s has ended, although it sends no HELLO", name)
		}
	case <-time.After(time.Minute):
		t.Error("the tunnel has not ended after a minute: go-l2tp is repaired")
	}
}

type handler func(event any)

func (h handler) HandleEvent(event any) { h(event) }
