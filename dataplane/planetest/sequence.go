package planetest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// sBit is the S bit of the Default L2-Specific Sublayer (RFC 3931 section 4.6).
const sBit = 1 << 30

// scripted is an end whose peer is a mere socket.
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

// header is a data message up to its sublayer.
func header(id uint32, cookie []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0, 3, 0, 0}, id), cookie...)
}

// send sends a frame behind that sublayer.
func (w scripted) send(sublayer uint32, frame string) {
	w.t.Helper()
	message := binary.BigEndian.AppendUint32(header(w.Config.LocalID, w.Config.LocalCookie), sublayer)
	_, err := w.peer.Write(append(append(message, 0xff, 3), frame...))
	Must(w.t, err)
}

// echo is an LCP Echo-Reply (RFC 1661 section 5.8) with that Identifier.
func echo(id byte) string { return string([]byte{0xc0, 0x21, 10, id, 0, 8, 0, 0, 0, 0}) }

// The first message has number 0, each further one the next (RFC 3931 section 4.6). Without
// sequence numbers the sublayer says that there is none.
func testNumbersSent(t *testing.T, g *Rig) {
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

// What comes late, twice or without a number is dropped and counted. Neither a gap nor the number's
// wrapping around stops what follows, though some data planes wait for a while for what is missing
// (RFC 3931 appendix C).
func testNumbersReceived(t *testing.T, g *Rig) {
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
		w.send(sBit|repeat, "\xc0\x21late or twice")
		w.send(uint32(number+1), "\xc0\x21not numbered")
		dropped += 2
	}
	w.send(sBit|3, echo(3))
	expect(3)
	if got, want := w.Stats(), (dataplane.Stats{RxFrames: 4, RxSequence: dropped, LastHeard: w.Stats().LastHeard}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// Leaps forward, once around, as less than half of the numbers are ahead at a time. A frame
	// that was read late is of the leap before.
	for quarter := range uint32(4) {
		id, taken := byte(10+quarter), false
		for number := (quarter+1)<<22 - 3; !taken; number++ {
			w.send(sBit|number&(1<<24-1), echo(id))
			w.waitTaken()
			for len(w.Frames) > 0 && !taken {
				taken = <-w.Frames == echo(id)
			}
		}
	}
}

// waitTaken returns when all that was sent has been looked at.
func (w scripted) waitTaken() {
	w.t.Helper()
	_, err := w.peer.Write(ControlMessage)
	Must(w.t, err)
	<-w.Control
}
