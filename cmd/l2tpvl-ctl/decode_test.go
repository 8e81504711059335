package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// file writes octets to a temporary file and returns its name.
func file(t *testing.T, name string, octets []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var inUTF8Locale = map[string]string{"LANG": "C.UTF-8"}

func TestDecode(t *testing.T) {
	old, next := file(t, "old.secret", []byte(oldSecret+"\n")), file(t, "new.secret", []byte(newSecret))
	link := newDialogue(t, oldSecret).linkUp().pcap()
	for _, test := range []struct {
		golden string
		pcap   []byte
		code   int
		args   []string
	}{
		{"decode", link, exitOK, []string{"--secret-file", old}},
		{"decode-no-secret", link, exitOK, nil},
		{"decode-wrong-secret", link, exitNegative, []string{"--secret-file", next}},
		{"decode-data", link, exitOK, []string{"--secret-file", old, "--data"}},
		{"decode-json", link, exitOK, []string{"--secret-file", old, "--data", "-o", "json"}},
		{"decode-colour", link, exitNegative, []string{"--secret-file", next, "--color", "always"}},
		{
			"decode-two-secrets", newDialogue(t, oldSecret, newSecret).linkUp().pcap(), exitOK,
			[]string{"--secret-file", old, "--secret-file", next},
		},
		{"decode-faults", faults(t), exitNegative, nil},
	} {
		t.Run(test.golden, func(t *testing.T) {
			got := runWith(inUTF8Locale, append([]string{"decode", file(t, "pe1.pcap", test.pcap)}, test.args...)...)
			if got.code != test.code || got.stderr != "" {
				t.Errorf("exit status %d and stderr %q, want %d and none", got.code, got.stderr, test.code)
			}
			compareGolden(t, test.golden, got.stdout)
		})
	}
}

// faults returns a capture of messages that a receiver rejects, each for a different reason.
func faults(t testing.TB) []byte {
	d := newDialogue(t)
	for _, wire := range []string{
		// An SCCRQ without AVPs.
		"c803 0014 00000000 0000 0000 8008 0000 0000 0001",
		// A truncated AVP.
		"c803 0016 00000001 0000 0000 8008 0000 0000 0006 8005",
		// An unknown AVP with the M bit.
		"c803 001b 00000001 0000 0000 8008 0000 0000 0006 8007 0009 0001 ff",
		// An unknown AVP without the M bit.
		"c803 001b 00000001 0000 0000 8008 0000 0000 0006 0007 0009 0001 ff",
		// An unknown message type.
		"c803 0014 00000001 0000 0000 8008 0000 0000 03e7",
		// A Length beyond the end of the message.
		"c803 0040 00000001 0000 0000 8008 0000 0000 0006",
		// An L2TPv2 control message.
		"c802 000c 0001 0001 0000 0000",
		// An L2TPv2 data message.
		"0002 0001 0001 ff03",
		// Data of an unknown session.
		"0003 0000 00000063 ff03 c021 01 01 0004",
		// Data that is not PPP.
		"0003 0000 00000063 1234",
		// AVPs that are not allowed in the message.
		"c803 002c 00000001 0000 0000 8008 0000 0000 0006 800a 0000 0024 01020304 c00e 0000 0042 6299922ad00a7cbe",
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(wire, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		d.send(d.a, b)
	}
	return d.pcap()
}

// The result does not depend on the capture's format or link type, nor on the transport of L2TP.
func TestDecodeEveryLinkAndTransport(t *testing.T) {
	secret := file(t, "old.secret", []byte(oldSecret))
	report := func(d *dialogue, octets []byte) *dissect.Report {
		d.linkUp()
		if octets == nil {
			octets = d.pcap()
		}
		got := runWith(nil, "decode", file(t, "f.pcap", octets), "--secret-file", secret, "-o", "json", "--data")
		var r dissect.Report
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitOK {
			t.Fatalf("exit status %d, %v, stderr %s", got.code, err, got.stderr)
		}
		return &r
	}
	want := report(newDialogue(t, oldSecret), nil)
	ng := newDialogue(t, oldSecret).linkUp().pcapng()
	for name, set := range map[string]func(d *dialogue) []byte{
		"pcapng":    func(*dialogue) []byte { return ng },
		"raw":       func(d *dialogue) []byte { d.link = layers.LinkTypeRaw; return nil },
		"raw IPv4":  func(d *dialogue) []byte { d.link = layers.LinkTypeIPv4; return nil },
		"Linux SLL": func(d *dialogue) []byte { d.link = layers.LinkTypeLinuxSLL; return nil },
		"IP":        func(d *dialogue) []byte { d.ip = true; return nil },
		"IPv6": func(d *dialogue) []byte {
			d.a.ip, d.b.ip = "2001:db8::1", "2001:db8::2"
			return nil
		},
		"raw IPv6, IP": func(d *dialogue) []byte {
			d.a.ip, d.b.ip, d.ip, d.link = "2001:db8::1", "2001:db8::2", true, layers.LinkTypeIPv6
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDialogue(t, oldSecret)
			got := report(d, set(d))
			if len(got.Messages) != len(want.Messages) || len(got.Data) != len(want.Data) {
				t.Fatalf("%d control and %d data messages, want %d and %d",
					len(got.Messages), len(got.Data), len(want.Messages), len(want.Data))
			}
			for i, m := range got.Messages {
				w := want.Messages[i]
				if m.Type != w.Type || m.Digest != dissect.Right || len(m.AVPs) != len(w.AVPs) || m.Seconds != w.Seconds ||
					m.From.Addr().String() != sideOf(d, w.From).ip {
					t.Errorf("got %+v\nwant %+v", m, w)
				}
			}
			for i := range got.Data {
				if got.Data[i].Flow != want.Data[i].Flow {
					t.Errorf("got %+v\nwant %+v", got.Data[i], want.Data[i])
				}
			}
		})
	}
}

// sideOf returns the side of d that corresponds to e, an address in the dialogue of 192.0.2.1 and
// 192.0.2.2.
func sideOf(d *dialogue, e dissect.Endpoint) *side {
	if e.Addr().String() == "192.0.2.1" {
		return d.a
	}
	return d.b
}

func TestDecodeErrors(t *testing.T) {
	whole := newDialogue(t, oldSecret).linkUp().pcap()
	pcap, empty := file(t, "f.pcap", whole), file(t, "empty", nil)
	for _, test := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"/none"}, exitFailure, "cannot read /none: no such file or directory"},
		{[]string{empty}, exitFailure, empty + " is not a capture file: EOF; want pcap or pcapng"},
		{[]string{pcap, "--secret-file", "/none"}, exitFailure, "cannot read /none: no such file or directory"},
		{[]string{pcap, "--secret-file", empty}, exitFailure, empty + " is empty; want the secret"},
		{[]string{pcap, "--port", "70000"}, exitUsage, "--port 70000 is not a UDP port; want 1 to 65535"},
		{[]string{}, exitUsage, "accepts 1 arg(s), received 0; see l2tpvl-ctl --help"},
		{
			[]string{pcap, "--port", "1702,1703"},
			exitNegative,
			pcap + " has no L2TP in its 12 packets, neither on UDP port 1702, 1703 nor as IP protocol 115; use --port for other ports",
		},
	} {
		got := runWith(inUTF8Locale, append([]string{"decode"}, test.args...)...)
		if got.code != test.code || got.stderr != "l2tpvl-ctl: "+test.stderr+"\n" {
			t.Errorf("%q: exit status %d and stderr %q, want %d and %q", test.args, got.code, got.stderr, test.code, test.stderr)
		}
	}
}

