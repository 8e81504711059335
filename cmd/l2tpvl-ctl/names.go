package main

import (
	"fmt"
	"slices"
	"strings"
)

// unknownError is a name that the operator gave and that does not exist.
type unknownError struct {
	kind  string // "VPN"
	name  string
	known []string
}

func (e *unknownError) Error() string {
	const enough = 10 // names to list
	switch near := nearest(e.name, e.known); {
	case near != "":
		return fmt.Sprintf("there is no %s %q: did you mean %s?", e.kind, e.name, near)
	case len(e.known) == 0:
		return fmt.Sprintf("there is no %s %q, nor any other", e.kind, e.name)
	case len(e.known) > enough:
		return fmt.Sprintf("there is no %s %q among the %d there are", e.kind, e.name, len(e.known))
	default:
		return fmt.Sprintf("there is no %s %q: there is %s", e.kind, e.name, strings.Join(e.known, ", "))
	}
}

// oneOf returns an *unknownError unless name is known.
func oneOf(kind, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return &unknownError{kind, name, known}
}

// nearest returns the name that a slip or two of the fingers make of the one given, or "".
func nearest(name string, known []string) string {
	const slips = 2
	best, found := min(slips+1, len([]rune(name))), ""
	for _, k := range known {
		if d := distance(name, k); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance is Levenshtein's: how many runes to insert, delete or replace to make b of a.
func distance(a, b string) int {
	to := []rune(b)
	row := make([]int, len(to)+1) // row[j] is the distance from what we have seen of a to to[:j]
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
