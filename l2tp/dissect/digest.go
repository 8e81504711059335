package dissect

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// check is a Check, with the secret that the digest is right with.
type check struct {
	Check
	by *secret
}

// nonces are those that a digest may be made with.
type nonces struct{ sender, receiver []byte }

// check checks each Message Digest of the control message b, which m is.
func (d *Dissector) check(b []byte, m *l2tp.Message, p place) []check {
	pairs, reason := noncesOf(m, p)
	checks := make([]check, m.NumDigests)
	for i := range checks {
		checks[i] = d.checkDigest(b, i, m.Digests[i].Type, pairs, reason)
	}
	return checks
}

// checkDigest checks Message Digest i, of type t. The reason is why there are no nonces, if so.
func (d *Dissector) checkDigest(b []byte, i int, t l2tp.DigestType, pairs []nonces, reason string) check {
	for j := range d.secrets {
		s := &d.secrets[j]
		for _, n := range pairs {
			if s.key.Matches(b, i, n.sender, n.receiver) {
				return check{Check{Verdict: Right, Secret: s.name}, s}
			}
		}
	}
	switch {
	case d.open.Matches(b, i, nil, nil):
		// RFC 3931, section 4.3: it guards against damage alone.
		return check{Check: Check{Verdict: Right, Reason: "made without a secret"}}
	case t.Size() == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: "an unknown hash"}}
	case len(d.secrets) == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: "no secret was given"}}
	case len(pairs) == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: reason}}
	default:
		return check{Check: Check{Verdict: Wrong}}
	}
}

// noncesOf returns the pairs of nonces that a message may be signed with (RFC 3931, section 5.4.1),
// or why there are none.
//
// A StopCCN of a connection that is half open comes from a side that has not told its nonce, or has
// not heard the other's. RFC 3931 does not say how these are signed: with the nonces that both
// know, or with none, as an SCCRQ.
func noncesOf(m *l2tp.Message, p place) (pairs []nonces, reason string) {
	sender, receiver := p.ends()
	if m.Type == l2tp.SCCRP {
		sender = end{told: true, nonce: m.Nonce}
	}
	switch {
	case m.Type == l2tp.SCCRQ:
		return []nonces{{}}, ""
	case sender.told && receiver.told:
		pairs = []nonces{{sender.nonce, receiver.nonce}}
		if m.Type == l2tp.StopCCN {
			pairs = append(pairs, nonces{sender.nonce, nil}, nonces{nil, receiver.nonce}, nonces{})
		}
		return pairs, ""
	case m.Type == l2tp.StopCCN && (sender.told || receiver.told):
		return []nonces{{sender.nonce, receiver.nonce}, {}}, ""
	case !receiver.told && m.Type == l2tp.SCCRP:
		return nil, "the SCCRQ with the receiver's nonce is not in the capture"
	case p.connection != nil:
		return nil, "the SCCRP with a nonce is not in the capture"
	default:
		return nil, "the SCCRQ and SCCRP with the nonces are not in the capture"
	}
}

// verdict is that on the message: one right digest is enough (RFC 3931, section 5.4.1).
func verdict(checks []check) Verdict {
	v := None
	for _, c := range checks {
		switch {
		case c.Verdict == Right || v == Right:
			v = Right
		case c.Verdict == Unchecked || v == Unchecked:
			v = Unchecked
		default:
			v = Wrong
		}
	}
	return v
}
