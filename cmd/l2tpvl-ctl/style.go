package main

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// style describes what the output can display.
type style struct {
	colour  bool // ANSI colours
	symbols bool // ✓ and ✗ instead of words
	utf8    bool // characters outside ASCII
	wide    bool // lines of any length
}

// colour is the parameter of an ANSI "select graphic rendition" sequence; "" means no colour.
type colour string

const (
	none   colour = ""
	bold   colour = "1"
	faint  colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// newStyle chooses the style by the flag --color, by whether the output is a terminal, and by the
// environment: NO_COLOR (no-color.org), TERM and the locale.
func newStyle(flag string, terminal bool, getenv func(string) string) style {
	locale := strings.ToLower(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	s := style{utf8: strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")}
	switch flag {
	case "always":
		s.colour = true
	case "auto":
		s.colour = terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	s.symbols = s.utf8 && (terminal || s.colour)
	return s
}

// paint returns text in a colour. The text must come from style.text.
func (s style) paint(c colour, text string) string {
	if !s.colour || c == none {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// ascii replaces the symbols in the output of this program and of the daemon.
var ascii = strings.NewReplacer("→", "->", "⇄", "<->", "…", "...", "·", "-", "–", "-", "“", `"`, "”", `"`)

// text makes one line of text safe to display. Text of the daemon may contain text of a peer, which
// must not control the operator's terminal: characters that are not printable are replaced.
func (s style) text(text string) string {
	replacement := unicode.ReplacementChar
	if !s.utf8 {
		text, replacement = ascii.Replace(text), '?'
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r >= utf8.RuneSelf && !s.utf8 {
			return replacement
		}
		return r
	}, text)
}

// mark returns the word or symbol for the mark of a step, and its colour.
func (s style) mark(m api.Mark) (string, colour) {
	sign, known := map[api.Mark]struct {
		word, symbol string
		colour       colour
	}{
		api.MarkOK:      {"ok", "✓", green},
		api.MarkFailed:  {"FAILED", "✗", red},
		api.MarkPending: {"...", "…", yellow},
		api.MarkSkipped: {"-", "·", faint},
	}[m]
	switch {
	case !known:
		return s.text(string(m)), none
	case s.symbols:
		return sign.symbol, sign.colour
	default:
		return sign.word, sign.colour
	}
}

// stateColour returns the colour for the state of a link or a control connection.
func stateColour(up, down bool) colour {
	switch {
	case up:
		return green
	case down:
		return red
	default:
		return yellow
	}
}
