package tshark

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// The dialogue below is written by hand from RFC 3931, so that it tests this package independently
// of the codec in package l2tp.

const secret = "correct horse"

var options = Options{Port: 1702, Secret: secret}

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func avp(kind uint16, value []byte) []byte {
	b := u16(0x8000 | uint16(6+len(value)))
	b = append(b, 0, 0)
	b = append(b, u16(kind)...)
	return append(b, value...)
}

// pe is one end of a dialogue.
type pe struct {
	address byte
	nonce   []byte
	peer    *pe
	id      uint32 // the control connection ID that it has assigned
	ns      uint16 // of its next message
}

// message returns a frame with a signed control message. An SCCRQ is signed without nonces (RFC
// 3931, section 5.4.1).
func (p *pe) message(kind uint16, avps ...[]byte) []byte {
	const digestAt = 12 + 8 + 7 // after header, Message Type AVP, and start of Message Digest AVP
	nonces := slices.Concat(p.nonce, p.peer.nonce)
	destination := p.peer.id
	if kind == 1 {
		nonces, destination = nil, 0
	}
	body := slices.Concat(avp(0, u16(kind)), avp(59, append([]byte{1}, make([]byte, sha1.Size)...)), slices.Concat(avps...))
	b := slices.Concat(u16(0xc803), u16(uint16(12+len(body))), u32(destination), u16(p.ns), u16(p.peer.ns), body)
	p.ns++

	shared := hmac.New(md5.New, []byte(secret))
	shared.Write([]byte{2})
	mac := hmac.New(sha1.New, shared.Sum(nil))
	mac.Write(nonces)
	mac.Write(b)
	copy(b[digestAt:], mac.Sum(nil))
	return p.datagram(b)
}

// data returns a frame with a data message, which has an 8-octet cookie.
func (p *pe) data(session uint32, frame string) []byte {
	ppp, err := hex.DecodeString(strings.ReplaceAll(frame, " ", ""))
	if err != nil {
		panic(err)
	}
	return p.datagram(slices.Concat(u32(0x00030000), u32(session), []byte("cookie!!"), ppp))
}

// datagram returns an Ethernet frame with a UDP datagram.
func (p *pe) datagram(payload []byte) []byte {
	b := append(make([]byte, 12), 8, 0)
	b = append(b, 0x45, 0)
	b = append(b, u16(uint16(28+len(payload)))...)
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, p.address, 192, 0, 2, p.peer.address)
	b = slices.Concat(b, u16(1702), u16(1702), u16(uint16(8+len(payload))), u16(0))
	return append(b, payload...)
}

// dialogue returns the frames of a link that comes up: the handshakes of control connection and
// session, then PPP.
func dialogue() (a, b *pe, frames [][]byte) {
	a = &pe{address: 1, nonce: bytes.Repeat([]byte{0xa1}, 16), id: 0x11111111}
	b = &pe{address: 2, nonce: bytes.Repeat([]byte{0xb2}, 16), id: 0x22222222, peer: a}
	a.peer = b
	const sessionA, sessionB = 0xaaaa0001, 0xbbbb0001
	vpnID := []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01}
	frames = [][]byte{
		a.message(1, avp(7, []byte("pe1")), avp(60, u32(0xc0000201)), avp(61, u32(a.id)), avp(62, u16(7)), avp(73, a.nonce)),
		b.message(2, avp(7, []byte("pe2")), avp(60, u32(0xc0000202)), avp(61, u32(b.id)), avp(62, u16(7)), avp(73, b.nonce)),
		a.message(3),
		a.message(10, avp(63, u32(sessionA)), avp(64, u32(0)), avp(15, u32(1)), avp(68, u16(7)),
			avp(66, vpnID), avp(71, u16(3)), avp(65, []byte("cookie!!"))),
		b.message(11, avp(63, u32(sessionB)), avp(64, u32(sessionA)), avp(71, u16(3)), avp(65, []byte("cookie!!"))),
		a.message(12, avp(63, u32(sessionA)), avp(64, u32(sessionB)), avp(71, u16(3))),
		b.data(sessionA, "ff03 c021 01 01 000e 0104 05b2 0506 deadbeef"),
		a.data(sessionB, "ff03 8021 01 01 000a 0306 0aff0000"),
		a.data(sessionB, "ff03 8057 01 01 000e 010a 0102030405060708"),
		b.data(sessionA, "ff03 c021 09 02 0008 deadbeef"),
		a.data(sessionB, "ff03 0021 4500001c 00000000 40010000 0aff0000 0aff0001 0800f7ff00000000"),
	}
	return a, b, frames
}

