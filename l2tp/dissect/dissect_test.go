package dissect

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

const (
	secret1 = "correct horse"
	secret2 = "battery staple"
)

var (
	nonceA = []byte("0123456789abcdef")
	nonceB = []byte("fedcba9876543210")
	pe1    = endpoint("192.0.2.1:1701")
	pe2    = endpoint("192.0.2.2:1701")

	sccrq = l2tp.Message{
		Type: l2tp.SCCRQ, Nonce: nonceA, AssignedConnectionID: 0xa, HostName: []byte("pe1"),
		Pseudowires: l2tp.Pseudowires(l2tp.PseudowirePPP), Has: setupAVPs,
	}
	sccrp = l2tp.Message{
		Header: l2tp.Header{ConnectionID: 0xa},
		Type:   l2tp.SCCRP, Nonce: nonceB, AssignedConnectionID: 0xb, HostName: []byte("pe2"),
		Pseudowires: l2tp.Pseudowires(l2tp.PseudowirePPP), Has: setupAVPs,
	}
	scccn = l2tp.Message{Header: l2tp.Header{ConnectionID: 0xb}, Type: l2tp.SCCCN}
	hello = l2tp.Message{Header: l2tp.Header{ConnectionID: 0xa}, Type: l2tp.HELLO}

	setupAVPs = l2tp.AVPs(l2tp.AVPNonce, l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPAssignedConnectionID,
		l2tp.AVPPseudowireCapabilities)
)

func endpoint(s string) Endpoint { return Endpoint{netip.MustParseAddrPort(s)} }

func keys(secrets ...string) (k l2tp.Keys) {
	for _, s := range secrets {
		k = append(k, l2tp.Signer{Key: l2tp.NewKey([]byte(s)), Type: l2tp.DigestHMACMD5})
	}
	return k
}

