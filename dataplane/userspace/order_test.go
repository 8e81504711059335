package userspace

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// sequenced is the S bit of the Default L2-Specific Sublayer.
const sequenced = 1 << 30

// Accepted are messages that are ahead by less than half of the numbers (RFC 3931, section 4.6),
// and messages that seem old once maxOldRun consecutive ones have arrived (appendix C).
func TestOrder(t *testing.T) {
	accepts := func(o *order, word uint32) bool {
		sublayer, _, err := l2tp.ParseDefaultSublayer(binary.BigEndian.AppendUint32(nil, word))
		planetest.Must(t, err)
		return o.accepts(sublayer)
	}
	run := func(from, n uint32) (numbers []uint32) {
		for i := range n {
			numbers = append(numbers, sequenced|from+i)
		}
		return numbers
	}
	const half, last = 1 << 23, 1<<24 - 1
	for _, tt := range []struct {
		name     string
		sublayer dataplane.Sublayer
		before   []uint32 // earlier messages, accepted or not
		then     uint32
		want     bool
	}{
		{"first", dataplane.SublayerSequenced, nil, sequenced, true},
		{"first, after lost ones", dataplane.SublayerSequenced, nil, sequenced | 7, true},
		{"next", dataplane.SublayerSequenced, run(0, 3), sequenced | 3, true},
		{"after a gap", dataplane.SublayerSequenced, run(0, 3), sequenced | 1000, true},
		{"duplicate", dataplane.SublayerSequenced, run(0, 3), sequenced | 2, false},
		{"late", dataplane.SublayerSequenced, run(0, 3), sequenced, false},
		{"late for a gap", dataplane.SublayerSequenced, []uint32{sequenced, sequenced | 2}, sequenced | 1, false},
		{"half of the numbers ahead", dataplane.SublayerSequenced, run(0, 1), sequenced | half, true},
		{"too far ahead", dataplane.SublayerSequenced, run(0, 1), sequenced | half + 1, false},
		{"wrapped around", dataplane.SublayerSequenced, []uint32{sequenced | half - 1, sequenced | last}, sequenced, true},
		{"late, wrapped around", dataplane.SublayerSequenced, []uint32{sequenced | half - 1, sequenced | last, sequenced}, sequenced | last, false},
		{"reserved bits are ignored", dataplane.SublayerSequenced, run(0, 3), 0xff000000 | 3, true},
		{"not numbered", dataplane.SublayerSequenced, run(0, 3), 3, false},
		{"not numbered, like sent IP packets", dataplane.SublayerSequencedNonIP, run(0, 3), 3, false},
		{"peer starts again", dataplane.SublayerSequenced, append(run(0, 1000), run(0, maxOldRun)...), sequenced | maxOldRun, true},
		{"peer starts again, one message too early", dataplane.SublayerSequenced, append(run(0, 1000), run(0, maxOldRun-1)...), sequenced | maxOldRun - 1, false},
		{
			"peer starts again, one message is missing", dataplane.SublayerSequenced, append(run(0, 1000), run(0, maxOldRun)...),
			sequenced | maxOldRun + 1, false,
		},
		{"numbered, not requested", dataplane.SublayerAlone, run(0, 3), sequenced | 1, true},
		{"not numbered, not requested", dataplane.SublayerAlone, nil, 0, true},
	} {
		o := newOrder(tt.sublayer)
		for _, word := range tt.before {
			accepts(o, word)
		}
		if got := accepts(o, tt.then); got != tt.want {
			t.Errorf("%s: accepted: %v, want %v", tt.name, got, tt.want)
		}
	}
	if newOrder(dataplane.NoSublayer) != nil {
		t.Error("newOrder without a sublayer is not nil")
	}
}

// A peer that requests sequence numbers for non-IP packets gets IP packets without (RFC 3931,
// section 5.4.4).
func TestSequenceNumbersOfIPPackets(t *testing.T) {
	for _, tt := range []struct {
		sublayer      dataplane.Sublayer
		packet, frame uint32 // sublayer of a packet, and of a frame after it
	}{
		{dataplane.SublayerAlone, 0, 0},
		{dataplane.SublayerSequenced, sequenced, sequenced | 1},
		{dataplane.SublayerSequencedNonIP, 0, sequenced},
	} {
		g := newRig(t)
		p, peer := g.PEs[0], g.PEs[1]
		planetest.Must(t, p.Open(p.V4, peer.V4))
		var wire *net.UDPConn
		planetest.Must(t, peer.Host.Do(func() (err error) {
			wire, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer.V4, 1701)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.V4, 1701)))
			return err
		}))
		cfg := g.End(0, 1, 0).Config
		cfg.Sublayer = tt.sublayer
		s, err := newSession(p.Tunnel.(*tunnel), cfg)
		planetest.Must(t, err)
		s.SetOpen(dataplane.IPv4)
		at := maxPrefix + 2
		s.transmit(append(make([]byte, at), ipv4Packet...), at)
		planetest.Must(t, s.SendFrame([]byte("\xc0\x21\x09\x01\x00\x04")))
		buffer := make([]byte, 100)
		for i, want := range []uint32{tt.packet, tt.frame} {
			_, err := wire.Read(buffer)
			planetest.Must(t, err)
			if got := binary.BigEndian.Uint32(buffer[8:]); got != want {
				t.Errorf("sublayer %d, message %d: %#08x, want %#08x", tt.sublayer, i, got, want)
			}
		}
		planetest.Must(t, wire.Close())
		planetest.Must(t, p.Tunnel.Close())
	}
}
