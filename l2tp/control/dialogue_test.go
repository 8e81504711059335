package control

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// epoch is the time at which each test begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// random returns a deterministic source of octets.
func random(seed uint64) func([]byte) {
	source := rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), seed)))
	return func(b []byte) { source.Read(b) }
}

// testConfig has RFC 3931's recommended values.
func testConfig(seed uint64) Config {
	return Config{
		HostName: "pe1", RouterID: 0xc0000201, VendorName: "l2tpvl",
		Secret: []byte("secret"), Digest: l2tp.DigestHMACSHA1,
		Window: 16, Hello: 60 * time.Second,
		Timing: Timing{Initial: time.Second, Cap: 8 * time.Second, MaxRetries: 10},
		Retry:  timing.Backoff{Min: time.Second, Max: time.Minute},
		Rand:   random(seed),
		// Tests send more SCCRQs than a real peer.
		Admission: Rate{PerSecond: 1000, Burst: 1_000_000},
	}
}

// testCycle is Timing.Cycle of testConfig: 1+2+4 and eight times 8 seconds.
const testCycle = 71 * time.Second

// testLimit is Timing.SetupTimeout of testConfig.
const testLimit = testCycle + 8*time.Second

// call is the script's view of one control connection.
type call struct {
	id, peerID       uint32 // connection IDs assigned by the script, and by the Peer
	ns, nr           uint16
	nonce, peerNonce []byte
	nonceSent        bool // the Peer has the script's nonce
}

// dialogue tests a Peer against a script that plays the remote end, message by message.
type dialogue struct {
	t      testing.TB
	now    time.Time
	peer   *Peer
	key    *l2tp.Key // nil: the script does not authenticate
	digest l2tp.DigestType

	call  *call // the one that send uses
	calls []*call

	sent   [][]byte // datagrams of the Peer not yet expected
	events []Event
}

// newDialogue starts a passive Peer, changed as given. The test fails if datagrams or events remain
// unexpected at its end.
func newDialogue(t testing.TB, change ...func(*Config)) *dialogue {
	t.Helper()
	d := newUncheckedDialogue(t, change...)
	t.Cleanup(func() {
		if !t.Failed() {
			d.expectNothing()
			d.expectNoEvent()
		}
	})
	return d
}

// newUncheckedDialogue is newDialogue for tests that may end with datagrams or events left.
func newUncheckedDialogue(t testing.TB, change ...func(*Config)) *dialogue {
	t.Helper()
	cfg := testConfig(1)
	cfg.Role = Passive
	for _, f := range change {
		f(&cfg)
	}
	d := &dialogue{t: t, now: epoch, peer: NewPeer(cfg), digest: cfg.Digest}
	if cfg.Secret != nil {
		d.key = l2tp.NewKey(cfg.Secret)
	}
	d.newCall()
	d.step(func(out *Output) { d.peer.Start(d.now, out) })
	return d
}

func active(c *Config) { c.Role = Both }

func noSecret(c *Config) { c.Secret = nil }

// step runs act and collects its output.
func (d *dialogue) step(act func(*Output)) {
	var out Output
	act(&out)
	for b := range out.Datagrams {
		d.sent = append(d.sent, slices.Clone(b))
	}
	d.events = append(d.events, out.Events...)
}

// newCall makes the script use a new control connection and returns it.
func (d *dialogue) newCall() *call {
	n := byte(len(d.calls) + 1)
	d.call = &call{id: 0x2000 + uint32(n), nonce: []byte{n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n}}
	d.calls = append(d.calls, d.call)
	return d.call
}

// send encodes and delivers a message. It returns the datagram, for tests that deliver it again.
func (d *dialogue) send(t l2tp.MessageType, options ...option) []byte {
	d.t.Helper()
	b := d.encode(t, options...)
	d.deliver(b)
	return b
}

func (d *dialogue) deliver(b []byte) {
	d.step(func(out *Output) { d.peer.Receive(d.now, b, out) })
}

// expect returns the oldest remaining datagram of the Peer, which must be of type t, in order and
// signed.
func (d *dialogue) expect(t l2tp.MessageType) *l2tp.Message {
	d.t.Helper()
	m := d.take(t)
	c := d.callTo(m.ConnectionID)
	switch {
	case t == l2tp.ACK:
	case m.Ns != c.nr:
		d.t.Fatalf("%s has Ns %d, want %d", t, m.Ns, c.nr)
	default:
		c.nr++
	}
	return m
}

