package main

import (
	"fmt"
	"slices"
	"strings"
)

// unknownError is a name on the command line that does not exist.
type unknownError struct {
	kind  string // of the named object, such as "VPN"
	name  string
	known []string // the names that exist
}

func (e *unknownError) Error() string {
	const maxListed = 10 // names
	switch near := nearest(e.name, e.known); {
	case near != "":
		return fmt.Sprintf("unknown %s %q; did you mean %s?", e.kind, e.name, near)
	case len(e.known) == 0:
		return fmt.Sprintf("unknown %s %q; none is configured", e.kind, e.name)
	case len(e.known) > maxListed:
		return fmt.Sprintf("unknown %s %q; it is none of the %d configured", e.kind, e.name, len(e.known))
	default:
		return fmt.Sprintf("unknown %s %q; want one of %s", e.kind, e.name, strings.Join(e.known, ", "))
	}
}

// oneOf returns an *unknownError unless name is known.
func oneOf(kind, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return &unknownError{kind, name, known}
}

// nearest returns the known name with the fewest typing mistakes, at most two, from name; or "".
func nearest(name string, known []string) string {
	const maxMistakes = 2
	best, found := min(maxMistakes+1, len([]rune(name))), ""
	for _, k := range known {
		if d := distance(name, k); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance is the Levenshtein distance: how many runes to insert, delete or replace to turn a into
// b.
func distance(a, b string) int {
	to := []rune(b)
	row := make([]int, len(to)+1) // row[j] is the distance from the runes of a so far to to[:j]
	for j := range row {
		row[j] = j
	}
	for i, from := range []rune(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range to {
			replaced := diagonal
			if from != to[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
