package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

const decodeIndent = "            "

// renderReport shows each control message with its AVPs, and the data messages between them or
// their counts.
func renderReport(r *dissect.Report, _ time.Time, s style) string {
	var b strings.Builder
	data := r.Data
	for i := range r.Messages {
		m := &r.Messages[i]
		for len(data) > 0 && data[0].Frame < m.Frame {
			b.WriteString(dataLine(&data[0], s))
			data = data[1:]
		}
		renderControl(&b, m, s)
	}
	for i := range data {
		b.WriteString(dataLine(&data[i], s))
	}
	if len(r.Data) == 0 && len(r.Counts) > 0 {
		if len(r.Messages) > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(countTable(r.Counts, s))
	}
	if r.Fragments > 0 {
		fmt.Fprintf(&b, "\n%d IP fragments skipped that may belong to L2TP\n", r.Fragments)
	}
	return b.String()
}

// datagramText returns the start of the line of a message.
func datagramText(d *dissect.Datagram, s style) string {
	return s.text(fmt.Sprintf("%10.6f  %s → %s  ", d.Seconds, d.From, d.To))
}

func renderControl(b *strings.Builder, m *dissect.Control, s style) {
	colour := bold
	if m.Faulty() {
		colour = red
	}
	b.WriteString(datagramText(&m.Datagram, s) + s.paint(colour, s.text(m.Type)))
	fmt.Fprintf(b, "  Ns %d Nr %d  connection %s", m.Ns, m.Nr, m.ConnectionID)
	if ids := sessionIDs(m); ids != "" {
		b.WriteString("  session " + s.text(ids))
	}
	b.WriteByte('\n')

	width := 0
	for _, a := range m.AVPs {
		if hasOwnLine(&a) {
			width = max(width, displayWidth(s.text(a.Name)))
		}
	}
	for _, a := range m.AVPs {
		if hasOwnLine(&a) {
			title := s.text(a.Name)
			b.WriteString(decodeIndent + title + spaces(width-displayWidth(title)) + "  " + avpText(&a, s) + "\n")
		}
	}
	for _, p := range m.Problems {
		b.WriteString(decodeIndent + s.paint(red, s.text("! "+p)) + "\n")
	}
}

// hasOwnLine reports whether an AVP has a line of its own. The Message Type, if it is valid, is on
// the line of the message.
func hasOwnLine(a *dissect.AVP) bool {
	return a.Vendor != 0 || l2tp.AVPType(a.Type) != l2tp.AVPMessageType || a.Problem != ""
}

// sessionIDs returns the session IDs of the sender and the receiver, from the AVPs.
func sessionIDs(m *dissect.Control) string {
	ids := map[l2tp.AVPType]string{}
	for _, a := range m.AVPs {
		if a.Vendor == 0 && a.Problem == "" {
			ids[l2tp.AVPType(a.Type)] = a.Text
		}
	}
	return idPair(ids[l2tp.AVPLocalSessionID], ids[l2tp.AVPRemoteSessionID])
}

// avpText returns the value of an AVP and its problem, if any.
func avpText(a *dissect.AVP, s style) string {
	value := s.text(a.Text)
	if a.Problem != "" {
		value = s.text(a.Octets)
	}
	if a.Hidden && a.Problem == "" {
		value += " (was hidden)"
	}
	if a.Check != nil {
		value += ": " + checkText(a.Check, s)
	}
	if a.Problem != "" {
		value = strings.TrimPrefix(value+"  ", "  ") + s.paint(red, s.text("! "+a.Problem))
	}
	return value
}

func checkText(c *dissect.Check, s style) string {
	switch c.Verdict {
	case dissect.Right:
		return s.paint(green, "right") + s.text(" ("+cmp.Or(c.Secret, c.Reason)+")")
	case dissect.Wrong:
		return s.paint(red, "WRONG") + " (damaged, forged, or another secret)"
	default:
		return s.paint(yellow, "not checked") + s.text(" ("+c.Reason+")")
	}
}

func dataLine(d *dissect.Data, s style) string {
	line := datagramText(&d.Datagram, s) + s.text(cmp.Or(d.Protocol, "data")) +
		fmt.Sprintf("  %d octets  session %s  cookie ", d.Octets, d.SessionID) + cookieText(&d.Flow, s)
	if d.Problem != "" {
		line += "  " + s.paint(red, s.text("! "+d.Problem))
	}
	return line + "\n"
}

// cookieText returns a cookie, and the result of its check unless it is right.
func cookieText(f *dissect.Flow, s style) string {
	cookie := cmp.Or(f.Cookie, "none")
	switch {
	case f.Check == dissect.Wrong:
		return s.paint(red, cookie+" WRONG")
	case f.Check == dissect.Unchecked && f.Cookie != "":
		return cookie + " (guessed)"
	case f.Check == dissect.Unchecked:
		return "unknown"
	default:
		return cookie
	}
}

func countTable(counts []dissect.Count, s style) string {
	t := table{titles: []string{"DATA FROM → TO", "SESSION", "COOKIE", "PROTOCOL", "MESSAGES", "OCTETS", "PROBLEM"}}
	for _, c := range counts {
		cookie := cell{text: cookieText(&c.Flow, style{utf8: s.utf8})}
		if c.Check == dissect.Wrong {
			cookie.colour = red
		}
		t.add(
			plain(fmt.Sprintf("%s → %s", c.From, c.To)), plain(c.SessionID.String()), cookie, plain(c.Protocol),
			count(uint64(c.Messages)), count(uint64(c.Octets)), plain(c.Problem),
		)
	}
	return t.render(s)
}
