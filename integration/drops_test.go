package integration

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// drops returns the number of datagrams that a PE has dropped.
func (r *rig) drops(pe *lab.PE) (total uint64) {
	r.Helper()
	for _, n := range r.dropsByReason(pe) {
		total += n
	}
	return total
}

// dropsByReason returns the number of datagrams that a PE has dropped, by reason.
func (r *rig) dropsByReason(pe *lab.PE) map[string]uint64 {
	r.Helper()
	status, err := pe.Client().Status(r.ctx)
	r.must(err)
	return status.Drops
}

// capturedDatagrams has genuine datagrams from a PE to its peer, to be changed and sent again.
type capturedDatagrams struct {
	sccrq, control, data []byte
}

// pickDatagrams returns one SCCRQ, HELLO and data message that a PE has sent.
func (r *rig) pickDatagrams(frames []tshark.Frame, from *lab.PE) capturedDatagrams {
	r.Helper()
	var o capturedDatagrams
	for _, f := range frames {
		switch {
		case f.Source.Addr() != from.Address:
		case f.HasType && f.Type == l2tp.SCCRQ:
			o.sccrq = f.Payload
		case f.HasType && f.Type == l2tp.HELLO:
			o.control = f.Payload
		case f.Is("ip") && f.SessionID != 0:
			o.data = f.Payload
		}
	}
	if o.sccrq == nil || o.control == nil || o.data == nil {
		r.Fatalf("captured from %s: SCCRQ %x, HELLO %x, data %x; want one of each", from.Name, o.sccrq, o.control, o.data)
	}
	return o
}

// modified returns a changed copy of a datagram.
func modified(b []byte, change func(b []byte)) []byte {
	b = bytes.Clone(b)
	change(b)
	return b
}

const (
	connectionIDAt = 4           // in a control message over UDP (RFC 3931, section 3.2.1)
	sessionIDAt    = 4           // in a data message over UDP (RFC 3931, section 4.1.2.1)
	cookieAt       = 8           // after the session ID
	digestAt       = 12 + 8 + 10 // in the Message Digest AVP, after the Message Type AVP
)

// Datagrams that are forged or malformed change nothing, and are counted by reason.
func TestForgedAndMalformedDatagramsChangeNothing(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	// PE1 is passive, so that PE2 sends an SCCRQ.
	r.start(r.PE1, withRole(withoutHello(r.PE1.Config().Quick()), "passive"))
	r.start(r.PE2, r.PE2.Config().Quick())
	r.waitAllUp()
	r.waitPings("red")
	r.waitHello(r.PE2)
	from := r.pickDatagrams(r.readCapture(c), r.PE2)

	links := map[string]string{}
	for _, vpn := range r.VPNs {
		links[vpn] = r.link(r.PE1, vpn).Since.String()
	}
	connection := r.peer(r.PE1)

	peerAt := netip.AddrPortFrom(r.PE2.Address, l2tpPort)
	unknown := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.66"), l2tpPort)
	reasons := map[string]bool{}
	for _, tt := range []struct {
		name    string
		from    netip.AddrPort
		payload []byte
	}{
		{"empty", peerAt, nil},
		{"one octet", peerAt, []byte{0xc8}},
		{"text", peerAt, []byte("GET / HTTP/1.1\r\nHost: pe1\r\n\r\n")},
		{"control message of arbitrary octets", peerAt, append([]byte{0xc8, 0x03}, bytes.Repeat([]byte{0xa5}, 200)...)},
		{"version L2TPv2", peerAt, modified(from.control, func(b []byte) { b[1] = 2 })},
		{"truncated header", peerAt, from.control[:11]},
		{"truncated control message", peerAt, from.control[:len(from.control)-1]},
		{"length beyond the end", peerAt, modified(from.control, func(b []byte) { binary.BigEndian.PutUint16(b[2:], 0xffff) })},
		{"wrong digest", peerAt, modified(from.control, func(b []byte) { b[digestAt] ^= 1 })},
		{"changed after the digest was computed", peerAt, modified(from.control, func(b []byte) { b[9]++ })},
		{"SCCRQ with a wrong digest", peerAt, modified(from.sccrq, func(b []byte) { b[digestAt] ^= 1 })},
		{"unknown connection", peerAt, modified(from.control, func(b []byte) { b[connectionIDAt] ^= 0xff })},
		{"SCCRQ from an unknown address", unknown, from.sccrq},
		{"control message from an unknown address", unknown, from.control},
		{"data from an unknown address", unknown, from.data},
		{"unknown session", peerAt, modified(from.data, func(b []byte) { b[sessionIDAt] ^= 0xff })},
		{"wrong cookie", peerAt, modified(from.data, func(b []byte) { b[cookieAt] ^= 0xff })},
		{"data without a cookie", peerAt, from.data[:cookieAt+2]},
		{"data without a PPP protocol", peerAt, from.data[:cookieAt+8+2]}, // only FF 03
	} {
		before := r.dropsByReason(r.PE1)
		r.must(r.PE2.NS.Inject(tt.from, netip.AddrPortFrom(r.PE1.Address, l2tpPort), tt.payload))
		r.wait("drop counter for: "+tt.name, func() (bool, string, error) {
			now := r.dropsByReason(r.PE1)
			for reason, n := range now {
				if n > before[reason] {
					t.Logf("%s: counted as %q", tt.name, reason)
					reasons[reason] = true
					return true, "", nil
				}
			}
			return false, asJSON(now), nil
		})
	}
	if len(reasons) < 5 {
		t.Errorf("%d reasons of drops, want at least 5: %v", len(reasons), reasons)
	}

	for _, vpn := range r.VPNs {
		if now := r.link(r.PE1, vpn); !isUp(now) || now.Since.String() != links[vpn] {
			t.Errorf("%s did not stay up: %s", vpn, asJSON(now))
		}
	}
	if now := r.peer(r.PE1); now.LocalID != connection.LocalID || now.Since != connection.Since {
		t.Errorf("the connection has changed: %s, before %s", asJSON(now), asJSON(connection))
	}
	r.waitPings("red")
}

// Replayed messages of the peer are duplicates: they are acknowledged and change nothing.
func TestReplayChangesNothing(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.start(r.PE1, withoutHello(r.PE1.Config().Quick()))
	r.start(r.PE2, r.PE2.Config().Quick())
	r.waitAllUp()
	r.waitHello(r.PE2)
	frames := r.readCapture(c)
	before, red := r.peer(r.PE1), r.link(r.PE1, "red")

	to := netip.AddrPortFrom(r.PE1.Address, l2tpPort)
	replay := func(f tshark.Frame) {
		if f.HasType && f.Source.Addr() == r.PE2.Address {
			r.must(r.PE2.NS.Inject(f.Source, to, f.Payload))
		}
	}
	for _, f := range frames {
		replay(f)
	}
	for _, f := range slices.Backward(frames) {
		replay(f)
	}
	r.waitHello(r.PE2) // so that PE1 has processed all replayed messages
	if now := r.peer(r.PE1); now.State != "established" || now.LocalID != before.LocalID || now.Since != before.Since {
		t.Errorf("the connection has changed: %s, before %s", asJSON(now), asJSON(before))
	}
	if now := r.link(r.PE1, "red"); !isUp(now) || now.Since != red.Since {
		t.Errorf("red did not stay up: %s", asJSON(now))
	}
	r.waitPings("red")
}