// send adds the message m to d, signed by k with the nonces, and returns its report.
func send(t *testing.T, d *Dissector, from, to Endpoint, m l2tp.Message, k l2tp.Keys, local, remote []byte) *Control {
	t.Helper()
	k.AddDigests(&m)
	wire, err := l2tp.Append(nil, &m)
	if err == nil {
		err = k.Sign(wire, local, remote)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Add(Datagram{Transport: OverUDP, From: from, To: to, Payload: wire})
	return &d.report.Messages[len(d.report.Messages)-1]
}

// wantCheck checks the verdict on c, and on each of its digests.
func wantCheck(t *testing.T, c *Control, want Verdict, checks ...Check) {
	t.Helper()
	var got []Check
	for _, a := range c.AVPs {
		if a.Check != nil {
			got = append(got, *a.Check)
		}
	}
	if c.Digest != want || !slices.Equal(got, checks) {
		t.Errorf("%s: digest verdict %s, checks %+v; want %s, %+v", c.Type, c.Digest, got, want, checks)
	}
}

func dissector(secrets ...string) *Dissector {
	var list []Secret
	for _, s := range secrets {
		list = append(list, Secret{s, []byte(s)})
	}
	return New(list, true)
}

// One right digest of two is sufficient (RFC 3931, section 5.4.1). The report names the secret of
// each.
func TestDigestsDuringSecretRollover(t *testing.T) {
	for _, test := range []struct {
		known  []string
		want   Verdict
		checks []Check
	}{
		{[]string{secret1}, Right, []Check{{Verdict: Right, Secret: secret1}, {Verdict: Wrong}}},
		{[]string{secret2}, Right, []Check{{Verdict: Wrong}, {Verdict: Right, Secret: secret2}}},
		{[]string{secret2, secret1}, Right, []Check{{Verdict: Right, Secret: secret1}, {Verdict: Right, Secret: secret2}}},
		{[]string{"another"}, Wrong, []Check{{Verdict: Wrong}, {Verdict: Wrong}}},
		{nil, Unchecked, []Check{
			{Verdict: Unchecked, Reason: "no shared secret given"}, {Verdict: Unchecked, Reason: "no shared secret given"},
		}},
	} {
		d, k := dissector(test.known...), keys(secret1, secret2)
		wantCheck(t, send(t, d, pe1, pe2, sccrq, k, nil, nil), test.want, test.checks...)
		wantCheck(t, send(t, d, pe2, pe1, sccrp, k, nonceB, nonceA), test.want, test.checks...)
		wantCheck(t, send(t, d, pe1, pe2, scccn, k, nonceA, nonceB), test.want, test.checks...)
		wantCheck(t, send(t, d, pe2, pe1, hello, k, nonceB, nonceA), test.want, test.checks...)
	}
}

func TestDigestThatCannotBeChecked(t *testing.T) {
	d, k := dissector(secret1), keys(secret1)
	for _, test := range []struct {
		from, to Endpoint
		m        l2tp.Message
		reason   string
	}{
		{pe2, pe1, sccrp, "nonce unknown: the SCCRQ is not in the capture"},
		{pe1, pe2, scccn, "nonces unknown: the SCCRQ and SCCRP are not in the capture"},
	} {
		c := send(t, d, test.from, test.to, test.m, k, nonceB, nonceA)
		wantCheck(t, c, Unchecked, Check{Verdict: Unchecked, Reason: test.reason})
		if c.Faulty() {
			t.Errorf("%s: a message with an unchecked digest is faulty", c.Type)
		}
	}
	send(t, d, pe1, pe2, sccrq, k, nil, nil)
	wantCheck(t, send(t, d, pe2, pe1, hello, k, nonceB, nonceA), Unchecked,
		Check{Verdict: Unchecked, Reason: "nonce unknown: the SCCRP is not in the capture"})
}

// Without a secret a digest is an integrity check (RFC 3931, section 4.3).
func TestDigestWithoutASecret(t *testing.T) {
	open := l2tp.Keys{{Key: l2tp.NewKey(nil), Type: l2tp.DigestHMACSHA1}}
	wantCheck(t, send(t, dissector(), pe2, pe1, hello, open, nil, nil), Right,
		Check{Verdict: Right, Reason: "integrity check without a shared secret"})
}

// A StopCCN that refuses or withdraws an SCCRQ is signed with the nonces that both ends know, or
// with none.
func TestStopCCNOfAHalfOpenConnection(t *testing.T) {
	refusal := l2tp.Message{
		Header: l2tp.Header{ConnectionID: 0xa}, Type: l2tp.StopCCN, Has: l2tp.AVPs(l2tp.AVPResultCode),
		Result: l2tp.Result{Code: uint16(l2tp.StopNotAuthorized)},
	}
	withdrawal := refusal
	withdrawal.ConnectionID, withdrawal.AssignedConnectionID = 0, 0xa
	withdrawal.Has.Add(l2tp.AVPAssignedConnectionID)
	d, k, right := dissector(secret1), keys(secret1), Check{Verdict: Right, Secret: secret1}
	send(t, d, pe1, pe2, sccrq, k, nil, nil)
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nil, nonceA), Right, right)
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nil, nil), Right, right)
	wantCheck(t, send(t, d, pe1, pe2, withdrawal, k, nonceA, nil), Right, right)
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nonceB, nonceA), Wrong, Check{Verdict: Wrong})
	// A StopCCN that crosses the SCCRP is signed without the nonce in it.
	send(t, d, pe2, pe1, sccrp, k, nonceB, nonceA)
	wantCheck(t, send(t, d, pe1, pe2, withdrawal, k, nonceA, nil), Right, right)
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nil, nonceA), Right, right)
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nil, nil), Right, right)
	// A StopCCN of an established connection is signed with both nonces.
	wantCheck(t, send(t, d, pe2, pe1, refusal, k, nonceB, nonceA), Right, right)
}

// A message with a wrong digest must not replace the nonces of authentic messages.
func TestForgedMessagesAreNotLearned(t *testing.T) {
	d, k := dissector(secret1), keys(secret1)
	send(t, d, pe1, pe2, sccrq, k, nil, nil)
	send(t, d, pe2, pe1, sccrp, k, nonceB, nonceA)
	for _, m := range []l2tp.Message{sccrq, sccrp} {
		from, to := pe1, pe2
		if m.Type == l2tp.SCCRP {
			from, to = pe2, pe1
		}
		m.Nonce = []byte("a forged nonce")
		if c := send(t, d, from, to, m, keys("forged"), nil, nil); !c.Faulty() {
			t.Errorf("%s with a wrong digest is not faulty", c.Type)
		}
	}
	wantCheck(t, send(t, d, pe1, pe2, scccn, k, nonceA, nonceB), Right, Check{Verdict: Right, Secret: secret1})
}

// A retransmitted SCCRQ or SCCRP changes nothing. An SCCRQ with another nonce begins another
// connection, even with the same ID.
func TestRestartedConnection(t *testing.T) {
	d, k, right := dissector(secret1), keys(secret1), Check{Verdict: Right, Secret: secret1}
	for _, nonce := range [][]byte{nonceA, []byte("after a restart.")} {
		sccrq := sccrq
		sccrq.Nonce = nonce
		for range 2 {
			send(t, d, pe1, pe2, sccrq, k, nil, nil)
		}
		for range 2 {
			wantCheck(t, send(t, d, pe2, pe1, sccrp, k, nonceB, nonce), Right, right)
		}
		send(t, d, pe1, pe2, sccrq, k, nil, nil)
		wantCheck(t, send(t, d, pe1, pe2, scccn, k, nonce, nonceB), Right, right)
	}
}

