package planetest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// sBit is the S bit of the Default L2-Specific Sublayer (RFC 3931, section 4.6).
const sBit = 1 << 30

// scripted is an end whose peer is a plain socket of the test.
type scripted struct {
	*End
	t    *testing.T
	peer *net.UDPConn
}

func (g *Rig) newScripted(t *testing.T, sublayer dataplane.Sublayer) scripted {
	t.Helper()
	e, other := g.End(0, 1, 8), g.PEs[1]
	Must(t, e.Open(e.V4, other.V4))
	t.Cleanup(func() { Must(t, e.Tunnel.Close()) })
	w := scripted{End: e, t: t}
	Must(t, other.Host.Do(func() (err error) {
		w.peer, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(other.V4, 1701)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.V4, 1701)))
		return err
	}))
	t.Cleanup(func() { w.peer.Close() })
	e.Config.Sublayer = sublayer
	Must(t, e.Create())
	return w
}

// header returns the start of a data message, before its sublayer.
func header(id uint32, cookie []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0, 3, 0, 0}, id), cookie...)
}

// send sends a data message with a sublayer and a frame.
func (w scripted) send(sublayer uint32, frame string) {
	w.t.Helper()
	message := binary.BigEndian.AppendUint32(header(w.Config.LocalID, w.Config.LocalCookie), sublayer)
	_, err := w.peer.Write(append(append(message, 0xff, 3), frame...))
	Must(w.t, err)
}

// echo returns an LCP Echo-Reply (RFC 1661, section 5.8) with an Identifier.
func echo(id byte) string { return string([]byte{0xc0, 0x21, 10, id, 0, 8, 0, 0, 0, 0}) }

// The first message has number 0, each further one the next (RFC 3931, section 4.6). Without
// sequence numbers the S bit of the sublayer is clear.
func testSequenceNumbersSent(t *testing.T, g *Rig) {
	for _, sublayer := range []dataplane.Sublayer{
		dataplane.NoSublayer, dataplane.SublayerAlone, dataplane.SublayerSequenced, dataplane.SublayerSequencedNonIP,
	} {
		w := g.newScripted(t, sublayer)
		buffer := make([]byte, 100)
		for number := range uint32(3) {
			Must(t, w.SendFrame([]byte(echo(1))))
			n, err := w.peer.Read(buffer)
			Must(t, err)
			want := header(w.Config.PeerID, w.Config.PeerCookie)
			if sublayer.Sequenced() {
				want = binary.BigEndian.AppendUint32(want, sBit|number)
			} else if sublayer == dataplane.SublayerAlone {
				want = binary.BigEndian.AppendUint32(want, 0)
			}
			if want = append(append(want, 0xff, 3), echo(1)...); string(buffer[:n]) != string(want) {
				t.Errorf("sublayer %d, message %d: sent %x, want %x", sublayer, number, buffer[:n], want)
			}
		}
		w.peer.Close()
		Must(t, w.Tunnel.Close())
	}
}

// Messages that are late, duplicate or not numbered are dropped and counted. Messages after a gap,
// or after the number has wrapped around, are delivered, although some data planes first wait some
// milliseconds for a missing message (RFC 3931, appendix C).
func testSequenceNumbersReceived(t *testing.T, g *Rig) {
	w := g.newScripted(t, dataplane.SublayerSequenced)
	expect := func(id byte) {
		t.Helper()
		if got := <-w.Frames; got != echo(id) {
			t.Errorf("got %x, want %x", got, echo(id))
		}
	}
	dropped := uint64(0)
	for number, repeat := range []uint32{0, 0, 1} {
		w.send(sBit|uint32(number), echo(byte(number)))
		expect(byte(number))
		w.send(sBit|repeat, "\xc0\x21late or duplicate")
		w.send(uint32(number+1), "\xc0\x21not numbered")
		dropped += 2
	}
	w.send(sBit|3, echo(3))
	expect(3)
	if got, want := w.Stats(), (dataplane.Stats{RxFrames: 4, RxSequence: dropped, LastHeard: w.Stats().LastHeard}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// Jump ahead until all numbers are used, a quarter at a time, because less than half of the
	// numbers count as ahead. A frame that is read late belongs to the jump before.
	for quarter := range uint32(4) {
		id, delivered := byte(10+quarter), false
		for number := (quarter+1)<<22 - 3; !delivered; number++ {
			w.send(sBit|number&(1<<24-1), echo(id))
			w.waitHandled()
			for len(w.Frames) > 0 && !delivered {
				delivered = <-w.Frames == echo(id)
			}
		}
	}
}

// waitHandled returns when the tunnel has handled all messages that were sent.
func (w scripted) waitHandled() {
	w.t.Helper()
	_, err := w.peer.Write(ControlMessage)
	Must(w.t, err)
	<-w.Control
}
