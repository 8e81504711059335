package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// expectUnauthenticated checks the number of messages that were dropped because of their digest.
func (d *dialogue) expectUnauthenticated(want uint64) {
	d.t.Helper()
	d.expectNothing()
	if got := d.peer.Status().Drops[DropUnauthenticated]; got != want {
		d.t.Fatalf("%d messages dropped because of their digest, want %d", got, want)
	}
}

// RFC 3931, section 5.4.1: unauthenticated messages are dropped without an answer and without
// state.
func TestWrongSecret(t *testing.T) {
	d := newDialogue(t)
	d.key = l2tp.NewKey([]byte("another secret"))
	d.send(l2tp.SCCRQ)
	d.expectUnauthenticated(1)
	if s := d.peer.Status(); s.RefusedAuth != d.now || len(d.peer.live()) != 0 {
		t.Errorf("status %+v", s)
	}

	d = newDialogue(t, active)
	d.expect(l2tp.SCCRQ)
	d.key = l2tp.NewKey([]byte("another secret"))
	d.send(l2tp.SCCRP)
	d.expectUnauthenticated(1)
	d.expectState(d.peer.attempt, WaitCtlReply)
}

func TestMissingDigest(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, func(m *draft) {
		m.NumDigests = 0
		m.Has.Remove(l2tp.AVPMessageDigest)
	})
	d.expectUnauthenticated(1)
	d.newCall()
	c := d.scriptConnects()
	// Section 6.15: a ZLB, which has no digest, is permitted only without authentication.
	d.send(l2tp.ZLB)
	d.expectUnauthenticated(2)
	d.expectState(c, Established)
}

// A change of any octet makes a message unauthentic. The digest covers the reserved bits of the
// header, too.
func TestTamperedOctet(t *testing.T) {
	d := newDialogue(t)
	sccrq := d.encode(l2tp.SCCRQ)
	tamper := func(message []byte) {
		t.Helper()
		for i := range message {
			b := append([]byte(nil), message...)
			b[i] ^= 1
			d.deliver(b)
			if len(d.sent) > 0 {
				t.Fatalf("after a change of octet %d: %s", i, describe(d.sent[0]))
			}
			d.expectNoEvent()
		}
	}
	tamper(sccrq)
	d.deliver(sccrq)
	d.expect(l2tp.SCCRP)
	scccn := d.encode(l2tp.SCCCN)
	tamper(scccn)
	d.deliver(scccn)
	d.expect(l2tp.ACK)
	c := event[ConnectionUp](d).Connection
	stop := d.encode(l2tp.StopCCN)
	tamper(stop)
	d.expectState(c, Established)
	d.deliver(stop)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
}

// An SCCRQ is signed without nonces, so it can be replayed. Its replay is acknowledged, and never
// changes any state.
func TestReplayedSCCRQ(t *testing.T) {
	d := newDialogue(t)
	sccrq := d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.deliver(sccrq)
	d.expect(l2tp.ACK)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	c := event[ConnectionUp](d).Connection
	lastHeard := c.LastHeard
	d.wait(time.Second)
	for range 70000 / 50 { // beyond the wraparound of Ns
		for range 50 {
			d.send(l2tp.HELLO)
			d.expect(l2tp.ACK)
		}
		lastHeard = d.now
		d.deliver(sccrq)
		d.expect(l2tp.ACK)
	}
	// A replay does not count as activity of the peer.
	d.wait(30 * time.Second)
	d.deliver(sccrq)
	d.expect(l2tp.ACK)
	if c.LastHeard != lastHeard {
		t.Error("a replay changed LastHeard")
	}
	d.expectState(c, Established)
	if len(d.peer.incoming) != 0 {
		t.Error("a replay created another connection")
	}
}

// A replayed SCCRQ of an earlier connection creates a connection that is never established, because
// the sender cannot sign an SCCCN. The established connection stays.
func TestReplayedSCCRQOfEarlierConnection(t *testing.T) {
	d := newDialogue(t)
	sccrq := d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	scccn := d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	d.wait(2 * testCycle)

	earlier := d.call
	d.newCall()
	c := d.scriptConnects()
	s := d.scriptOpens("red", 5)
	d.deliver(sccrq)
	earlier.nr = 0
	d.take(l2tp.SCCRP)
	d.deliver(scccn) // to an ID that is no longer in use
	d.wait(testCycle)
	for _, b := range d.sent {
		if m := describe(b); len(m) < 4 || m[:5] != "SCCRP" && m[:5] != "HELLO" {
			t.Errorf("sent %s", m)
		}
	}
	d.sent = nil
	d.expectState(c, Established)
	d.expectSessionState(s, SessionEstablished)
	if len(d.peer.incoming) != 0 || d.peer.Established() != c {
		t.Error("the replay left state")
	}
}

