package ppp

import (
	"bytes"
	"testing"
)

func TestSplitFrame(t *testing.T) {
	for _, tc := range []struct {
		name, frame string
		protocol    Protocol
		info        string
		ok          bool
	}{
		{"protocol field first", "c021 0101", ProtocolLCP, "0101", true},
		{"address and control field", "ff03 c021 0101", ProtocolLCP, "0101", true},
		{"compressed protocol", "21 45", ProtocolIPv4, "45", true},
		{"compressed protocol after FF 03", "ff03 57 60", ProtocolIPv6, "60", true},
		{"uncompressed low protocol", "0021 45", ProtocolIPv4, "45", true},
		{"no information", "8021", ProtocolIPCP, "", true},
		{"empty", "", 0, "", false},
		{"address and control only", "ff03", 0, "", false},
		{"half a protocol", "c0", 0, "", false},
		{"half a protocol after FF 03", "ff03 80", 0, "", false},
	} {
		p, info, ok := splitFrame(unhex(t, tc.frame))
		if p != tc.protocol || !bytes.Equal(info, unhex(t, tc.info)) || ok != tc.ok {
			t.Errorf("%s: got %v %x %v", tc.name, p, info, ok)
		}
	}
}

func TestParsePacket(t *testing.T) {
	whole := unhex(t, "0507000a 676f6f646279")
	p, ok := parsePacket(whole)
	if !ok || p.code != terminateRequest || p.id != 7 || string(p.data) != "goodby" {
		t.Fatalf("got %+v %v", p, ok)
	}
	for n := range whole {
		if p, ok := parsePacket(whole[:n]); ok {
			t.Errorf("truncated to %d octets: accepted as %+v", n, p)
		}
	}
	padded, ok := parsePacket(append(bytes.Clone(whole), 0, 0, 0))
	if !ok || string(padded.data) != "goodby" {
		t.Errorf("padding is not ignored: %+v %v", padded, ok)
	}
	if _, ok := parsePacket(unhex(t, "05070003")); ok {
		t.Error("a Length below that of the header is accepted")
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"IPv4": ProtocolIPv4.String(), "IPv6": ProtocolIPv6.String(), "IPCP": ProtocolIPCP.String(),
		"IPV6CP": ProtocolIPV6CP.String(), "LCP": ProtocolLCP.String(), "CCP": Protocol(0x80fd).String(),
		"CHAP": ProtocolCHAP.String(), "PAP": ProtocolPAP.String(), "0x8099": Protocol(0x8099).String(),
		"pending": AuthPending.String(), "failed": AuthFailed.String(),
		"Configure-Request": configureRequest.String(), "Time-Remaining": timeRemaining.String(),
		"code 0": code(0).String(), "code 14": code(14).String(),
		"Initial": Initial.String(), "Opened": Opened.String(),
		"bad length": DiscardBadLength.String(), "data packet": DiscardData.String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable([]byte("bye\x1b[2J\xc3\xa4")); got != "bye?[2J??" {
		t.Errorf("got %q", got)
	}
	if got := printable(bytes.Repeat([]byte("x"), 5000)); len(got) != maxText {
		t.Errorf("got %d octets, want %d", len(got), maxText)
	}
}

func TestOutputKeepsFramesApart(t *testing.T) {
	var out Output
	for range 2 { // the second time in the memory of the first frames
		out.packet(ProtocolLCP, echoReply, 9, unhex(t, "00000001"))
		out.text(ProtocolIPCP, terminateRequest, 1, "bye")
		var got [][]byte
		for f := range out.Frames() {
			got = append(got, bytes.Clone(f))
		}
		want := [][]byte{unhex(t, "c021 0a090008 00000001"), unhex(t, "8021 05010007 627965")}
		if len(got) != 2 || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
			t.Fatalf("got %x, want %x", got, want)
		}
		for f := range out.Frames() {
			if !bytes.Equal(f, want[0]) {
				t.Errorf("got %x first", f)
			}
			break
		}
		out.Reset()
		if !out.Empty() {
			t.Fatal("not empty after Reset")
		}
	}
}