func write(t *testing.T, frames [][]byte) string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Fatal("tshark is not installed: make deps installs it")
	}
	le := binary.LittleEndian
	b := slices.Concat(le.AppendUint32(nil, 0xa1b2c3d4), []byte{2, 0, 4, 0}, make([]byte, 8),
		le.AppendUint32(nil, 1<<16), le.AppendUint32(nil, 1))
	for i, f := range frames {
		for _, v := range []int{1000 + i, 0, len(f), len(f)} {
			b = le.AppendUint32(b, uint32(v))
		}
		b = append(b, f...)
	}
	file := filepath.Join(t.TempDir(), "dialogue.pcap")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func readFrames(t *testing.T, frames [][]byte, o Options) []Frame {
	t.Helper()
	got, err := Read(t.Context(), write(t, frames), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDialogueHasNoProblems(t *testing.T) {
	_, _, frames := dialogue()
	got := readFrames(t, frames, options)
	if problems := Problems(got); len(problems) != 0 {
		t.Errorf("problems: %q", problems)
	}
	var messages []string
	for _, f := range got {
		what := f.Carries()
		if f.HasType {
			what = f.Type.String()
		}
		if f.PPPCode != 0 {
			what = fmt.Sprintf("%s %d", what, f.PPPCode)
		}
		messages = append(messages, what)
	}
	want := []string{
		"SCCRQ", "SCCRP", "SCCCN", "ICRQ", "ICRP", "ICCN",
		"lcp 1", "ipcp 1", "ipv6cp 1", "lcp 9", "ip",
	}
	if !slices.Equal(messages, want) {
		t.Errorf("messages %q, want %q", messages, want)
	}
	first := got[0]
	if first.Source.String() != "192.0.2.1:1702" || first.Destination.String() != "192.0.2.2:1702" || first.HostName != "pe1" ||
		!first.IsControl() || first.Length != len(frames[0])-14 || !bytes.Equal(first.Payload, frames[0][14+28:]) {
		t.Errorf("SCCRQ: %+v", first)
	}
	if last := got[len(got)-1]; last.SessionID != 0xbbbb0001 || !last.Is("icmp") {
		t.Errorf("user packet: %+v", last)
	}
}

func TestRemoteEndIDsAreTheOctetsOfTheVPNID(t *testing.T) {
	_, _, frames := dialogue()
	got, err := RemoteEndIDs(t.Context(), write(t, frames), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !bytes.Equal(got[0], []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01}) {
		t.Errorf("Remote End IDs %x", got)
	}
}

// Two session requests wait for their replies at the same time.
func TestSessionsAreDistinguished(t *testing.T) {
	a, b, frames := dialogue()
	frames = frames[:3] // only the control connection
	request := func(session uint32) []byte {
		return a.message(10, avp(63, u32(session)), avp(64, u32(0)), avp(15, u32(1)), avp(68, u16(7)),
			avp(66, []byte{0, 0, 0x5e, 0, 0, 0, 2}), avp(71, u16(3)), avp(65, []byte("cookie!!")))
	}
	reply := func(session, assigned uint32) []byte {
		return b.message(11, avp(63, u32(assigned)), avp(64, u32(session)), avp(71, u16(3)), avp(65, []byte("cookie!!")))
	}
	const lcp = "ff03 c021 01 01 000e 0104 05b2 0506 deadbeef"
	frames = append(frames, request(1), request(2), reply(1, 11), reply(2, 12), b.data(1, lcp), b.data(2, lcp), a.data(11, lcp), a.data(12, lcp))
	got := readFrames(t, frames, options)
	if problems := Problems(got); len(problems) != 0 {
		t.Errorf("problems: %q", problems)
	}
	for i, f := range got {
		if f.Number != i+1 {
			t.Errorf("frame %d is now %s", i+1, f)
		}
	}
}

// Both PEs send an SCCRQ at the same time. pe1 wins the tie and refuses the SCCRQ of pe2 (RFC 3931,
// section 5.4.3). The refusal is signed without nonces, because no SCCRP was sent.
func TestConnectionsAreDistinguished(t *testing.T) {
	_, _, frames := dialogue()
	loser := &pe{address: 2, nonce: bytes.Repeat([]byte{0xcc}, 16), id: 0x33333333}
	refuser := &pe{address: 1, peer: loser, id: 0x44444444}
	loser.peer = refuser
	request := loser.message(1, avp(7, []byte("pe2")), avp(60, u32(1)), avp(61, u32(loser.id)), avp(62, u16(7)), avp(73, loser.nonce))
	loser.nonce = nil
	refusal := refuser.message(4, avp(1, u16(3)), avp(61, u32(refuser.id)))
	for _, places := range [][2]int{{0, 1}, {1, 2}, {1, 3}} {
		got := readFrames(t, slices.Insert(slices.Insert(slices.Clone(frames), places[0], request), places[1], refusal), options)
		if problems := Problems(got); len(problems) != 0 {
			t.Errorf("SCCRQ and refusal at %v: problems %q", places, problems)
		}
	}
}

func TestResultCodeAndErrorMessage(t *testing.T) {
	a, b, frames := dialogue()
	// RFC 3931, section 5.4.2.
	result := slices.Concat(u16(2), u16(6), []byte("no VPN 00005e:00000007 here"))
	frames = append(frames, b.message(14, avp(1, result), avp(63, u32(0xbbbb0002)), avp(64, u32(0xaaaa0002))))
	frames = append(frames, a.message(4, avp(1, u16(6)), avp(61, u32(a.id))))
	got := readFrames(t, frames, options)
	if problems := Problems(got); len(problems) != 0 {
		t.Errorf("problems: %q", problems)
	}
	cdn, stop := got[len(got)-2], got[len(got)-1]
	if cdn.Type != l2tp.CDN || cdn.ResultCode != 2 || cdn.ErrorMessage != "no VPN 00005e:00000007 here" {
		t.Errorf("CDN: %+v", cdn)
	}
	if stop.Type != l2tp.StopCCN || stop.ResultCode != 6 {
		t.Errorf("StopCCN: %+v", stop)
	}
}

// Each of these changes makes one frame of the dialogue invalid, and Problems must report it.
func TestProblemsAreFound(t *testing.T) {
	const mfBit = 0x20
	for _, tt := range []struct {
		name   string
		change func(frames [][]byte)
		want   string
	}{
		{"incorrect digest", func(f [][]byte) { f[2][14+28+12+8+7] ^= 1 }, "incorrect digest"},
		{"truncated control message", func(f [][]byte) { f[3] = f[3][:len(f[3])-30] }, "tshark expert info"},
		{"AVP longer than its message", func(f [][]byte) { f[5][14+28+12+8+1] = 0xff }, "tshark expert info"},
		{"LCP option longer than its frame", func(f [][]byte) { f[6][14+28+16+4+5] = 0xff }, "tshark expert info"},
		{"unknown PPP protocol", func(f [][]byte) { copy(f[7][14+28+16+2:], u16(0x7fff)) }, "without a PPP frame"},
		{"cookie of another length", func(f [][]byte) { f[8] = slices.Delete(f[8], 14+28+8, 14+28+12) }, "PPP"},
		{"fragment", func(f [][]byte) { f[10][14+6] |= mfBit }, "fragment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, frames := dialogue()
			tt.change(frames)
			problems := Problems(readFrames(t, frames, options))
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tt.want) }) {
				t.Errorf("problems %q, want one that contains %q", problems, tt.want)
			}
		})
	}
}

func TestWrongSecret(t *testing.T) {
	_, _, frames := dialogue()
	for _, f := range readFrames(t, frames, Options{Port: 1702, Secret: "battery staple"}) {
		if f.IsControl() && !f.IncorrectDigest {
			t.Errorf("%s: its digest is correct with the wrong secret", f)
		}
	}
}

func TestReadOfAMissingFile(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Fatal("tshark is not installed: make deps installs it")
	}
	if _, err := Read(t.Context(), filepath.Join(t.TempDir(), "none.pcap"), options); err == nil {
		t.Error("Read returns no error for a missing file")
	}
}