// A StopCCN that refuses or withdraws an SCCRQ is signed without nonces, like the SCCRQ; expectStop
// verifies that. A received refusal is accepted without nonces, and with the nonce of the SCCRQ.
func TestRefusalIsSigned(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, without(l2tp.AVPHostName))
	d.expectStop(l2tp.StopGeneralError)

	d = newDialogue(t, active)
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.ACK)
	d.stop()
	d.expectStop(l2tp.StopShuttingDown)
	d.expectConnectionDown(CauseClosed)

	for _, nonces := range []string{"with our nonce", "without nonces"} {
		d := newDialogue(t, active)
		m := d.expect(l2tp.SCCRQ)
		if nonces == "without nonces" {
			d.call.peerNonce = nil
		}
		d.send(l2tp.StopCCN, result(l2tp.StopNotAuthorized))
		d.call.peerNonce = m.Nonce
		d.expect(l2tp.ACK)
		d.expectConnectionDown(CauseRefused)
	}

	d = newDialogue(t, active)
	d.expect(l2tp.SCCRQ)
	d.call.peerNonce = []byte("of another attempt")
	d.send(l2tp.StopCCN)
	d.expectUnauthenticated(1)
}

// An established connection rejects a StopCCN without nonces, which may be of an earlier
// connection.
func TestStopCCNNeedsNonces(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	nonce := d.call.peerNonce
	d.call.peerNonce, d.call.nonceSent = nil, false
	d.send(l2tp.StopCCN)
	d.call.nonceSent = true
	d.send(l2tp.StopCCN)
	d.expectUnauthenticated(2)
	d.expectState(c, Established)
	d.call.peerNonce, d.call.ns = nonce, d.call.ns-2
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
}

// Each end may sign with either digest type. HMAC-MD5 must be accepted, HMAC-SHA-1 should be
// (section 5.4.1).
func TestDigestTypes(t *testing.T) {
	for _, ours := range []l2tp.DigestType{l2tp.DigestHMACMD5, l2tp.DigestHMACSHA1} {
		for _, theirs := range []l2tp.DigestType{l2tp.DigestHMACMD5, l2tp.DigestHMACSHA1} {
			t.Run(ours.String()+" to "+theirs.String(), func(t *testing.T) {
				digest := func(c *Config) { c.Digest = ours }
				d := newDialogue(t, digest)
				d.digest = theirs
				d.scriptConnects()
				s := d.scriptOpens("red", 5)
				d.close(s)
				if m := d.expect(l2tp.CDN); m.Digests[0].Type != ours {
					t.Errorf("signed with %s, want %s", m.Digests[0].Type, ours)
				}
				d = newDialogue(t, digest, active)
				d.digest = theirs
				d.peerConnects()
			})
		}
	}
}

// RFC 3931, section 4.3: authentication is mutual. An end without a secret refuses a peer that
// requires one with a reason, instead of ignoring it.
func TestSecretOnOneSide(t *testing.T) {
	t.Run("no local secret, SCCRQ", func(t *testing.T) {
		d := newDialogue(t, noSecret)
		d.key = l2tp.NewKey([]byte("secret"))
		d.send(l2tp.SCCRQ)
		d.key = nil
		d.expectStop(l2tp.StopNotAuthorized)
	})
	t.Run("no local secret, SCCRP", func(t *testing.T) {
		d := newDialogue(t, noSecret, active)
		d.expect(l2tp.SCCRQ)
		d.key = l2tp.NewKey([]byte("secret"))
		d.send(l2tp.SCCRP)
		d.key = nil
		d.expectStop(l2tp.StopNotAuthorized)
		d.expectConnectionDown(CauseProtocol)
	})
	t.Run("the peer has no secret", func(t *testing.T) {
		d := newDialogue(t)
		d.key = nil
		d.send(l2tp.SCCRQ)
		d.expectUnauthenticated(1)
	})
}

// RFC 3931, section 4.3: without authentication a digest is an integrity check with an empty
// secret.
func TestIntegrityCheck(t *testing.T) {
	d := newDialogue(t, noSecret)
	c := d.scriptConnects()
	d.key = l2tp.NewKey(nil)
	d.call.nonceSent = false
	d.encode(l2tp.HELLO)
	d.call.ns--
	d.send(l2tp.HELLO, tampered(func(b []byte) []byte {
		b[len(b)-1] ^= 1
		return b
	}))
	d.expectUnauthenticated(1)
	d.call.ns--
	d.send(l2tp.HELLO)
	d.key = nil
	d.expect(l2tp.ACK)
	d.expectState(c, Established)
}

// Our own SCCRQ is authentic, too. If an unknown sender reflects it, it must not end our attempt as
// an equal tie.
func TestReflectedSCCRQ(t *testing.T) {
	d := newDialogue(t, active)
	sccrq := d.sent[0]
	d.expect(l2tp.SCCRQ)
	d.deliver(sccrq)
	d.expectNothing()
	if d.peer.Status().Drops[DropReflected] != 1 {
		t.Error("the reflected SCCRQ was not counted")
	}
	d.send(l2tp.SCCRP)
	d.expect(l2tp.SCCCN)
	event[ConnectionUp](d)
	d.send(l2tp.ACK)
}
