package main

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// table has rows of cells under titles. Each column is as wide as its widest cell.
type table struct {
	titles []string
	wide   []string // the titles that only --output wide shows
	rows   [][]cell
}

// cell is one field of a table; an empty one is shown as "-".
type cell struct {
	text   string
	colour colour
	right  bool // aligned right: a number
}

// plain returns a cell without colour, aligned left.
func plain(text string) cell { return cell{text: text} }

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// render returns the lines of the table.
func (t *table) render(s style) string {
	const gap = "  "
	lines := make([][]cell, 1, 1+len(t.rows))
	for i, title := range t.titles {
		right := len(t.rows) > 0 && t.rows[0][i].right // as the cells below it
		lines[0] = append(lines[0], cell{text: title, colour: bold, right: right})
	}
	lines = append(lines, t.rows...)
	if !s.wide {
		for i := range lines {
			lines[i] = t.narrow(lines[i])
		}
	}

	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i := range line {
			if line[i].text == "" {
				line[i].text = "-"
			}
			line[i].text = s.text(line[i].text)
			widths[i] = max(widths[i], displayWidth(line[i].text))
		}
	}

	var b strings.Builder
	for _, line := range lines {
		for i, c := range line {
			space := spaces(widths[i] - displayWidth(c.text))
			last := i == len(line)-1
			switch painted := s.paint(c.colour, c.text); {
			case c.right:
				b.WriteString(space + painted)
			case last:
				b.WriteString(painted)
			default:
				b.WriteString(painted + space)
			}
			if !last {
				b.WriteString(gap)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// narrow removes the cells of columns that only --output wide shows.
func (t *table) narrow(line []cell) []cell {
	var kept []cell
	for i, c := range line {
		if !slices.Contains(t.wide, t.titles[i]) {
			kept = append(kept, c)
		}
	}
	return kept
}

// spaces returns n spaces, or none if n is negative.
func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }

// displayWidth returns the number of terminal columns that text occupies (Unicode Standard Annex
// #11).
func displayWidth(text string) int {
	columns := 0
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
			// It combines with the character before it.
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			columns += 2
		default:
			columns++
		}
	}
	return columns
}
