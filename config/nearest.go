package config

import "strings"

// nearest is the one of words that is most like word, or "" if none is much like it.
func nearest(word string, words []string) string {
	best, found := 1+min(2, len(word)/2), ""
	for _, w := range words {
		if d := distance(strings.ToLower(word), w); d < best {
			best, found = d, w
		}
	}
	return found
}

// distance counts the octets to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
