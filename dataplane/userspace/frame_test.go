package userspace

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// unhex decodes hexadecimal digits and ignores blanks.
func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

var (
	ipv4Packet = append([]byte{0x45, 0, 0, 20}, make([]byte, 16)...)
	ipv6Packet = append([]byte{0x60, 0, 0, 0}, make([]byte, 36)...)
)

// A data message is the one that the Linux kernel sends for a PPP pseudowire: the header of RFC
// 3931, section 4.1.2.1 or 4.1.1.1, then FF 03.
func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name    string
		over    dataplane.Encapsulation
		cookie  string
		layer   dataplane.Sublayer
		packet  []byte
		header  string
		carried dataplane.Protocols
	}{
		{"IPv4, no cookie", dataplane.UDP, "", dataplane.NoSublayer, ipv4Packet, "0003 0000 12345678 ff03 0021", dataplane.IPv4},
		{"IPv4, cookie of 4", dataplane.UDP, "a1a2a3a4", dataplane.NoSublayer, ipv4Packet, "0003 0000 12345678 a1a2a3a4 ff03 0021", dataplane.IPv4},
		{"IPv6, cookie of 8", dataplane.UDP, "a1a2a3a4 a5a6a7a8", dataplane.NoSublayer, ipv6Packet, "0003 0000 12345678 a1a2a3a4a5a6a7a8 ff03 0057", dataplane.IPv6},
		{"over IP, no cookie", dataplane.IP, "", dataplane.NoSublayer, ipv4Packet, "12345678 ff03 0021", dataplane.IPv4},
		{"over IP, cookie of 8", dataplane.IP, "a1a2a3a4 a5a6a7a8", dataplane.NoSublayer, ipv6Packet, "12345678 a1a2a3a4a5a6a7a8 ff03 0057", dataplane.IPv6},
		{
			"sublayer with number", dataplane.UDP, "a1a2a3a4", dataplane.SublayerSequenced, ipv4Packet,
			"0003 0000 12345678 a1a2a3a4 00000000 ff03 0021", dataplane.IPv4,
		},
		{"sublayer over IP", dataplane.IP, "", dataplane.SublayerAlone, ipv4Packet, "12345678 00000000 ff03 0021", dataplane.IPv4},
		{"not IP", dataplane.UDP, "", dataplane.NoSublayer, []byte{0x10, 0}, "", 0},
		{"empty", dataplane.UDP, "", dataplane.NoSublayer, nil, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prefix := appendPrefix(nil, tt.over, 0x12345678, unhex(t, tt.cookie), tt.layer)
			at := maxPrefix + 2
			message, carried := encode(append(make([]byte, at), tt.packet...), at, prefix)
			var want []byte
			if tt.carried != 0 {
				want = append(unhex(t, tt.header), tt.packet...)
			}
			if !bytes.Equal(message, want) || carried != tt.carried {
				t.Errorf("got %x carrying %v, want %x carrying %v", message, carried, want, tt.carried)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	v4, v6 := hex.EncodeToString(ipv4Packet), hex.EncodeToString(ipv6Packet)
	for _, tt := range []struct {
		name    string
		cookie  string
		message string // after the session header
		verdict verdict
		rest    string // the IP packet, or the frame from its protocol field on
		carried dataplane.Protocols
	}{
		{"IPv4", "", "ff03 0021" + v4, ipPacket, v4, dataplane.IPv4},
		{"IPv6", "", "ff03 0057" + v6, ipPacket, v6, dataplane.IPv6},
		{"cookie of 4", "01020304", "01020304 ff03 0021" + v4, ipPacket, v4, dataplane.IPv4},
		{"cookie of 8", "0102030405060708", "0102030405060708 ff03 0021" + v4, ipPacket, v4, dataplane.IPv4},
		{"LCP Echo-Request", "", "ff03 c021 09010008 00000000", pppFrame, "c021 09010008 00000000", 0},
		{"IPCP", "", "ff03 8021 01010004", pppFrame, "8021 01010004", 0},
		{"IPV6CP", "", "ff03 8057 01010004", pppFrame, "8057 01010004", 0},
		{"other protocol", "", "ff03 002d 00", pppFrame, "002d 00", 0},
		{"only a protocol field", "", "ff03 c021", pppFrame, "c021", 0},

		// RFC 1661, sections 6.5 and 6.6: the peer may use both compressions.
		{"without address and control", "", "0021" + v4, ipPacket, v4, dataplane.IPv4},
		{"compressed protocol", "", "ff03 21" + v4, ipPacket, v4, dataplane.IPv4},
		{"both compressions", "", "57" + v6, ipPacket, v6, dataplane.IPv6},
		{"both compressions and a cookie", "01020304", "01020304 21" + v4, ipPacket, v4, dataplane.IPv4},
		{"compressed protocol of a frame", "", "ff03 2d 00", pppFrame, "002d 00", 0},

		{"wrong cookie of 4", "01020304", "01020305 ff03 0021" + v4, wrongCookie, "", 0},
		{"wrong cookie of 8", "0102030405060708", "0102030405060709 ff03 0021" + v4, wrongCookie, "", 0},
		{"cookie missing", "01020304", "ff03 0021" + v4, wrongCookie, "", 0},
		{"cookie cut off", "01020304", "010203", wrongCookie, "", 0},

		{"empty", "", "", malformed, "", 0},
		{"only address and control", "", "ff03", malformed, "", 0},
		{"half a protocol field", "", "ff03 c0", malformed, "", 0},
		{"even protocol", "", "ff03 c020 00", malformed, "", 0}, // RFC 1661, section 2
		{"IPv4 protocol, IPv6 packet", "", "ff03 0021" + v6, malformed, "", 0},
		{"IPv6 protocol, IPv4 packet", "", "ff03 0057" + v4, malformed, "", 0},
		{"IPv4 header cut off", "", "ff03 0021" + v4[:38], malformed, "", 0},
		{"IPv6 header cut off", "", "ff03 0057" + v6[:78], malformed, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, header := range []string{"0003 0000 00000001", "00000001"} { // over UDP, over IP
				message := unhex(t, header+tt.message)
				verdict, at, carried := decode(message, len(unhex(t, header)), unhex(t, tt.cookie), nil)
				var rest []byte
				if verdict == ipPacket || verdict == pppFrame {
					rest = message[at:]
				}
				if want := unhex(t, tt.rest); verdict != tt.verdict || carried != tt.carried || !bytes.Equal(rest, want) {
					t.Errorf("got verdict %d, %x, carrying %v; want %d, %x, carrying %v", verdict, rest, carried, tt.verdict, want, tt.carried)
				}
			}
		})
	}
}

// decode checks the sublayer between cookie and frame.
func TestDecodeSublayer(t *testing.T) {
	for _, tt := range []struct {
		name     string
		sublayer dataplane.Sublayer
		message  string // after a cookie of 4 octets
		verdict  verdict
		rest     string
	}{
		{"alone", dataplane.SublayerAlone, "00000000 ff03 c021 09", pppFrame, "c021 09"},
		{"alone, compressed protocol field", dataplane.SublayerAlone, "00000000 2d 00", pppFrame, "002d 00"},
		{"in order", dataplane.SublayerSequenced, "40000000 ff03 c021 09", pppFrame, "c021 09"},
		{"out of order", dataplane.SublayerSequenced, "40ffffff ff03 c021 09", outOfOrder, ""},
		{"no number", dataplane.SublayerSequenced, "00000000 ff03 c021 09", outOfOrder, ""},
		{"cut off", dataplane.SublayerSequenced, "400000", malformed, ""},
		{"nothing after it", dataplane.SublayerAlone, "00000000", malformed, ""},
	} {
		message := unhex(t, "0003 0000 00000001 01020304"+tt.message)
		verdict, at, _ := decode(message, 8, unhex(t, "01020304"), newOrder(tt.sublayer))
		var rest []byte
		if verdict == pppFrame {
			rest = message[at:]
		}
		if want := unhex(t, tt.rest); verdict != tt.verdict || !bytes.Equal(rest, want) {
			t.Errorf("%s: got verdict %d, %x; want %d, %x", tt.name, verdict, rest, tt.verdict, want)
		}
	}
}

// FuzzDecode checks that an encoded packet decodes to itself, that no message causes a panic, and
// that a frame lies inside its message.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("\xff\x03\x00\x21"+string(ipv4Packet)), uint8(0))
	f.Add([]byte("abcd\x57"+string(ipv6Packet)), uint8(4))
	f.Add([]byte("abcdefgh\xff\x03\xc0\x21\x09\x01\x00\x08"), uint8(8))
	f.Fuzz(func(t *testing.T, payload []byte, size uint8) {
		cookie := payload[:min(int(size), maxCookie, len(payload))]
		original := append(l2tp.AppendDataHeader(nil, 1, nil), payload...)
		message := bytes.Clone(original)
		verdict, at, carried := decode(message, 8, cookie, nil)
		switch verdict {
		case ipPacket:
			b := append(make([]byte, maxPrefix+2), message[at:]...)
			again, carriedAgain := encode(b, maxPrefix+2, appendPrefix(nil, dataplane.UDP, 1, cookie, dataplane.NoSublayer))
			v2, at2, carried2 := decode(again, 8, cookie, nil)
			if v2 != ipPacket || carriedAgain != carried || carried2 != carried || !bytes.Equal(again[at2:], message[at:]) {
				t.Errorf("%x was encoded as %x", original, again)
			}
		case pppFrame:
			if at < 7 || at+2 > len(message) {
				t.Errorf("frame at %d of %d octets, want it in the message", at, len(message))
			}
		}
	})
}

// BenchmarkPacket measures what happens to a packet between device and socket, in both directions.
func BenchmarkPacket(b *testing.B) {
	cookie := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	prefix := appendPrefix(nil, dataplane.UDP, 1, cookie, dataplane.NoSublayer)
	at := maxPrefix + 2
	buffer := make([]byte, at+1400)
	copy(buffer[at:], ipv4Packet)
	b.ReportAllocs()
	b.SetBytes(1400)
	for b.Loop() {
		message, carried := encode(buffer, at, prefix)
		kind, id, rest := classify(dataplane.UDP, message)
		verdict, at, decoded := decode(message, len(message)-len(rest), cookie, nil)
		if kind != l2tp.KindData || id != 1 || verdict != ipPacket || decoded != carried || len(message)-at != 1400 {
			b.Fatal("decoded something other than the packet")
		}
	}
}
