package ppp

import (
	"encoding/binary"
	"fmt"
	"time"
)

// magicLen is the length of the Magic-Number at the start of the data of LCP's maintenance packets
// (RFC 1661, sections 5.8 and 5.9; RFC 1570, section 1).
const magicLen = 4

// receiveLCP handles an LCP packet: the link maintenance packets itself, the rest by the machine.
func (l *Link) receiveLCP(now time.Time, in packet, out *Output) Discard {
	switch in.code {
	case protocolReject:
		return l.receiveProtocolReject(now, in, out)
	case echoRequest, echoReply, discardRequest:
		return l.receiveEcho(now, in, out)
	case identification:
		if len(in.data) < magicLen {
			return DiscardBadLength
		}
		l.identification = printable(in.data[magicLen:])
	case timeRemaining:
		const secondsLen = 4
		if len(in.data) < magicLen+secondsLen {
			return DiscardBadLength
		}
		l.remaining = parseTimeRemaining(now, in.data[magicLen:])
	default:
		if in.code == codeReject && len(in.data) > 0 {
			l.codeRejects |= 1 << min(in.data[0], 15)
		}
		layer, d := l.lcp.receive(now, in, out)
		l.lcpLayer(now, layer, in, out)
		return d
	}
	l.lcpEvent(now, evRXR, in, "", out)
	return accepted
}

func (l *Link) receiveProtocolReject(now time.Time, in packet, out *Output) Discard {
	if l.lcp.state != Opened {
		return DiscardWrongPhase
	}
	if len(in.data) < 2 {
		return DiscardBadLength
	}
	l.applyProtocolReject(now, Protocol(binary.BigEndian.Uint16(in.data)), out)
	return accepted
}

// receiveEcho handles an Echo-Request, Echo-Reply or Discard-Request. If it carries our own magic
// number the link is looped back, and is terminated (RFC 1661, section 6.4).
func (l *Link) receiveEcho(now time.Time, in packet, out *Output) Discard {
	if l.lcp.state != Opened {
		return DiscardWrongPhase
	}
	if len(in.data) < magicLen {
		return DiscardBadLength
	}
	switch magic := binary.BigEndian.Uint32(in.data); {
	case magic == l.options.peerMagic:
	case magic == l.options.magic && magic != 0:
		l.failLCP(now, fmt.Sprintf("the link is looped back: %v received with our own magic number", in.code), out)
		return DiscardBadMagic
	default:
		return DiscardBadMagic
	}
	if in.code == echoReply && !l.echo.replied(now, in.id) {
		return DiscardBadID
	}
	l.lcpEvent(now, evRXR, in, "", out)
	return accepted
}

// sendEcho sends an Echo-Request or Echo-Reply, cut to the peer's MRU.
func (l *Link) sendEcho(c code, id uint8, data []byte, out *Output) {
	if l.isCodeRejected(c) {
		return
	}
	out.begin(ProtocolLCP, c, id)
	out.buf = binary.BigEndian.AppendUint32(out.buf, l.options.magic)
	room := int(l.options.peerMRU) - headerLen - magicLen
	out.buf = append(out.buf, data[:min(len(data), room)]...)
	out.end()
}

// advanceEcho sends the next Echo-Request, or terminates a link that has failed.
func (l *Link) advanceEcho(now time.Time, out *Output) {
	if l.isCodeRejected(echoRequest) {
		l.echo.stop()
		return
	}
	if reason := l.echo.advance(now, l.cfg.EchoFails); reason != "" {
		l.failLCP(now, reason, out)
		return
	}
	if l.cfg.EchoAdaptive && l.echo.skip(now, l.cfg.EchoInterval) {
		return
	}
	id := l.lcp.nextID()
	l.echo.next(now, id, l.cfg.EchoInterval)
	l.sendEcho(echoRequest, id, nil, out)
}

// parseTimeRemaining reads the Seconds-Remaining and Message of a Time-Remaining packet (RFC 1570,
// section 1.2).
func parseTimeRemaining(now time.Time, data []byte) TimeRemaining {
	const unlimited = 1<<32 - 1
	r := TimeRemaining{Message: printable(data[4:])}
	if seconds := binary.BigEndian.Uint32(data); seconds != unlimited {
		r.Until = now.Add(time.Duration(seconds) * time.Second)
	}
	return r
}

// isCodeRejected reports whether the peer sent a Code-Reject for a code above 7. Packets with this
// code must not be sent any more (RFC 1661, section 4.3, RXJ+).
func (l *Link) isCodeRejected(c code) bool { return l.codeRejects&(1<<c) != 0 }
