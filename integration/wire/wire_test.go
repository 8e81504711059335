package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// variants returns all ways to send the messages.
func variants() []variant {
	sign := func(kinds ...l2tp.DigestType) (v variant) {
		for i, kind := range kinds {
			s := []string{secret, nextSecret}[i]
			v.secrets = append(v.secrets, s)
			v.keys = append(v.keys, l2tp.Signer{Key: l2tp.NewKey([]byte(s)), Type: kind})
		}
		return v
	}
	with := func(v variant, name string, change func(*variant)) variant {
		v.name = name
		if change != nil {
			change(&v)
		}
		return v
	}
	var everything l2tp.AVPSet
	for avp := range l2tp.AVPType(100) {
		everything.Add(avp)
	}
	// tshark follows a control connection by its IDs, which it cannot do if they are hidden.
	allButIDs := everything
	allButIDs.Remove(l2tp.AVPAssignedConnectionID)

	clear, md5, sha1 := sign(), sign(l2tp.DigestHMACMD5), sign(l2tp.DigestHMACSHA1)
	both := sign(l2tp.DigestHMACSHA1, l2tp.DigestHMACMD5)
	ip := func(v *variant) { v.ip = true }
	v6 := func(v *variant) { v.v6 = true }
	hide := func(v *variant) { v.hide = allButIDs }
	return []variant{
		with(clear, "in the clear", nil),
		with(clear, "in the clear over IP", ip),
		with(clear, "in the clear over UDP and IPv6", v6),
		with(clear, "all hidden", func(v *variant) { v.hide = everything }),
		with(md5, "HMAC-MD5", nil),
		with(md5, "HMAC-MD5 over IP", ip),
		with(sha1, "HMAC-SHA-1", nil),
		with(sha1, "HMAC-SHA-1 over IP", ip),
		with(sha1, "HMAC-SHA-1 over IP and IPv6", func(v *variant) { v.ip, v.v6 = true, true }),
		with(sha1, "HMAC-SHA-1, hidden", hide),
		with(sha1, "HMAC-SHA-1, hidden, over IP", func(v *variant) { hide(v); ip(v) }),
		with(both, "two digests", nil),
		with(both, "two digests over IP", ip),
		with(both, "two digests, hidden", hide),
	}
}

func TestTsharkReadsEveryMessageAsSent(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			file, messages := sendAll(t, v)
			packets := dissectFile(t, file)
			if len(packets) != len(messages) {
				t.Fatalf("tshark reads %d packets, want %d", len(packets), len(messages))
			}
			for i, p := range packets {
				t.Run(messages[i].message.Type.String(), func(t *testing.T) { v.compare(t, p, &messages[i]) })
			}
		})
	}
}

// compare compares the message that tshark has read with the one that was sent.
func (v variant) compare(t *testing.T, p packet, s *sent) {
	m, read := &s.message, p.l2tp(t)
	for name, want := range map[string]uint64{
		"l2tp.ccid": uint64(m.ConnectionID), "l2tp.Ns": uint64(m.Ns), "l2tp.Nr": uint64(m.Nr), "l2tp.version": 3,
		"l2tp.length": uint64(len(s.wire)),
	} {
		if got := read.number(t, name); got != want {
			t.Errorf("%s is %#x, want %#x", name, got, want)
		}
	}
	for _, info := range p.expertInfo() {
		if !v.expects(m, info) {
			t.Errorf("tshark expert info %q", info)
		}
	}
	if m.Type == l2tp.ZLB {
		if read.find("l2tp.zero_length_body_message") == nil {
			t.Error("tshark does not recognise the Zero-Length Body message")
		}
		return
	}
	if shown := read.showName("l2tp.avp.message_type"); shown != fmt.Sprintf("Message Type: %s (%d)", typeNames[m.Type], m.Type) {
		t.Errorf("tshark shows the message type %q, want %s (%d)", shown, typeNames[m.Type], m.Type)
	}
	avps := read.avps(t)
	var seen l2tp.AVPSet
	digests := 0
	for _, a := range avps {
		seen.Add(a.kind)
		if a.kind == l2tp.AVPMessageDigest {
			want := append([]byte{byte(v.keys[digests].Type)}, s.sums[digests]...)
			if !bytes.Equal(a.value, want) || !slices.Equal(a.find("l2tp.avp.message_digest"), []string{colons(want)}) {
				t.Errorf("digest %d is %x, want %x", digests, a.value, want)
			}
			digests++
			continue
		}
		v.compareAVP(t, &a, m)
	}
	want := m.Has
	want.Add(l2tp.AVPMessageType)
	if seen != want || digests != len(v.keys) {
		t.Errorf("tshark reads AVPs %+v, want %+v, and %d digests, want %d",
			seen, want, digests, len(v.keys))
	}
}

