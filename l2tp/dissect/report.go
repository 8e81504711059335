// Package dissect says in words what L2TPv3 datagrams are, for one who looks at traffic between
// others: it follows control connections and sessions, so that message digests and cookies are
// checked and hidden AVPs read. It does no I/O.
package dissect

import (
	"fmt"
	"net/netip"
	"time"
)

// Transport is what carries L2TP (RFC 3931, section 4.1).
type Transport string

// The transports.
const (
	OverUDP Transport = "udp"
	OverIP  Transport = "ip" // protocol 115
)

// Endpoint is a sender or receiver. Its port is 0 over IP.
type Endpoint struct{ netip.AddrPort }

// String is the address, with the port if there is one.
func (e Endpoint) String() string {
	if e.Port() == 0 {
		return e.Addr().String()
	}
	return e.AddrPort.String()
}

// MarshalText is String, for encodings such as JSON.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes.
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

// String is 0x and 8 digits.
func (id ID) String() string { return fmt.Sprintf("0x%08x", uint32(id)) }

// MarshalText is String, for encodings such as JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "0x%x", (*uint32)(id))
	return err
}

// Datagram is one datagram of a capture that may be L2TP.
type Datagram struct {
	Frame     int       `json:"frame"` // its number in the capture, from 1
	Time      time.Time `json:"time"`
	Seconds   float64   `json:"seconds"` // since the first datagram of the report, which fills it in
	Transport Transport `json:"transport"`
	From      Endpoint  `json:"from"`
	To        Endpoint  `json:"to"`
	Cut       bool      `json:"cut,omitempty"` // the capture has not all of it
	Payload   []byte    `json:"-"`             // of UDP, or of IP from the session ID on
}

// Verdict is how a digest or a cookie compares with what it should be.
type Verdict string

// The verdicts.
const (
	Right     Verdict = "right"
	Wrong     Verdict = "wrong"
	Unchecked Verdict = "unchecked" // what it takes to check it is not known
	None      Verdict = "none"      // there is nothing to check
)

// Control is a control message.
type Control struct {
	Datagram
	Type         string   `json:"type"` // "SCCRQ", or "unreadable"
	ConnectionID ID       `json:"connection_id"`
	Ns           uint16   `json:"ns"`
	Nr           uint16   `json:"nr"`
	Digest       Verdict  `json:"digest"` // right if one Message Digest is (RFC 3931, section 5.4.1)
	AVPs         []AVP    `json:"avps"`
	Problems     []string `json:"problems"` // what is wrong with the message as a whole
}

// Faulty reports whether a receiver that knows the secrets must reject or drop the message.
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
	Name      string `json:"name"` // "Host Name"
	Mandatory bool   `json:"mandatory"`
	Hidden    bool   `json:"hidden"`
	Text      string `json:"text,omitempty"`    // the value in words, if the AVP was understood
	Octets    string `json:"octets"`            // the value in hexadecimal, in clear if it could be deciphered
	Problem   string `json:"problem,omitempty"` // why it was not taken
	Check     *Check `json:"check,omitempty"`   // of a Message Digest

	fault bool // the problem is one that ends the session or control connection
}

// Check is what came of checking a Message Digest.
type Check struct {
	Verdict Verdict `json:"verdict"`
	Secret  string  `json:"secret,omitempty"` // the name of the secret that it is right with
	Reason  string  `json:"reason,omitempty"` // why it was not checked
}

// Data is a data message.
type Data struct {
	Datagram
	Flow
	Octets int `json:"octets"` // of the payload: behind session header, cookie and sublayer
}

// Flow is what data messages have in common.
type Flow struct {
	SessionID ID      `json:"session_id"` // the receiver's
	Cookie    string  `json:"cookie"`     // in hexadecimal
	Check     Verdict `json:"cookie_check"`
	Protocol  string  `json:"protocol"` // of the PPP frame: "LCP", "IPv4"
	Problem   string  `json:"problem,omitempty"`
}

// Count is how many data messages of a Flow went from one end to the other.
type Count struct {
	Transport Transport `json:"transport"`
	From      Endpoint  `json:"from"`
	To        Endpoint  `json:"to"`
	Flow
	Messages int `json:"messages"`
	Octets   int `json:"octets"`
}

// Report is what a capture has of L2TP.
type Report struct {
	Messages []Control `json:"messages"`
	// Counts are of the data messages, in the order of the first of each.
	Counts []Count `json:"data"`
	// Data are the data messages one by one, if they were asked for.
	Data []Data `json:"data_messages,omitempty"`
	// Fragments is how many fragments of IP packets were left out, which may have been L2TP.
	Fragments int `json:"fragments"`
}

// Faulty reports whether one of the messages is.
func (r *Report) Faulty() bool {
	for i := range r.Messages {
		if r.Messages[i].Faulty() {
			return true
		}
	}
	return false
}
