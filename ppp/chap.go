package ppp

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"time"
)

// The Codes of CHAP (RFC 1994, section 4).
const (
	chapChallenge code = iota + 1
	chapResponse
	chapSuccess
	chapFailure
)

const (
	// algorithmMD5 is the CHAP Algorithm that we support (RFC 1994, section 3).
	algorithmMD5 = 5
	responseLen  = md5.Size
	// challengeLen is the length of our Challenges: that of the hash (RFC 1994, section 2.3).
	challengeLen = 16
)

// wrongSecret is the only text that a peer receives when its authentication fails.
const wrongSecret = "wrong name or secret"

// chapHash returns the Response Value to a Challenge (RFC 1994, section 4.1).
func chapHash(id uint8, secret Secret, challenge []byte) [responseLen]byte {
	b := make([]byte, 0, 1+2*maxNameLen)
	b = append(b, id)
	b = append(b, secret...)
	b = append(b, challenge...)
	return md5.Sum(b)
}

// splitValue separates the Value of a Challenge or Response from the Name.
func splitValue(data []byte) (value, name []byte, ok bool) {
	if len(data) < 2 || data[0] == 0 || int(data[0]) > len(data)-1 {
		return nil, nil, false
	}
	n := 1 + int(data[0])
	return data[1:n], data[n:], true
}

// challenge starts a CHAP authentication of the peer: the first, or a later one on an opened link.
func (l *Link) challenge(now time.Time, out *Output) {
	l.auth.peer.expectAnswer(l.cfg.MaxConfigure, l.lcp.interval)
	l.sendChallenge(now, out)
}

// sendChallenge sends a Challenge. Both its Identifier and its Value are new each time (RFC 1994,
// section 4.1).
func (l *Link) sendChallenge(now time.Time, out *Output) {
	p := &l.auth.peer
	p.id++
	for i := 0; i < challengeLen; i += 4 {
		binary.BigEndian.PutUint32(l.auth.challenge[i:], l.cfg.Rand())
	}
	l.sendValue(chapChallenge, p.id, l.auth.challenge[:], out)
	p.sent(now)
}

// sendResponse answers the peer's last Challenge. It is called again after a timeout, because the
// peer's Success may have been lost.
func (l *Link) sendResponse(now time.Time, out *Output) {
	l.sendValue(chapResponse, l.auth.local.id, l.auth.response[:], out)
	l.auth.local.sent(now)
}

func (l *Link) sendValue(c code, id uint8, value []byte, out *Output) {
	out.begin(ProtocolCHAP, c, id)
	out.buf = append(out.buf, byte(len(value)))
	out.buf = append(out.buf, value...)
	out.buf = append(out.buf, l.cfg.Auth.Name...)
	out.end()
}

// receiveCHAP handles a CHAP packet.
func (l *Link) receiveCHAP(now time.Time, in packet, out *Output) Discard {
	local := &l.auth.local
	switch in.code {
	case chapChallenge:
		if local.protocol != ProtocolCHAP || local.state == AuthFailed {
			return DiscardWrongPhase
		}
		return l.receiveChallenge(now, in, out)
	case chapResponse:
		if l.auth.peer.protocol != ProtocolCHAP {
			return DiscardWrongPhase
		}
		return l.receiveResponse(now, in, out)
	case chapSuccess, chapFailure:
		if local.protocol != ProtocolCHAP || !local.waiting || in.id != local.id {
			return DiscardBadID
		}
		if in.code == chapFailure {
			l.refused(now, in.data)
			return accepted
		}
		first := local.state == AuthPending
		if local.pass(now); first {
			l.authenticated(now, out)
		}
		return accepted
	}
	return DiscardUnknownCode
}

// receiveChallenge answers a Challenge, except our own Challenge or one with our own name: a peer
// that reflects these could use our Response as its own.
func (l *Link) receiveChallenge(now time.Time, in packet, out *Output) Discard {
	value, name, ok := splitValue(in.data)
	if !ok {
		return DiscardBadLength
	}
	p := &l.auth.local
	if l.auth.peer.protocol == ProtocolCHAP && equalConstantTime(value, l.auth.challenge[:]) {
		l.failAuth(now, p, "CHAP: the peer returned our own Challenge", "", out)
		return accepted
	}
	if string(name) == l.cfg.Auth.Name {
		l.failAuth(now, p, fmt.Sprintf("CHAP: the peer's Challenge carries our own name, %q", l.cfg.Auth.Name), "", out)
		return accepted
	}
	p.setName(name)
	p.id = in.id
	l.auth.response = chapHash(in.id, l.cfg.Auth.Secret, value)
	p.expectAnswer(l.cfg.MaxConfigure, l.lcp.interval)
	l.sendResponse(now, out)
	return accepted
}

// receiveResponse checks the first Response to our last Challenge. Any further Response to the same
// Challenge, repeated or guessed, gets the same reply (RFC 1994, section 4.1).
func (l *Link) receiveResponse(now time.Time, in packet, out *Output) Discard {
	p := &l.auth.peer
	if in.id != p.id {
		return DiscardBadID
	}
	value, name, ok := splitValue(in.data)
	if !ok {
		return DiscardBadLength
	}
	if !p.waiting { // it was a Success: a Failure would have ended the link
		out.packet(ProtocolCHAP, chapSuccess, in.id, nil)
		return accepted
	}
	p.waiting = false
	p.setName(name)
	want := chapHash(in.id, l.cfg.Auth.PeerSecret, l.auth.challenge[:])
	right := equalConstantTime(value, want[:])
	reason := l.cfg.Auth.checkName(ProtocolCHAP, name)
	if reason == "" && !right {
		reason = fmt.Sprintf("CHAP: the secret of %q differs from the one configured here", printable(name))
	}
	if reason != "" {
		out.text(ProtocolCHAP, chapFailure, in.id, wrongSecret)
		l.failAuth(now, p, reason, "CHAP: "+wrongSecret, out)
		return accepted
	}
	out.packet(ProtocolCHAP, chapSuccess, in.id, nil)
	first := p.state == AuthPending
	p.pass(now)
	if every := l.cfg.Auth.Rechallenge; every > 0 {
		p.timer = now.Add(l.spread(every))
	}
	if first {
		l.authenticated(now, out)
	}
	return accepted
}

// spread returns a random time from 3/4 to 5/4 of d: Challenges are sent at random intervals
// (RFC 1994, section 2).
func (l *Link) spread(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(float64(d)/2*float64(l.cfg.Rand())/(1<<32))
}
