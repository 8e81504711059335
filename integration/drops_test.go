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

// drops is how many datagrams have changed nothing at a PE, by whatever reason.
func (r *rig) drops(pe *lab.PE) (total uint64) {
	r.Helper()
	for _, n := range r.dropsByReason(pe) {
		total += n
	}
	return total
}

func (r *rig) dropsByReason(pe *lab.PE) map[string]uint64 {
	r.Helper()
	status, err := pe.Client().Status(r.ctx)
	r.must(err)
	return status.Drops
}

// overheard are datagrams of a PE to its peer, to be spoilt and sent again.
type overheard struct {
	sccrq, control, data []byte
}

func (r *rig) overhear(frames []tshark.Frame, from *lab.PE) overheard {
	r.Helper()
	var o overheard
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
		r.Fatalf("of %s was overheard: SCCRQ %x, Hello %x, data %x; want one of each", from.Name, o.sccrq, o.control, o.data)
	}
	return o
}

// spoilt is a copy of a datagram, changed.
func spoilt(b []byte, change func(b []byte)) []byte {
	b = bytes.Clone(b)
	change(b)
	return b
}

const (
	connectionIDAt = 4           // in a control message over UDP (RFC 3931 section 3.2.1)
	sessionIDAt    = 4           // in a data message over UDP (RFC 3931 section 4.1.2.1)
	cookieAt       = 8           // behind it
	digestAt       = 12 + 8 + 10 // in the middle of the digest: it stands behind the Message Type AVP
)

// What does not come from the peer, or is not whole, changes nothing, and is counted by its reason.
func TestForgedAndMalformedDatagramsChangeNothing(t *testing.T) {
	r := newRig(t, found)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.start(r.PE1, withRole(withoutHello(r.PE1.Config().Quick()), "passive")) // so that there is an SCCRQ of PE2's
	r.start(r.PE2, r.PE2.Config().Quick())
	r.waitAllUp()
	r.waitPings("red")
	r.waitHello(r.PE2)
	from := r.overhear(r.readCapture(c), r.PE2)

	links := map[string]string{}
	for _, vpn := range r.VPNs {
		links[vpn] = r.link(r.PE1, vpn).Since.String()
	}
	connection := r.peer(r.PE1)

	peerAt := netip.AddrPortFrom(r.PE2.Address, l2tpPort)
	stranger := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.66"), l2tpPort)
	reasons := map[string]bool{}
	for _, tt := range []struct {
		name    string
		from    netip.AddrPort
		payload []byte
	}{
		{"empty", peerAt, nil},
		{"one octet", peerAt, []byte{0xc8}},
		{"text", peerAt, []byte("GET / HTTP/1.1\r\nHost: pe1\r\n\r\n")},
		{"control message of noise", peerAt, append([]byte{0xc8, 0x03}, bytes.Repeat([]byte{0xa5}, 200)...)},
		{"of L2TPv2", peerAt, spoilt(from.control, func(b []byte) { b[1] = 2 })},
		{"truncated header", peerAt, from.control[:11]},
		{"truncated control message", peerAt, from.control[:len(from.control)-1]},
		{"length beyond the end", peerAt, spoilt(from.control, func(b []byte) { binary.BigEndian.PutUint16(b[2:], 0xffff) })},
		{"wrong digest", peerAt, spoilt(from.control, func(b []byte) { b[digestAt] ^= 1 })},
		{"changed under its digest", peerAt, spoilt(from.control, func(b []byte) { b[9]++ })},
		{"SCCRQ with a wrong digest", peerAt, spoilt(from.sccrq, func(b []byte) { b[digestAt] ^= 1 })},
		{"unknown connection", peerAt, spoilt(from.control, func(b []byte) { b[connectionIDAt] ^= 0xff })},
		{"SCCRQ of a stranger", stranger, from.sccrq},
		{"control message of a stranger", stranger, from.control},
		{"data of a stranger", stranger, from.data},
		{"unknown session", peerAt, spoilt(from.data, func(b []byte) { b[sessionIDAt] ^= 0xff })},
		{"wrong cookie", peerAt, spoilt(from.data, func(b []byte) { b[cookieAt] ^= 0xff })},
		{"data without a cookie", peerAt, from.data[:cookieAt+2]},
		{"data without a PPP protocol", peerAt, from.data[:cookieAt+8+2]}, // FF 03 and no more
	} {
		before := r.dropsByReason(r.PE1)
		r.must(r.PE2.NS.Inject(tt.from, netip.AddrPortFrom(r.PE1.Address, l2tpPort), tt.payload))
		r.wait(tt.name+" to be counted", func() (bool, string, error) {
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
		t.Errorf("all that was dropped for %d reasons only: %v", len(reasons), reasons)
	}

	for _, vpn := range r.VPNs {
		if now := r.link(r.PE1, vpn); !isUp(now) || now.Since.String() != links[vpn] {
			t.Errorf("%s did not stay up: %s", vpn, asJSON(now))
		}
	}
	if now := r.peer(r.PE1); now.LocalID != connection.LocalID || now.Since != connection.Since {
		t.Errorf("the connection did not stay: %s, before %s", asJSON(now), asJSON(connection))
	}
	r.waitPings("red")
}

// Old messages of the peer, genuine to the last octet, are duplicates: they are acknowledged and
// change nothing.
func TestReplayChangesNothing(t *testing.T) {
	r := newRig(t, found)
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
	r.waitHello(r.PE2) // later than all of these
	if now := r.peer(r.PE1); now.State != "established" || now.LocalID != before.LocalID || now.Since != before.Since {
		t.Errorf("the connection did not stay: %s, before %s", asJSON(now), asJSON(before))
	}
	if now := r.link(r.PE1, "red"); !isUp(now) || now.Since != red.Since {
		t.Errorf("red did not stay up: %s", asJSON(now))
	}
	r.waitPings("red")
}