// expectAgain is expect for a retransmission, or an ACK, with that Ns.
func (d *dialogue) expectAgain(t l2tp.MessageType, ns uint16) *l2tp.Message {
	d.t.Helper()
	m := d.take(t)
	if m.Ns != ns {
		d.t.Fatalf("%s again has Ns %d, want %d", t, m.Ns, ns)
	}
	return m
}

func (d *dialogue) callTo(id uint32) *call {
	d.t.Helper()
	if id == 0 {
		return d.call
	}
	i := slices.IndexFunc(d.calls, func(c *call) bool { return c.id == id })
	if i < 0 {
		d.t.Fatalf("message to connection ID %#x, which the script has not assigned", id)
	}
	return d.calls[i]
}

func (d *dialogue) take(t l2tp.MessageType) *l2tp.Message {
	d.t.Helper()
	if len(d.sent) == 0 {
		d.t.Fatalf("no datagram sent, want %s", t)
	}
	b := d.sent[0]
	d.sent = d.sent[1:]
	m := new(l2tp.Message)
	if err := m.Parse(b, nil); err != nil {
		d.t.Fatalf("the Peer sent a malformed message: %v", err)
	}
	if m.Type != t {
		d.t.Fatalf("%s, want %s", describe(b), t)
	}
	if avp, missing := m.Missing(); missing {
		d.t.Fatalf("%s without %s", t, avp)
	}
	c := d.callTo(m.ConnectionID)
	if t == l2tp.SCCRQ || t == l2tp.SCCRP {
		c.peerID, c.peerNonce = m.AssignedConnectionID, m.Nonce
	}
	if d.key != nil {
		theirs, ours := c.peerNonce, c.nonce
		if theirs == nil || !c.nonceSent { // one end does not have the other's nonce
			theirs, ours = nil, nil
		}
		if err := d.key.Verify(b, theirs, ours); err != nil {
			d.t.Fatalf("%s: %v", t, err)
		}
	}
	return m
}

// expectStop expects a StopCCN with a result code.
func (d *dialogue) expectStop(code l2tp.StopCCNCode) *l2tp.Message {
	d.t.Helper()
	m := d.expect(l2tp.StopCCN)
	if l2tp.StopCCNCode(m.Result.Code) != code {
		d.t.Fatalf("StopCCN for %q, want %q", m.Result.Text(l2tp.StopCCN), code)
	}
	return m
}

// expectCDN expects a CDN with a result code for the session that the script calls id.
func (d *dialogue) expectCDN(code l2tp.CDNCode, id uint32) *l2tp.Message {
	d.t.Helper()
	m := d.expect(l2tp.CDN)
	if l2tp.CDNCode(m.Result.Code) != code || m.RemoteSessionID != id {
		d.t.Fatalf("CDN for %#x: %q, want %#x: %q", m.RemoteSessionID, m.Result.Text(l2tp.CDN), id, code)
	}
	return m
}

// expectNothing fails the test if the Peer has sent another datagram.
func (d *dialogue) expectNothing() {
	d.t.Helper()
	if len(d.sent) > 0 {
		d.t.Fatalf("%s, want no datagram", describe(d.sent[0]))
	}
}

// expectNoEvent fails the test if the Peer has emitted another event.
func (d *dialogue) expectNoEvent() {
	d.t.Helper()
	if len(d.events) > 0 {
		d.t.Fatalf("event %T%+v, want none", d.events[0], d.events[0])
	}
}

// event returns the oldest remaining event of the Peer, which must be an E.
func event[E Event](d *dialogue) E {
	d.t.Helper()
	if len(d.events) == 0 {
		d.t.Fatalf("no event, want %T", *new(E))
	}
	e, ok := d.events[0].(E)
	if !ok {
		d.t.Fatalf("event %T, want %T", d.events[0], e)
	}
	d.events = d.events[1:]
	return e
}

// expectSessionDown expects a SessionDown of s with that cause.
func (d *dialogue) expectSessionDown(s *Session, cause Cause) {
	d.t.Helper()
	if e := event[SessionDown](d); e.Session != s || e.Why.Cause != cause || e.Why.Text == "" {
		d.t.Fatalf("SessionDown %+v, want cause %d", e.Why, cause)
	}
}

// expectConnectionDown expects a ConnectionDown with that cause.
func (d *dialogue) expectConnectionDown(cause Cause) {
	d.t.Helper()
	if e := event[ConnectionDown](d); e.Why.Cause != cause || e.Why.Text == "" {
		d.t.Fatalf("ConnectionDown %+v, want cause %d", e.Why, cause)
	}
}

