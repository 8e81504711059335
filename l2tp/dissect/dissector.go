package dissect

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Secret is a shared secret that the traffic may be signed and hidden with.
type Secret struct {
	Name   string // what reports call it, such as its file's name
	Octets []byte
}

// Dissector makes a Report of datagrams, given one after the other. It is not safe for concurrent
// use.
type Dissector struct {
	secrets []secret
	open    *l2tp.Key // that of digests made without a secret
	list    bool      // data messages are listed

	report      Report
	first       *Datagram // the first of the report
	counts      map[countKey]int
	connections map[endKey]place
	sessions    map[endKey]*session
}

type secret struct {
	name   string
	key    *l2tp.Key
	hiding *l2tp.HidingKey
}

// New returns a Dissector that tries the secrets in their order. With list it lists each data
// message, else it counts them alone.
func New(secrets []Secret, list bool) *Dissector {
	d := &Dissector{
		open:        l2tp.NewKey(nil),
		list:        list,
		report:      Report{Messages: []Control{}, Counts: []Count{}},
		counts:      map[countKey]int{},
		connections: map[endKey]place{},
		sessions:    map[endKey]*session{},
	}
	for _, s := range secrets {
		d.secrets = append(d.secrets, secret{s.Name, l2tp.NewKey(s.Octets), l2tp.NewHidingKey(s.Octets)})
	}
	return d
}

// Report is what the datagrams so far were.
func (d *Dissector) Report() *Report { return &d.report }

// Take is Report, and forgets the messages in it.
func (d *Dissector) Take() *Report {
	taken := d.report
	d.report.Messages, d.report.Data = nil, nil
	return &taken
}

// AddFragment counts a fragment of an IP packet, which cannot be read.
func (d *Dissector) AddFragment() { d.report.Fragments++ }

// Add reads the next datagram. It keeps nothing of the payload.
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
	where := d.find(&g, &m)
	checks := d.check(b, &m, where)
	if hasHidden(avps) {
		avps, err = d.unhide(&m, b, checks)
		if where.connection == nil {
			where = d.find(&g, &m) // by an ID that was hidden
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
	c.Problems = append(c.Problems, problems(&m, avps, err, g.Cut)...)
	if len(checks) == 0 && where.authenticated() {
		c.Problems = append(c.Problems, "has no Message Digest, which its connection's other messages have")
	}
	d.report.Messages = append(d.report.Messages, c)
	if c.Digest != Wrong || !where.known() {
		d.learnConnection(&g, &m, where)
	}
	if c.Digest != Wrong {
		d.learnSession(&g, &m)
	}
}

// describe tells of the AVP a of m.
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
	case a.Problem == l2tp.BadFraming && a.Vendor == 0 && a.Type == 0: // not even that much of it is there
		t.Name = "unreadable AVP"
	case a.Vendor != 0:
		t.Name = fmt.Sprintf("vendor %d AVP %d", a.Vendor, uint16(a.Type))
	}
	if a.Problem == l2tp.NoProblem {
		t.Text = avpWords(m, a)
		return t
	}
	t.Problem = a.Problem.String()
	// A value that we lack the secret to read is no fault of the message's.
	mandatory := a.Mandatory && a.Problem < l2tp.Duplicate || a.Problem == l2tp.BadFraming
	t.fault = mandatory && a.Problem != l2tp.HiddenNoKey && !m.Fallback
	return t
}

// problems are those of the message as a whole: a bad header, and AVPs that are not there.
func problems(m *l2tp.Message, avps []l2tp.AVP, err error, cut bool) (list []string) {
	if e, ok := err.(l2tp.HeaderError); ok {
		if cut {
			return []string{"is only in part in the capture"}
		}
		return []string{strings.TrimPrefix(e.Error(), "l2tp: ")}
	}
	missing, some := m.Missing()
	for _, a := range avps {
		if a.Vendor == 0 && a.Type == missing {
			some = false // it is there, with a problem of its own
		}
	}
	if some {
		list = append(list, fmt.Sprintf("lacks the %s, which RFC 3931 demands in %s", missing, m.Type))
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

// unhide reads b into m with the secret that deciphers its hidden AVPs to something sensible, one
// of those whose digest is right before all others.
func (d *Dissector) unhide(m *l2tp.Message, b []byte, checks []check) (avps []l2tp.AVP, err error) {
	var order []*secret
	for _, c := range checks {
		if c.by != nil {
			order = append(order, c.by)
		}
	}
	for i := range d.secrets {
		order = append(order, &d.secrets[i])
	}
	for _, s := range order {
		if avps, err = m.Dissect(b, s.hiding, nil); sensible(avps) {
			return avps, err
		}
	}
	if len(order) == 0 {
		return m.Dissect(b, nil, nil)
	}
	return m.Dissect(b, order[0].hiding, nil)
}

func sensible(avps []l2tp.AVP) bool {
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
