package main

import "strings"

// checkMarkdown returns the findings in a Markdown file: words everywhere, since quoted output is
// our text too, and lines of prose that are too wide. Code blocks and tables may be as wide as they
// have to be.
func checkMarkdown(name string, content []byte) []finding {
	found := checkWords(name, 1, string(content))
	fenced, blank, code := false, true, false
	for i, line := range strings.Split(string(content), "\n") {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "```") {
			fenced = !fenced
		}
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		// An indented block begins after a blank line and ends with a line that is not indented.
		code = indented && (code || blank && !isListItem(text)) || code && text == ""
		blank = text == ""
		if fenced || code || strings.HasPrefix(text, "|") {
			continue
		}
		if width(line) > columns && breakable(line) {
			found = append(found, tooWide(name, i+1, line))
		}
	}
	return found
}

// isListItem reports whether a line begins an item of a list, which may be indented deeply.
func isListItem(text string) bool {
	return strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "* ") || strings.HasPrefix(text, "1. ")
}
