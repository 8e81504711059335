package main

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// style is what the reader of the output can show.
type style struct {
	colour  bool // ANSI colours
	symbols bool // ✓ and ✗ in place of words
	utf8    bool // characters outside ASCII
	wide    bool // lines of any length
}

// colour is the parameter of an ANSI "select graphic rendition" sequence; "" is none.
type colour string

const (
	none   colour = ""
	bold   colour = "1"
	faint  colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// newStyle decides by the flag --color, by whether the output is a terminal, and by the
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

// paint surrounds text, which is what style.text returned, with a colour.
func (s style) paint(c colour, text string) string {
	if !s.colour || c == none {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// ascii has the substitutes for those symbols that we and the daemon write.
var ascii = strings.NewReplacer("→", "->", "⇄", "<->", "…", "...", "·", "-", "–", "-", "“", `"`, "”", `"`)

// text makes one line of text fit to be shown. Part of what the daemon tells is a peer's own words,
// and these must not steer the operator's terminal: what is not printable becomes a replacement
// character.
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

// mark returns the sign for the mark of a step, and its colour.
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

// stateColour is the colour of a link's or a control connection's state.
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
