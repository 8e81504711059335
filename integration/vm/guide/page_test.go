package guide

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// step is one action of the guide's reader: a file or a command.
type step struct {
	line   int    // of the guide, for failure messages
	place  string // "pe1", "pe2", "both"
	path   string // of a file to write; empty: a command
	text   string // the file's text, or the command
	output []string
}

var (
	fileIntro = regexp.MustCompile("^(?:.* )?(?:At|at) (pe1|pe2|both), `(/[^`]+)`")
	prompt    = regexp.MustCompile(`^(pe1|pe2|both)# (.+)$`)
)

// read returns the steps of a page: the commands in blocks of "console", after a prompt that names
// the machine, and files, which are other blocks after a line such as "At pe1, `/etc/file`:".
func read(t *testing.T, path string) []step {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		language, begins := strings.CutPrefix(lines[i], "```")
		if !begins {
			continue
		}
		first := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		block := lines[first:i]
		if language == "console" {
			steps = append(steps, commands(t, fmt.Sprintf("%s:%d", path, first), first, block)...)
			continue
		}
		intro := fileIntro.FindStringSubmatch(introduction(lines[:first-1]))
		if intro == nil {
			t.Errorf("%s:%d: block of %q without a line such as: At pe1, `/etc/file`:", path, first, language)
			continue
		}
		steps = append(steps, step{line: first, place: intro[1], path: intro[2], text: strings.Join(block, "\n") + "\n"})
	}
	return steps
}

// introduction returns the paragraph before a block, as one line.
func introduction(before []string) string {
	for len(before) > 0 && before[len(before)-1] == "" {
		before = before[:len(before)-1]
	}
	first := len(before)
	for first > 0 && before[first-1] != "" {
		first--
	}
	return strings.Join(before[first:], " ")
}

// commands returns the commands of a block, each with its output as shown on the page.
func commands(t *testing.T, at string, first int, block []string) []step {
	t.Helper()
	var steps []step
	for i, line := range block {
		switch of := prompt.FindStringSubmatch(line); {
		case of != nil:
			steps = append(steps, step{line: first + i + 1, place: of[1], text: of[2]})
		case len(steps) == 0:
			t.Errorf("%s: the block begins without a prompt, such as pe1#: %q", at, line)
		case line != "" && line != "...":
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
		}
	}
	return steps
}