// compareAVP compares an AVP with the message that was sent. tshark does not read the value of a
// hidden AVP.
func (v variant) compareAVP(t *testing.T, a *readAVP, m *l2tp.Message) {
	if a.hidden {
		if !v.hide.Has(a.kind) {
			t.Errorf("%s is hidden, but was sent in the clear", a.kind)
		}
		return
	}
	if len(values[a.kind]) == 0 {
		t.Errorf("this test does not know what tshark shows for the %s", a.kind)
	}
	for _, value := range values[a.kind] {
		if got, want := strings.Join(a.find(value.name), " "), value.want(m); got != want {
			t.Errorf("%s: %s is %q, want %q", a.kind, value.name, got, want)
		}
	}
	if a.kind == l2tp.AVPRemoteEndID && !bytes.Equal(a.value, m.RemoteEndID) {
		t.Errorf("Remote End ID is %x, want %x", a.value, m.RemoteEndID)
	}
}

// expects reports whether an expert info is due to a limitation of tshark.
func (v variant) expects(m *l2tp.Message, info string) bool {
	switch info {
	case "Trailing stray characters":
		return m.Has.Has(l2tp.AVPRemoteEndID) // tshark reads it as text
	case "Incorrect Digest":
		// If there are two digests, tshark sets only the one that it computes to zero. RFC 3931,
		// section 5.4.1, requires both to be zero. compare checks both digests.
		return len(v.keys) == 2
	}
	return false
}

// `l2tpvl-ctl decode` reads what tshark reads and what was sent, including hidden AVPs.
func TestDecodeAgreesWithTshark(t *testing.T) {
	ctl := buildCtl(t)
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			file, messages := sendAll(t, v)
			packets := dissectFile(t, file)
			report := decode(t, ctl, file)
			if len(report.Messages) != len(messages) || len(packets) != len(messages) {
				t.Fatalf("decode reads %d messages, tshark %d, want %d", len(report.Messages), len(packets), len(messages))
			}
			for i := range report.Messages {
				t.Run(messages[i].message.Type.String(), func(t *testing.T) {
					v.compareDecoded(t, &report.Messages[i], packets[i].l2tp(t), &messages[i])
				})
			}
		})
	}
}

