package main

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed words.txt
var wordsText string

// A word is a phrase that the project's text does not use.
type word struct {
	pattern *regexp.Regexp
	instead string
}

var words = parseWords(wordsText)

// parseWords reads the table of words.txt. A blank in a pattern stands for any blanks, line ends
// and comment markers between two words, so that a phrase is found across lines.
func parseWords(text string) []word {
	var list []word
	for line := range strings.Lines(text) {
		pattern, instead, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || strings.HasPrefix(pattern, "#") {
			continue
		}
		pattern = strings.ReplaceAll(pattern, " ", `(?:[ \t]|\n[ \t]*(?://|#|>)?[ \t]*)+`)
		list = append(list, word{regexp.MustCompile(`(?i)\b(?:` + pattern + `)\b`), instead})
	}
	return list
}
