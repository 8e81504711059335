package dissect

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// check is a Check, with the secret for which the digest is right, nil if there is none.
type check struct {
	Check
	secret *secret
}

// nonces are a pair of nonces that a digest may have been computed with.
type nonces struct{ sender, receiver []byte }

// check checks each Message Digest of the control message b. m is the same message, parsed.
func (d *Dissector) check(b []byte, m *l2tp.Message, o origin) []check {
	pairs, reason := noncesOf(m, o)
	checks := make([]check, m.NumDigests)
	for i := range checks {
		checks[i] = d.checkDigest(b, i, m.Digests[i].Type, pairs, reason)
	}
	return checks
}

// checkDigest checks Message Digest i, of type t, with each pair of nonces. If there is no pair,
// the reason says why.
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
		// An integrity check, without authentication (RFC 3931, section 4.3).
		return check{Check: Check{Verdict: Right, Reason: "integrity check without a shared secret"}}
	case t.Size() == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: "unknown digest type"}}
	case len(d.secrets) == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: "no shared secret given"}}
	case len(pairs) == 0:
		return check{Check: Check{Verdict: Unchecked, Reason: reason}}
	default:
		return check{Check: Check{Verdict: Wrong}}
	}
}

// noncesOf returns the pairs of nonces that a message may be signed with (RFC 3931, section 5.4.1).
// If there is none, the reason says why.
//
// The sender of a StopCCN for a half-open connection has not sent its nonce, or has not received
// the peer's. RFC 3931 does not define how such a StopCCN is signed: with the nonces that both ends
// know, or with none, like an SCCRQ. Both are accepted.
func noncesOf(m *l2tp.Message, o origin) (pairs []nonces, reason string) {
	sender, receiver := o.ends()
	if m.Type == l2tp.SCCRP {
		sender = end{seen: true, nonce: m.Nonce}
	}
	switch {
	case m.Type == l2tp.SCCRQ:
		return []nonces{{}}, ""
	case sender.seen && receiver.seen:
		pairs = []nonces{{sender.nonce, receiver.nonce}}
		if m.Type == l2tp.StopCCN {
			pairs = append(pairs, nonces{sender.nonce, nil}, nonces{nil, receiver.nonce}, nonces{})
		}
		return pairs, ""
	case m.Type == l2tp.StopCCN && (sender.seen || receiver.seen):
		return []nonces{{sender.nonce, receiver.nonce}, {}}, ""
	case !receiver.seen && m.Type == l2tp.SCCRP:
		return nil, "nonce unknown: the SCCRQ is not in the capture"
	case o.connection != nil:
		return nil, "nonce unknown: the SCCRP is not in the capture"
	default:
		return nil, "nonces unknown: the SCCRQ and SCCRP are not in the capture"
	}
}

// verdict returns the verdict on a message: Right if at least one digest is right (RFC 3931,
// section 5.4.1).
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