func (v variant) compareDecoded(t *testing.T, c *dissect.Control, read field, s *sent) {
	m := &s.message
	if c.Type != m.Type.String() || len(c.Problems) != 0 ||
		uint64(c.ConnectionID) != read.number(t, "l2tp.ccid") ||
		uint64(c.Ns) != read.number(t, "l2tp.Ns") || uint64(c.Nr) != read.number(t, "l2tp.Nr") {
		t.Errorf("decode reads %+v, tshark connection ID %s", c, read.find("l2tp.ccid"))
	}
	want := dissect.Right
	if len(v.keys) == 0 {
		want = dissect.None
	}
	if c.Digest != want {
		t.Errorf("decode's verdict on the digest is %s, want %s", c.Digest, want)
	}
	avps := read.avps(t)
	if len(c.AVPs) != len(avps) {
		t.Fatalf("decode reads %d AVPs, tshark %d", len(c.AVPs), len(avps))
	}
	inClear := clearValues(t, m)
	for i, a := range c.AVPs {
		tshark := avps[i]
		if a.Vendor != 0 || l2tp.AVPType(a.Type) != tshark.kind || a.Mandatory != tshark.mandatory || a.Hidden != tshark.hidden {
			t.Errorf("decode reads %+v, tshark %s", a, tshark.Show)
		}
		octets := tshark.value
		if a.Hidden {
			octets = inClear[tshark.kind]
		}
		if a.Octets != hex.EncodeToString(octets) || a.Text == "" || a.Problem != "" {
			t.Errorf("decode reads %+v, want octets %x", a, octets)
		}
		if (a.Check != nil) != (tshark.kind == l2tp.AVPMessageDigest) || a.Check != nil && a.Check.Verdict != dissect.Right {
			t.Errorf("decode reads %+v, with check %+v", a, a.Check)
		}
	}
}

// clearValues returns the octets of each AVP of m without hiding.
func clearValues(t *testing.T, m *l2tp.Message) map[l2tp.AVPType][]byte {
	t.Helper()
	if m.Type == l2tp.ZLB {
		return nil
	}
	wire, err := l2tp.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	octets := map[l2tp.AVPType][]byte{}
	for b := wire[l2tp.HeaderLen:]; len(b) > 0; { // RFC 3931, section 5.1
		n := int(b[0]&3)<<8 | int(b[1])
		octets[l2tp.AVPType(b[4])<<8|l2tp.AVPType(b[5])] = b[6:n]
		b = b[n:]
	}
	return octets
}

// buildCtl builds l2tpvl-ctl and returns its path. If L2TPVL_BIN is set, it uses the l2tpvl-ctl in
// that directory instead.
func buildCtl(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("L2TPVL_BIN"); dir != "" {
		return filepath.Join(dir, "l2tpvl-ctl")
	}
	ctl := filepath.Join(t.TempDir(), "l2tpvl-ctl")
	out, err := exec.Command("go", "build", "-o", ctl, "github.com/l2tpvl/l2tpvl/cmd/l2tpvl-ctl").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return ctl
}

// decode runs l2tpvl-ctl decode with both secrets.
func decode(t *testing.T, ctl, file string) *dissect.Report {
	t.Helper()
	args := []string{"decode", file, "-o", "json"}
	for i, s := range []string{secret, nextSecret} {
		name := filepath.Join(t.TempDir(), fmt.Sprintf("%d.secret", i))
		if err := os.WriteFile(name, []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--secret-file", name)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(ctl, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s%s", ctl, args, err, stderr.Bytes(), out)
	}
	var r dissect.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// The tests of this package send every message of RFC 3931 and every AVP of the codec.
func TestEveryMessageAndAVPIsSent(t *testing.T) {
	var sentAVPs l2tp.AVPSet
	for _, kind := range types {
		m := allOf(t, kind, []byte("nonce"), 1)
		if kind != l2tp.ZLB && len(typeNames[kind]) == 0 {
			t.Errorf("typeNames has no name for %s", kind)
		}
		if avp, missing := m.Missing(); missing {
			t.Errorf("%s has no %s", kind, avp)
		}
		for avp := range l2tp.AVPType(100) {
			if m.Has.Has(avp) {
				sentAVPs.Add(avp)
			}
		}
	}
	for kind := range l2tp.MessageType(100) {
		if !strings.HasPrefix(kind.String(), "message type") && !slices.Contains(types, kind) {
			t.Errorf("%s is not sent", kind)
		}
	}
	for avp := range l2tp.AVPType(100) {
		switch {
		case strings.HasPrefix(avp.Name(), "AVP"), avp == l2tp.AVPMessageType, avp == l2tp.AVPMessageDigest:
		case avp == l2tp.AVPExtendedVendorID: // the codec never sends it
		case !sentAVPs.Has(avp):
			t.Errorf("%s is not sent", avp)
		}
	}
}
