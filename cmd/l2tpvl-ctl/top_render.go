package main

import (
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// topNarrow is the width without a terminal, in columns. A wider terminal has more space for names
// and round trips.
const topNarrow = 80

// topLines returns a title and a line for each row, none wider than width, if that is at least 60.
func topLines(rows []topRow, width int, s style) []string {
	const fixed = 8 + 7 + 7 + 8 + 5 + 7 // state, rates, echo, loss, and the gaps
	names := 8
	for _, r := range rows {
		names = max(names, displayWidth(r.VPN), displayWidth(r.Peer))
	}
	room := max(width, 60) - fixed // a narrower terminal wraps the lines
	names = min(names, room/3)
	history := min(60, room-2*names)

	lines := []string{s.paint(bold, s.text(topLine(names, history, "VPN", "PEER", "STATE", "RX b/s", "TX b/s", "ECHO", "ROUND TRIPS", "LOSS")))}
	for _, r := range rows {
		echo := "-"
		if r.EchoMS != nil {
			echo = formatMillis(*r.EchoMS)
		}
		loss := "-"
		if len(r.History) > 0 {
			loss = fmt.Sprintf("%.0f %%", 100*r.Loss)
		}
		line := s.text(topLine(names, history, s.text(r.VPN), s.text(r.Peer), string(r.State), formatBits(r.RxBits), formatBits(r.TxBits), echo, sparkline(r.History, history, s.utf8), loss))
		lines = append(lines, s.paint(topColour(r), line))
	}
	return lines
}

func topLine(names, history int, vpn, peer, state, rx, tx, echo, trips, loss string) string {
	left := func(text string, width int) string {
		text = clip(text, width)
		return text + spaces(width-displayWidth(text))
	}
	right := func(text string, width int) string { return spaces(width-displayWidth(text)) + text }
	return strings.TrimRight(strings.Join([]string{
		left(vpn, names), left(peer, names), left(state, 8), right(rx, 7), right(tx, 7), right(echo, 8), left(trips, history), right(loss, 5),
	}, " "), " ")
}

func topColour(r topRow) colour {
	switch {
	case r.State == api.LinkDown:
		return red
	case r.State != api.LinkUp || r.Loss > 0:
		return yellow
	}
	return none
}

// clip shortens text to width columns. A text that was shortened ends in "~".
func clip(text string, width int) string {
	if displayWidth(text) <= width {
		return text
	}
	for displayWidth(text) > max(0, width-1) {
		runes := []rune(text)
		text = string(runes[:len(runes)-1])
	}
	return text + "~"
}

// sparkline draws the last round trips as bars relative to the longest one. A lost echo is an x.
func sparkline(history []*float64, width int, utf8 bool) string {
	steps, lost := []rune("▁▂▃▄▅▆▇█"), '×'
	if !utf8 {
		steps, lost = []rune("_.-=+*#@"), 'x'
	}
	history = history[max(0, len(history)-width):]
	longest := 0.0
	for _, ms := range history {
		if ms != nil {
			longest = max(longest, *ms)
		}
	}
	var b strings.Builder
	for _, ms := range history {
		switch {
		case ms == nil:
			b.WriteRune(lost)
		case longest <= 0:
			b.WriteRune(steps[0])
		default:
			b.WriteRune(steps[min(len(steps)-1, int(*ms/longest*float64(len(steps))))])
		}
	}
	return b.String()
}

// formatBits formats a rate with two or three digits: "0", "950", "1.2k", "34M".
func formatBits(bits float64) string {
	units := []string{"", "k", "M", "G", "T"}
	i := 0
	for ; bits >= 999.5 && i < len(units)-1; i++ {
		bits /= 1000
	}
	if i > 0 && bits < 9.95 {
		return fmt.Sprintf("%.1f%s", bits, units[i])
	}
	return fmt.Sprintf("%.0f%s", bits, units[i])
}
