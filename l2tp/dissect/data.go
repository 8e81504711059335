package dissect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// session is the format of the data messages to one end of a session. That end has requested it in
// its control messages.
type session struct {
	cookie     []byte
	sublayer   l2tp.Sublayer
	pseudowire l2tp.PseudowireType
}

type countKey struct {
	transport Transport
	from, to  Endpoint
	Flow
}

// learnSession learns the format of the data messages to the sender of m if m is a message that
// sets up a session (RFC 3931, section 5.4.4). An ICCN or OCCN may change what the ICRQ or OCRP has
// requested.
func (d *Dissector) learnSession(g *Datagram, m *l2tp.Message) {
	switch m.Type {
	case l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN, l2tp.OCRQ, l2tp.OCRP, l2tp.OCCN:
	default:
		return
	}
	if !m.Has.Has(l2tp.AVPLocalSessionID) {
		return
	}
	key := endKey{g.From.Addr(), m.LocalSessionID}
	s := d.sessions[key]
	if s == nil || m.Type == l2tp.ICRQ || m.Type == l2tp.OCRQ { // a new session may reuse the ID
		s = new(session)
		d.sessions[key] = s
	}
	if m.Has.Has(l2tp.AVPAssignedCookie) {
		s.cookie = bytes.Clone(m.AssignedCookie)
	}
	if m.Has.Has(l2tp.AVPSublayer) {
		s.sublayer = m.Sublayer
	}
	if m.Has.Has(l2tp.AVPPseudowireType) {
		s.pseudowire = m.PseudowireType
	} else if peer := d.sessions[endKey{g.To.Addr(), m.RemoteSessionID}]; peer != nil {
		s.pseudowire = peer.pseudowire
	}
}

// addData reads a data message. rest is what follows the session ID. err is the error of reading
// the session header, if any.
func (d *Dissector) addData(g Datagram, id uint32, rest []byte, err error) {
	var flow Flow
	if s := d.sessions[endKey{g.To.Addr(), id}]; err != nil {
		flow = Flow{Check: None, Problem: strings.TrimPrefix(err.Error(), "l2tp: ")}
	} else if s != nil {
		flow, rest = s.read(rest)
	} else {
		flow, rest = guess(rest)
	}
	flow.SessionID = ID(id)
	if d.list {
		d.report.Data = append(d.report.Data, Data{Datagram: g, Flow: flow, Octets: len(rest)})
	}
	key := countKey{g.Transport, g.From, g.To, flow}
	i, counted := d.counts[key]
	if !counted {
		i = len(d.report.Counts)
		d.counts[key] = i
		d.report.Counts = append(d.report.Counts, Count{Transport: g.Transport, From: g.From, To: g.To, Flow: flow})
	}
	d.report.Counts[i].Messages++
	d.report.Counts[i].Octets += len(rest)
}

// read reads what follows the session ID in a data message, and returns the payload.
func (s *session) read(b []byte) (Flow, []byte) {
	flow := Flow{Check: Right}
	payload, ok := l2tp.CutCookie(b, s.cookie)
	switch {
	case !ok && len(b) < len(s.cookie):
		return Flow{Check: Wrong, Cookie: hex.EncodeToString(b), Problem: "shorter than the session's cookie"}, nil
	case !ok:
		flow.Check = Wrong
		payload = b[len(s.cookie):]
	case len(s.cookie) == 0:
		flow.Check = None
	}
	flow.Cookie = hex.EncodeToString(b[:len(s.cookie)])
	if s.sublayer == l2tp.SublayerDefault {
		var err error
		if _, payload, err = l2tp.ParseDefaultSublayer(payload); err != nil {
			flow.Problem = "shorter than the session's L2-Specific Sublayer"
			return flow, nil
		}
	}
	if s.pseudowire != l2tp.PseudowirePPP && s.pseudowire != 0 {
		flow.Protocol = s.pseudowire.String()
	} else if p, known := pppProtocol(payload); known {
		flow.Protocol = pppNames[p]
	} else if len(payload) > 0 {
		flow.Protocol = fmt.Sprintf("0x%04x", p)
	} else {
		flow.Problem = "empty payload, no PPP frame"
	}
	return flow, payload
}

// guess reads what follows the session ID in a data message of an unknown session. It looks for a
// PPP frame with Address and Control fields after a cookie of any length, and a sublayer or none.
func guess(b []byte) (Flow, []byte) {
	for _, sublayer := range []int{0, l2tp.SublayerLen} {
		for _, cookie := range []int{0, 4, 8} {
			if len(b) < cookie+sublayer || !bytes.HasPrefix(b[cookie+sublayer:], pppAddressControl) {
				continue
			}
			payload := b[cookie+sublayer:]
			if p, known := pppProtocol(payload); known {
				flow := Flow{Cookie: hex.EncodeToString(b[:cookie]), Check: Unchecked, Protocol: pppNames[p]}
				return flow, payload
			}
		}
	}
	return Flow{Check: Unchecked, Problem: "unknown session: its setup is not in the capture"}, b
}

// pppAddressControl is the Address and Control fields of a PPP frame. A sender may omit them, with
// Address-and-Control-Field-Compression (RFC 1661, section 6.6).
var pppAddressControl = []byte{0xff, 0x03}

// pppProtocol reads the Protocol field of a PPP frame, of one octet or two (RFC 1661, sections 2
// and 6.5), and reports whether pppNames has it.
func pppProtocol(frame []byte) (protocol uint16, known bool) {
	frame = bytes.TrimPrefix(frame, pppAddressControl)
	switch {
	case len(frame) == 0:
		return 0, false
	case frame[0]&1 != 0:
		protocol = uint16(frame[0])
	case len(frame) == 1:
		return 0, false
	default:
		protocol = binary.BigEndian.Uint16(frame)
	}
	return protocol, pppNames[protocol] != ""
}

// pppNames has the names of the PPP protocols that a link may carry (IANA, Point-to-Point Protocol
// Field Assignments).
var pppNames = map[uint16]string{
	0x0021: "IPv4",
	0x002d: "Van Jacobson compressed TCP/IP",
	0x002f: "Van Jacobson uncompressed TCP/IP",
	0x003d: "Multilink",
	0x0057: "IPv6",
	0x00fd: "compressed datagram",
	0x0281: "MPLS unicast",
	0x0283: "MPLS multicast",
	0x8021: "IPCP",
	0x8053: "ECP",
	0x8057: "IPV6CP",
	0x80fd: "CCP",
	0x8281: "MPLSCP",
	0xc021: "LCP",
	0xc023: "PAP",
	0xc025: "Link Quality Report",
	0xc02b: "BACP",
	0xc02d: "BAP",
	0xc223: "CHAP",
	0xc227: "EAP",
}