// wait advances the time, and the Peer at each of its deadlines.
func (d *dialogue) wait(long time.Duration) {
	d.t.Helper()
	end := d.now.Add(long)
	for range 1000 {
		deadline := d.peer.Deadline()
		if deadline.IsZero() || deadline.After(end) {
			d.now = end
			return
		}
		if deadline.After(d.now) {
			d.now = deadline
		}
		d.step(func(out *Output) { d.peer.Advance(d.now, out) })
	}
	d.t.Fatalf("the deadline %s does not advance", d.peer.Deadline())
}

// scriptConnects establishes a connection that the script initiates.
func (d *dialogue) scriptConnects() *Connection {
	d.t.Helper()
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	return event[ConnectionUp](d).Connection
}

// peerConnects establishes a connection that the Peer initiates.
func (d *dialogue) peerConnects() *Connection {
	d.t.Helper()
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.SCCRP)
	d.expect(l2tp.SCCCN)
	d.send(l2tp.ACK)
	return event[ConnectionUp](d).Connection
}

// open makes the owner request a session.
func (d *dialogue) open(name string) *Session {
	d.t.Helper()
	var s *Session
	d.step(func(out *Output) { s = d.peer.Established().Open(d.now, []byte(name), out) })
	return s
}

func (d *dialogue) accept(s *Session) { d.step(func(out *Output) { s.Accept(d.now, out) }) }

func (d *dialogue) connect(s *Session) { d.step(func(out *Output) { s.Connect(d.now, out) }) }

func (d *dialogue) close(s *Session) {
	d.step(func(out *Output) { s.Close(d.now, l2tp.Result{Code: uint16(l2tp.CDNAdministrative)}, out) })
}

func (d *dialogue) stop() {
	d.step(func(out *Output) { d.peer.Stop(d.now, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out) })
}

// ownerOpens establishes a session that the owner requests; the script assigns id.
func (d *dialogue) ownerOpens(name string, id uint32) *Session {
	d.t.Helper()
	s := d.open(name)
	d.expect(l2tp.ICRQ)
	d.send(l2tp.ICRP, ids(id, s.ID))
	d.expect(l2tp.ACK)
	if event[CallAnswered](d).Session != s {
		d.t.Fatal("CallAnswered for another session")
	}
	d.connect(s)
	d.expect(l2tp.ICCN)
	d.send(l2tp.ACK)
	event[SessionUp](d)
	return s
}

// scriptOpens establishes a session that the script requests with that session ID.
func (d *dialogue) scriptOpens(name string, id uint32) *Session {
	d.t.Helper()
	s := d.scriptRequests(name, id)
	d.accept(s)
	d.expect(l2tp.ICRP)
	d.send(l2tp.ICCN, ids(id, s.ID))
	d.expect(l2tp.ACK)
	event[SessionUp](d)
	return s
}

// scriptRequests makes the script request a session. The owner has not accepted it yet.
func (d *dialogue) scriptRequests(name string, id uint32) *Session {
	d.t.Helper()
	d.send(l2tp.ICRQ, ids(id, 0), endID(name))
	d.expect(l2tp.ACK)
	return event[CallIncoming](d).Session
}

func (d *dialogue) setCircuit(s *Session, status l2tp.CircuitStatus) {
	d.step(func(out *Output) { s.SetCircuit(d.now, status, out) })
}

// expectCircuit expects a message with that circuit status.
func (d *dialogue) expectCircuit(t l2tp.MessageType, want l2tp.CircuitStatus) {
	d.t.Helper()
	m := d.expect(t)
	if !m.Has.Has(l2tp.AVPCircuitStatus) || m.CircuitStatus != want {
		d.t.Fatalf("%s with circuit status %s, want %s", t, m.CircuitStatus, want)
	}
}

// expectCircuitChanged expects a CircuitChanged of s.
func (d *dialogue) expectCircuitChanged(s *Session, want l2tp.CircuitStatus) {
	d.t.Helper()
	if e := event[CircuitChanged](d); e.Session != s || e.Status != want || s.PeerCircuit != want {
		d.t.Fatalf("circuit %s in the event, %s in the session; want %s", e.Status, s.PeerCircuit, want)
	}
}

// describe describes a datagram of the Peer in messages of tests.
func describe(b []byte) string {
	var m l2tp.Message
	err := m.Parse(b, nil)
	text := fmt.Sprintf("%s to %#x, Ns %d, Nr %d", m.Type, m.ConnectionID, m.Ns, m.Nr)
	if m.Has.Has(l2tp.AVPResultCode) {
		text += ": " + m.Result.Text(m.Type)
	}
	if err != nil {
		text += ": " + err.Error()
	}
	return text
}
