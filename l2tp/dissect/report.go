// Package dissect decodes captured L2TPv3 datagrams for people. A Dissector reads datagrams one
// after the other and returns a Report: every control message with its AVPs and problems, and the
// data messages, counted or listed. It follows control connections and sessions, so that it can
// verify message digests and cookies and decipher hidden AVPs. It does no I/O and does not take
// part in the protocol.
package dissect

import (
	"fmt"
	"net/netip"
	"time"
)

// Transport is the protocol that carries L2TP (RFC 3931, section 4.1).
type Transport string

// The transports.
const (
	OverUDP Transport = "udp"
	OverIP  Transport = "ip" // protocol 115
)

// Endpoint is the address and port of a sender or receiver. Over IP the port is 0.
type Endpoint struct{ netip.AddrPort }

// String returns the address, with the port unless it is 0.
func (e Endpoint) String() string {
	if e.Port() == 0 {
		return e.Addr().String()
	}
	return e.AddrPort.String()
}

// MarshalText returns String, for encodings such as JSON.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the format of MarshalText.
func (e *Endpoint) UnmarshalText(text []byte) (err error) {
	if e.AddrPort, err = netip.ParseAddrPort(string(text)); err == nil {
		return nil
	}
	addr, err := netip.ParseAddr(string(text))
	e.AddrPort = netip.AddrPortFrom(addr, 0)
	return err
}

// ID is a control connection ID or a session ID.
type ID uint32

// String returns the ID as 0x and 8 hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("0x%08x", uint32(id)) }

// MarshalText returns String, for encodings such as JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the format of MarshalText.
func (id *ID) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "0x%x", (*uint32)(id))
	return err
}

// Datagram is one datagram of a capture that may be L2TP.
type Datagram struct {
	Frame     int       `json:"frame"` // frame number in the capture, from 1
	Time      time.Time `json:"time"`
	Seconds   float64   `json:"seconds"` // since the first datagram of the report; set by Add
	Transport Transport `json:"transport"`
	From      Endpoint  `json:"from"`
	To        Endpoint  `json:"to"`
	Truncated bool      `json:"cut,omitempty"` // the capture has only part of the datagram
	// Payload is the UDP payload or, over IP, the IP payload, which begins with the session ID.
	Payload []byte `json:"-"`
}

// Verdict is the result of checking a message digest or a cookie.
type Verdict string

// The verdicts.
const (
	Right     Verdict = "right"
	Wrong     Verdict = "wrong"
	Unchecked Verdict = "unchecked" // the secret, nonce or session that the check needs is unknown
	None      Verdict = "none"      // no digest or cookie to check
)

// Control is a control message.
type Control struct {
	Datagram
	// Type is the message type, such as "SCCRQ", or "unreadable" if the message type cannot be
	// read.
	Type         string `json:"type"`
	ConnectionID ID     `json:"connection_id"`
	Ns           uint16 `json:"ns"`
	Nr           uint16 `json:"nr"`
	// Digest is Right if at least one Message Digest is (RFC 3931, section 5.4.1).
	Digest Verdict `json:"digest"`
	AVPs   []AVP   `json:"avps"`
	// Problems are those of the message as a whole. Those of an AVP are in AVPs.
	Problems []string `json:"problems"`
}

// Faulty reports whether a receiver that knows the shared secrets must reject or drop the message.
func (c *Control) Faulty() bool {
	if c.Digest == Wrong || len(c.Problems) > 0 {
		return true
	}
	for _, a := range c.AVPs {
		if a.fault {
			return true
		}
	}
	return false
}

// AVP is one AVP of a control message.
type AVP struct {
	Vendor    uint32 `json:"vendor"` // 0 is the IETF
	Type      uint16 `json:"type"`
	Name      string `json:"name"` // such as "Host Name"
	Mandatory bool   `json:"mandatory"`
	Hidden    bool   `json:"hidden"`
	Text      string `json:"text,omitempty"`    // the value for people, unless there is a Problem
	Octets    string `json:"octets"`            // the value in hexadecimal, deciphered if possible
	Problem   string `json:"problem,omitempty"` // why a receiver does not accept the AVP
	Check     *Check `json:"check,omitempty"`   // of a Message Digest

	fault bool // a receiver must end the session or the control connection because of Problem
}

// Check is the result of checking a Message Digest.
type Check struct {
	Verdict Verdict `json:"verdict"`
	Secret  string  `json:"secret,omitempty"` // name of the secret for which the digest is right
	Reason  string  `json:"reason,omitempty"` // why it is unchecked, or right without a secret
}

// Data is a data message.
type Data struct {
	Datagram
	Flow
	Octets int `json:"octets"` // size of the payload, after session header, cookie and sublayer
}

// Flow is what the data messages of one Count have in common.
type Flow struct {
	SessionID ID      `json:"session_id"` // assigned by the receiver
	Cookie    string  `json:"cookie"`     // in hexadecimal
	Check     Verdict `json:"cookie_check"`
	Protocol  string  `json:"protocol"` // of the PPP frame, such as "LCP" or "IPv4"
	Problem   string  `json:"problem,omitempty"`
}

// Count is the number of data messages of a Flow from one endpoint to another.
type Count struct {
	Transport Transport `json:"transport"`
	From      Endpoint  `json:"from"`
	To        Endpoint  `json:"to"`
	Flow
	Messages int `json:"messages"`
	Octets   int `json:"octets"` // size of all payloads
}

// Report is the L2TP traffic in a capture.
type Report struct {
	Messages []Control `json:"messages"`
	// Counts are the data messages by flow, in the order of their first messages.
	Counts []Count `json:"data"`
	// Data are the data messages one by one, if the Dissector lists them.
	Data []Data `json:"data_messages,omitempty"`
	// Fragments is the number of IP fragments. They may be L2TP, but are not decoded.
	Fragments int `json:"fragments"`
}

// Faulty reports whether at least one of the messages is faulty.
func (r *Report) Faulty() bool {
	for i := range r.Messages {
		if r.Messages[i].Faulty() {
			return true
		}
	}
	return false
}
