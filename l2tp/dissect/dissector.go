package dissect

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Secret is a shared secret, for message digests and hidden AVPs.
type Secret struct {
	Name   string // for reports, such as the name of its file
	Octets []byte
}

// Dissector makes a Report of datagrams that it reads one after the other. It is not safe for
// concurrent use.
type Dissector struct {
	secrets []secret
	open    *l2tp.Key // for digests that are computed without a secret
	list    bool      // list data messages

	report      Report
	first       *Datagram        // the first datagram
	counts      map[countKey]int // indexes of report.Counts
	connections map[endKey]origin
	sessions    map[endKey]*session
}

type secret struct {
	name   string
	key    *l2tp.Key
	hiding *l2tp.HidingKey
}

// New returns a Dissector that tries the secrets in their order. If list is set, it lists every
// data message; it always counts them.
func New(secrets []Secret, list bool) *Dissector {
	d := &Dissector{
		open:        l2tp.NewKey(nil),
		list:        list,
		report:      Report{Messages: []Control{}, Counts: []Count{}},
		counts:      map[countKey]int{},
		connections: map[endKey]origin{},
		sessions:    map[endKey]*session{},
	}
	for _, s := range secrets {
		d.secrets = append(d.secrets, secret{s.Name, l2tp.NewKey(s.Octets), l2tp.NewHidingKey(s.Octets)})
	}
	return d
}

// Report returns the report of all datagrams so far. The next Add changes it.
func (d *Dissector) Report() *Report { return &d.report }

// Drain returns the report, and removes the control messages and the listed data messages from the
// Dissector's own. It keeps the counts.
func (d *Dissector) Drain() *Report {
	drained := d.report
	d.report.Messages, d.report.Data = nil, nil
	return &drained
}

// AddFragment counts an IP fragment, which the Dissector cannot decode.
func (d *Dissector) AddFragment() { d.report.Fragments++ }

// Add reads the next datagram. It does not retain the payload.
func (d *Dissector) Add(g Datagram) {
	if d.first == nil {
		d.first = &g
	}
	g.Seconds = g.Time.Sub(d.first.Time).Seconds()
	payload := g.Payload
	g.Payload = nil
	if g.Transport == OverUDP {
		if l2tp.IsControl(payload) {
			d.addControl(g, payload)
			return
		}
		id, rest, err := l2tp.ParseDataHeader(payload)
		d.addData(g, id, rest, err)
		return
	}
	id, rest, err := l2tp.ParseIPDataHeader(payload)
	if err == nil && id == 0 { // RFC 3931, section 4.1.1.2
		d.addControl(g, rest)
		return
	}
	d.addData(g, id, rest, err)
}

// addControl reads the control message b.
func (d *Dissector) addControl(g Datagram, b []byte) {
	var m l2tp.Message
	avps, err := m.Dissect(b, nil, nil)
	sender := d.find(&g, &m)
	checks := d.check(b, &m, sender)
	if hasHidden(avps) {
		avps, err = d.unhide(&m, b, checks)
		if sender.connection == nil {
			sender = d.find(&g, &m) // by an ID that was hidden
		}
	}
	c := Control{
		Datagram:     g,
		Type:         m.Type.String(),
		ConnectionID: ID(m.ConnectionID),
		Ns:           m.Ns,
		Nr:           m.Nr,
		Digest:       verdict(checks),
		AVPs:         []AVP{},
		Problems:     []string{},
	}
	if m.Type == l2tp.ZLB && err != nil {
		c.Type = "unreadable"
	}
	digests := 0
	for i := range avps {
		a := describe(&m, &avps[i])
		if avps[i].Type == l2tp.AVPMessageDigest && avps[i].Problem == l2tp.NoProblem && digests < len(checks) {
			a.Check = &checks[digests].Check
			digests++
		}
		c.AVPs = append(c.AVPs, a)
	}
	c.Problems = append(c.Problems, problems(&m, avps, err, g.Truncated)...)
	if len(checks) == 0 && sender.authenticated() {
		c.Problems = append(c.Problems, "no Message Digest AVP, although the control connection uses authentication")
	}
	d.report.Messages = append(d.report.Messages, c)
	if c.Digest != Wrong || !sender.known() {
		d.learnConnection(&g, &m, sender)
	}
	if c.Digest != Wrong {
		d.learnSession(&g, &m)
	}
}

// describe returns the report of the AVP a of m.
func describe(m *l2tp.Message, a *l2tp.AVP) AVP {
	t := AVP{
		Vendor:    a.Vendor,
		Type:      uint16(a.Type),
		Name:      a.Type.Name(),
		Mandatory: a.Mandatory,
		Hidden:    a.Hidden,
		Octets:    hex.EncodeToString(a.Value),
	}
	switch {
	case a.Problem == l2tp.BadFraming && a.Vendor == 0 && a.Type == 0: // not even an AVP header
		t.Name = "unreadable AVP"
	case a.Vendor != 0:
		t.Name = fmt.Sprintf("vendor %d AVP %d", a.Vendor, uint16(a.Type))
	}
	if a.Problem == l2tp.NoProblem {
		t.Text = formatAVP(m, a)
		return t
	}
	t.Problem = a.Problem.String()
	// A missing secret is not the fault of the message.
	mandatory := a.Mandatory && a.Problem < l2tp.Duplicate || a.Problem == l2tp.BadFraming
	t.fault = mandatory && a.Problem != l2tp.HiddenNoKey && !m.Fallback
	return t
}

// problems returns the problems of the message as a whole: an invalid header, or a missing AVP.
func problems(m *l2tp.Message, avps []l2tp.AVP, err error, truncated bool) (list []string) {
	if e, ok := err.(l2tp.HeaderError); ok {
		if truncated {
			return []string{"truncated in the capture"}
		}
		return []string{strings.TrimPrefix(e.Error(), "l2tp: ")}
	}
	missing, isMissing := m.Missing()
	for _, a := range avps {
		if a.Vendor == 0 && a.Type == missing {
			isMissing = false // it is present, but has a problem of its own
		}
	}
	if isMissing {
		list = append(list, fmt.Sprintf("missing %s, which RFC 3931 requires in %s", missing, m.Type))
	}
	return list
}

func hasHidden(avps []l2tp.AVP) bool {
	for _, a := range avps {
		if a.Hidden {
			return true
		}
	}
	return false
}

// unhide reads b into m with the first secret that deciphers the hidden AVPs to plausible values.
// It begins with the secrets for which a digest of the message is right.
func (d *Dissector) unhide(m *l2tp.Message, b []byte, checks []check) (avps []l2tp.AVP, err error) {
	var order []*secret
	for _, c := range checks {
		if c.secret != nil {
			order = append(order, c.secret)
		}
	}
	for i := range d.secrets {
		order = append(order, &d.secrets[i])
	}
	for _, s := range order {
		if avps, err = m.Dissect(b, s.hiding, nil); plausible(avps) {
			return avps, err
		}
	}
	if len(order) == 0 {
		return m.Dissect(b, nil, nil)
	}
	return m.Dissect(b, order[0].hiding, nil)
}

// plausible reports whether the values of all hidden AVPs are valid.
func plausible(avps []l2tp.AVP) bool {
	for _, a := range avps {
		switch a.Problem {
		case l2tp.HiddenLength, l2tp.BadLength, l2tp.BadValue:
			if a.Hidden {
				return false
			}
		}
	}
	return true
}