// If a capture is truncated, as by a full disk, the messages before the damage are shown.
func TestDecodeTruncatedCapture(t *testing.T) {
	whole := newDialogue(t).linkUp().pcap()
	cut := file(t, "cut.pcap", whole[:len(whole)-1])
	got := runWith(inUTF8Locale, "decode", cut)
	want := "l2tpvl-ctl: " + cut + " cannot be read beyond packet 11: unexpected EOF\n"
	if got.code != exitFailure || got.stderr != want || !strings.Contains(got.stdout, "ICCN") {
		t.Errorf("exit status %d, stderr %q, want %q; stdout %s", got.code, got.stderr, want, got.stdout)
	}
}

// IP fragments are not reassembled but counted.
func TestDecodeCountsFragments(t *testing.T) {
	d := newDialogue(t).linkUp()
	fragment := slices.Clone(d.frames[0])
	fragment[14+6] |= 0x20 // More Fragments
	d.frames = append(d.frames, fragment)
	got := runWith(inUTF8Locale, "decode", file(t, "f.pcap", d.pcap()))
	if !strings.HasSuffix(got.stdout, "\n1 IP fragments skipped that may belong to L2TP\n") {
		t.Error(got.stdout)
	}
}

// FuzzDecode checks that no file makes decode panic, and that its output has no control characters.
func FuzzDecode(f *testing.F) {
	f.Add(newDialogue(f, oldSecret).linkUp().pcap())
	f.Add(newDialogue(f, oldSecret, newSecret).linkUp().pcapng())
	f.Add(faults(f))
	f.Fuzz(func(t *testing.T, octets []byte) {
		d := dissect.New([]dissect.Secret{{Name: "old", Octets: []byte(oldSecret)}}, true)
		c, err := openCapture(bytes.NewReader(octets))
		if err != nil {
			return
		}
		_ = dissectCapture(c, []uint16{1701}, d) // the file may be damaged
		if text := renderReport(d.Report(), now, inUTF8); strings.ContainsAny(text, "\x00\x1b\r") {
			t.Errorf("%q", text)
		}
		if _, err := json.Marshal(d.Report()); err != nil {
			t.Error(err)
		}
	})
}