// The responder may answer from another port (RFC 3931, section 4.1.2.2).
func TestAnswerFromAnotherPort(t *testing.T) {
	d, k, right := dissector(secret1), keys(secret1), Check{Verdict: Right, Secret: secret1}
	other := endpoint("192.0.2.2:40000")
	send(t, d, pe1, pe2, sccrq, k, nil, nil)
	wantCheck(t, send(t, d, other, pe1, sccrp, k, nonceB, nonceA), Right, right)
	wantCheck(t, send(t, d, pe1, other, scccn, k, nonceA, nonceB), Right, right)
}

// A message without a digest is faulty if both ends of its connection sign their messages.
func TestMissingDigest(t *testing.T) {
	d, k := dissector(), keys(secret1)
	send(t, d, pe1, pe2, sccrq, k, nil, nil)
	send(t, d, pe2, pe1, sccrp, k, nonceB, nonceA)
	if c := send(t, d, pe1, pe2, scccn, nil, nil, nil); !c.Faulty() || c.Digest != None ||
		!slices.Equal(c.Problems, []string{"no Message Digest AVP, although the control connection uses authentication"}) {
		t.Errorf("%+v", c)
	}
}

// Hidden AVPs are deciphered with the right secret, wherever it is in the list.
func TestHiddenAVPsAreReadWithTheRightSecret(t *testing.T) {
	m := sccrq
	m.RandomVector = []byte("sixteen octets..")
	m.Has.Add(l2tp.AVPRandomVector)
	for _, signed := range []bool{false, true} {
		var k l2tp.Keys
		if signed {
			k = keys(secret2)
			k.AddDigests(&m)
		}
		wire, err := l2tp.AppendHidden(nil, &m, l2tp.NewHidingKey([]byte(secret2)),
			l2tp.AVPs(l2tp.AVPAssignedConnectionID, l2tp.AVPPseudowireCapabilities))
		if err == nil {
			err = k.Sign(wire, nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			known []string
			want  string // text and problem
			fault bool
		}{
			{[]string{secret1, secret2}, "0x0000000a", false},
			{[]string{secret2, secret1}, "0x0000000a", false},
			{[]string{secret1}, "hidden value is damaged or was hidden with another secret", true},
			{nil, "hidden, but no shared secret is known", false}, // no fault of the message
		} {
			d := dissector(test.known...)
			d.Add(Datagram{Transport: OverUDP, From: pe1, To: pe2, Payload: wire})
			c := d.report.Messages[0]
			for _, a := range c.AVPs {
				if a.Type == uint16(l2tp.AVPAssignedConnectionID) && a.Text+a.Problem != test.want || c.Faulty() != test.fault {
					t.Errorf("signed %t, known %q: %+v, faulty %t", signed, test.known, a, c.Faulty())
				}
			}
		}
	}
}

// requestSession adds an ICRQ from pe1 to d, which requests data messages in the format that m has.
func requestSession(t *testing.T, d *Dissector, m l2tp.Message) {
	t.Helper()
	m.Type, m.LocalSessionID, m.RemoteEndID = l2tp.ICRQ, 7, []byte("x")
	m.Has.Add(l2tp.AVPLocalSessionID, l2tp.AVPPseudowireType, l2tp.AVPAssignedCookie, l2tp.AVPSublayer)
	send(t, d, pe1, pe2, m, nil, nil, nil)
}

func TestData(t *testing.T) {
	ppp := l2tp.Message{PseudowireType: l2tp.PseudowirePPP, AssignedCookie: []byte("4678")}
	sublayer, plain, ethernet := ppp, ppp, ppp
	sublayer.Sublayer = l2tp.SublayerDefault
	plain.AssignedCookie = nil
	ethernet.PseudowireType = l2tp.PseudowireEthernet
	for _, test := range []struct {
		name    string
		session *l2tp.Message // nil: not in the capture
		data    string        // after the session ID
		want    Flow
		octets  int
	}{
		{"PPP", &ppp, "34363738 ff03 c021 01", Flow{Cookie: "34363738", Check: Right, Protocol: "LCP"}, 5},
		{"without Address and Control", &ppp, "34363738 8057 01", Flow{Cookie: "34363738", Check: Right, Protocol: "IPV6CP"}, 3},
		{"compressed Protocol", &ppp, "34363738 21 45", Flow{Cookie: "34363738", Check: Right, Protocol: "IPv4"}, 2},
		{"another cookie", &ppp, "34363739 ff03 c021", Flow{Cookie: "34363739", Check: Wrong, Protocol: "LCP"}, 4},
		{"part of the cookie", &ppp, "3436", Flow{Cookie: "3436", Check: Wrong, Problem: "shorter than the session's cookie"}, 0},
		{"no cookie", &plain, "ff03 0057 60", Flow{Check: None, Protocol: "IPv6"}, 5},
		{"empty payload", &plain, "", Flow{Check: None, Problem: "empty payload, no PPP frame"}, 0},
		{"protocol without a name", &plain, "ff03 7eff", Flow{Check: None, Protocol: "0x7eff"}, 4},
		{"sublayer", &sublayer, "34363738 40000001 ff03 c021", Flow{Cookie: "34363738", Check: Right, Protocol: "LCP"}, 4},
		{
			"part of the sublayer", &sublayer, "34363738 4000",
			Flow{Cookie: "34363738", Check: Right, Problem: "shorter than the session's L2-Specific Sublayer"},
			0,
		},
		{"another pseudowire", &ethernet, "34363738 ffff", Flow{Cookie: "34363738", Check: Right, Protocol: "Ethernet"}, 2},
		{"guessed: no cookie", nil, "ff03 c021", Flow{Check: Unchecked, Protocol: "LCP"}, 4},
		{"guessed: cookie of 8", nil, "0102030405060708 ff03 c021", Flow{Cookie: "0102030405060708", Check: Unchecked, Protocol: "LCP"}, 4},
		{
			"not guessed", nil, "0102",
			Flow{Check: Unchecked, Problem: "unknown session: its setup is not in the capture"},
			2,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := dissector()
			if test.session != nil {
				requestSession(t, d, *test.session)
			}
			rest, err := hex.DecodeString(strings.ReplaceAll(test.data, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			test.want.SessionID = 7
			udp, ip := l2tp.AppendDataHeader(nil, 7, rest), l2tp.AppendIPDataHeader(nil, 7, rest)
			d.Add(Datagram{Transport: OverUDP, From: pe2, To: pe1, Payload: udp})
			d.Add(Datagram{Transport: OverIP, From: pe2, To: pe1, Payload: ip})
			d.Add(Datagram{Transport: OverIP, From: pe2, To: pe1, Payload: ip})
			for _, got := range d.Report().Data {
				if got.Flow != test.want || got.Octets != test.octets {
					t.Errorf("data message of %d octets, %+v; want %d, %+v", got.Octets, got.Flow, test.octets, test.want)
				}
			}
			counts := []Count{
				{OverUDP, pe2, pe1, test.want, 1, test.octets},
				{OverIP, pe2, pe1, test.want, 2, 2 * test.octets},
			}
			if !slices.Equal(d.Report().Counts, counts) {
				t.Errorf("counts %+v, want %+v", d.Report().Counts, counts)
			}
		})
	}
}

// A report that is written as JSON and read again is the same.
func TestReportAsJSON(t *testing.T) {
	d := dissector(secret1)
	send(t, d, pe1, pe2, sccrq, keys(secret1), nil, nil)
	d.Add(Datagram{
		Frame: 2, Time: time.Unix(1, 0).UTC(), Transport: OverIP, From: endpoint("192.0.2.1:0"),
		To: endpoint("[2001:db8::1]:0"), Payload: l2tp.AppendIPDataHeader(nil, 0xffffffff, nil),
	})
	text, err := json.Marshal(d.Report())
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, d.Report()) {
		t.Errorf("\n got %+v\nwant %+v", got, *d.Report())
	}
}

// FuzzDissector checks that no datagrams make a Dissector panic, whatever it has read before.
func FuzzDissector(f *testing.F) {
	f.Add([]byte{0, 3, 0, 0, 0, 0, 0, 7, 0xff, 3}, []byte{0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0})
	for _, m := range []l2tp.Message{sccrq, sccrp, scccn} {
		wire, err := l2tp.Append(nil, &m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, wire)
	}
	f.Fuzz(func(_ *testing.T, a, b []byte) {
		d := dissector(secret1, secret2)
		for _, transport := range []Transport{OverUDP, OverIP} {
			d.Add(Datagram{Transport: transport, From: pe1, To: pe2, Payload: a})
			d.Add(Datagram{Transport: transport, From: pe2, To: pe1, Payload: b})
			d.Add(Datagram{Transport: transport, From: pe1, To: pe2, Payload: b})
		}
		_ = d.Report().Faulty()
	})
}
