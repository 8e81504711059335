package ppp

import (
	"fmt"
	"time"
)

// The Codes of PAP (RFC 1334, section 2.2).
const (
	papRequest code = iota + 1
	papAck
	papNak
)

// sendAuthenticateRequest sends our name and secret, each time with a new Identifier (RFC 1334,
// section 2.2.1).
func (l *Link) sendAuthenticateRequest(now time.Time, out *Output) {
	p := &l.auth.local
	p.id++
	out.begin(ProtocolPAP, papRequest, p.id)
	out.buf = appendCounted(out.buf, l.cfg.Auth.Name)
	out.buf = appendCounted(out.buf, string(l.cfg.Auth.Secret))
	out.end()
	p.sent(now)
}

// appendCounted appends the length of a text, in one octet, and the text.
func appendCounted(b []byte, text string) []byte {
	return append(append(b, byte(len(text))), text...)
}

// splitCounted separates a text that follows its length from the rest of the data.
func splitCounted(data []byte) (text, rest []byte, ok bool) {
	if len(data) < 1 || int(data[0]) > len(data)-1 {
		return nil, nil, false
	}
	n := 1 + int(data[0])
	return data[1:n], data[n:], true
}

// receivePAP handles a PAP packet.
func (l *Link) receivePAP(now time.Time, in packet, out *Output) Discard {
	local := &l.auth.local
	switch in.code {
	case papRequest:
		if l.auth.peer.protocol != ProtocolPAP {
			return DiscardWrongPhase
		}
		return l.receiveAuthenticateRequest(now, in, out)
	case papAck, papNak:
		if local.protocol != ProtocolPAP || !local.waiting || in.id != local.id {
			return DiscardBadID
		}
		if in.code == papNak {
			message, _, _ := splitCounted(in.data)
			l.refused(now, message)
			return accepted
		}
		local.pass(now)
		l.authenticated(now, out)
		return accepted
	}
	return DiscardUnknownCode
}

// receiveAuthenticateRequest checks the peer's name and password. After they have been accepted,
// every further request gets the same reply (RFC 1334, section 2.2.1).
func (l *Link) receiveAuthenticateRequest(now time.Time, in packet, out *Output) Discard {
	name, rest, ok := splitCounted(in.data)
	password, _, ok2 := splitCounted(rest)
	if !ok || !ok2 {
		return DiscardBadLength
	}
	p := &l.auth.peer
	if p.state == AuthPassed { // after a failure the link is terminated
		out.text(ProtocolPAP, papAck, in.id, "\x00")
		return accepted
	}
	p.setName(name)
	right := equalConstantTime(password, l.cfg.Auth.PeerSecret)
	reason := l.cfg.Auth.checkName(ProtocolPAP, name)
	if reason == "" && !right {
		reason = fmt.Sprintf("PAP: the secret of %q differs from the one configured here", printable(name))
	}
	if reason != "" {
		out.begin(ProtocolPAP, papNak, in.id)
		out.buf = appendCounted(out.buf, wrongSecret)
		out.end()
		l.failAuth(now, p, reason, "PAP: "+wrongSecret, out)
		return accepted
	}
	out.text(ProtocolPAP, papAck, in.id, "\x00")
	p.pass(now)
	l.authenticated(now, out)
	return accepted
}
