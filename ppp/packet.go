package ppp

import (
	"encoding/binary"
	"fmt"
)

// Protocol is the value of a PPP Protocol field (RFC 1661, section 2).
type Protocol uint16

// The protocols that a Link handles. The number of a network protocol is that of its control
// protocol without the highest bit.
const (
	ProtocolIPv4   Protocol = 0x0021 // RFC 1332
	ProtocolIPv6   Protocol = 0x0057 // RFC 5072
	ProtocolIPCP   Protocol = 0x8021 // RFC 1332
	ProtocolIPV6CP Protocol = 0x8057 // RFC 5072
	ProtocolLCP    Protocol = 0xc021 // RFC 1661
	ProtocolPAP    Protocol = 0xc023 // RFC 1334
	ProtocolCHAP   Protocol = 0xc223 // RFC 1994
)

// protocolNames also has protocols that peers may request and a Link rejects.
var protocolNames = map[Protocol]string{
	ProtocolIPv4: "IPv4", ProtocolIPv6: "IPv6",
	ProtocolIPCP: "IPCP", ProtocolIPV6CP: "IPV6CP",
	ProtocolLCP: "LCP", ProtocolPAP: "PAP", ProtocolCHAP: "CHAP",
	0x003d: "Multilink", // RFC 1990
	0x00fd: "compressed datagram",
	0x0281: "MPLS",   // RFC 3032
	0x8053: "ECP",    // RFC 1968
	0x80fd: "CCP",    // RFC 1962
	0x8281: "MPLSCP", // RFC 3032
	0xc025: "LQR",    // RFC 1989
	0xc227: "EAP",    // RFC 3748
}

// String returns the protocol's short name, or its number in hexadecimal.
func (p Protocol) String() string {
	if name := protocolNames[p]; name != "" {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(p))
}

// code is the Code field of a control packet (RFC 1661, section 5; RFC 1570, section 1).
type code uint8

const (
	configureRequest code = iota + 1
	configureAck
	configureNak
	configureReject
	terminateRequest
	terminateAck
	codeReject
	// The following codes exist in LCP only.
	protocolReject
	echoRequest
	echoReply
	discardRequest
	identification
	timeRemaining
)

var codeNames = [...]string{
	configureRequest: "Configure-Request",
	configureAck:     "Configure-Ack",
	configureNak:     "Configure-Nak",
	configureReject:  "Configure-Reject",
	terminateRequest: "Terminate-Request",
	terminateAck:     "Terminate-Ack",
	codeReject:       "Code-Reject",
	protocolReject:   "Protocol-Reject",
	echoRequest:      "Echo-Request",
	echoReply:        "Echo-Reply",
	discardRequest:   "Discard-Request",
	identification:   "Identification",
	timeRemaining:    "Time-Remaining",
}

func (c code) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// headerLen is the length of a control packet's Code, Identifier and Length.
const headerLen = 4

// packet is one control packet. Its data is part of the received frame and must not be kept.
type packet struct {
	code code
	id   uint8
	data []byte
}

// parsePacket reads the control packet at the start of a frame's Information field. Octets after
// the packet's Length are padding (RFC 1661, section 5). It returns false if the Length is
// impossible.
func parsePacket(info []byte) (packet, bool) {
	if len(info) < headerLen {
		return packet{}, false
	}
	n := int(binary.BigEndian.Uint16(info[2:]))
	if n < headerLen || n > len(info) {
		return packet{}, false
	}
	return packet{code(info[0]), info[1], info[headerLen:n]}, true
}

// splitFrame returns a frame's Protocol and Information fields. The Address and Control fields FF
// 03 may precede the Protocol, and the Protocol may be compressed to one octet (RFC 1661, sections
// 6.5 and 6.6).
func splitFrame(frame []byte) (Protocol, []byte, bool) {
	if len(frame) >= 2 && frame[0] == 0xff && frame[1] == 0x03 {
		frame = frame[2:]
	}
	switch {
	case len(frame) >= 1 && frame[0]&1 == 1:
		return Protocol(frame[0]), frame[1:], true
	case len(frame) >= 2:
		return Protocol(binary.BigEndian.Uint16(frame)), frame[2:], true
	}
	return 0, nil, false
}

// maxText is the length, in octets, of the longest text that we send, or keep from the peer.
const maxText = 100

// printable returns a human-readable text from the peer, cut to maxText, with characters other than
// printable ASCII replaced: they could disturb a terminal or a log line.
func printable(text []byte) string {
	out := make([]byte, min(len(text), maxText))
	for i := range out {
		out[i] = text[i]
		if out[i] < 0x20 || out[i] > 0x7e {
			out[i] = '?'
		}
	}
	return string(out)
}
