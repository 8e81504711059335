// Command prose checks the text that people read: Go comments and strings, Markdown, scripts,
// configuration examples, and the subjects of new commits. It reports words that the project does
// not use (words.txt), and lines of prose over 100 columns in comments and Markdown. `make
// check` runs it at the top of the repository. It changes nothing; its exit status is 1 if it
// reports anything.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A finding is one fault in the text, as a line to print.
type finding struct {
	file string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	found, err := check(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(2)
	}
	if len(found) > 0 {
		for _, f := range found {
			_, _ = fmt.Fprintln(os.Stdout, f)
		}
		fmt.Fprintf(os.Stderr, "prose: %d faults; scripts/prose/words.txt has the words, CONTRIBUTING.md the rules\n", len(found))
		os.Exit(1)
	}
}

// check returns the findings in all files below root, and in the commits of its repository.
func check(root string) ([]finding, error) {
	var found []finding
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if entry.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || skipped(name) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(content, 0) >= 0 {
			return err
		}
		found = append(found, checkFile(filepath.ToSlash(name), content)...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	commits, err := checkCommits(root)
	return append(found, commits...), err
}

// skipped reports whether a file or folder is not checked: build results, golden files and other
// test data, texts of others, and the table of words with the examples of its tests.
func skipped(name string) bool {
	switch base := filepath.Base(name); base {
	case ".git", "testdata", "LICENSE", "go.sum", "go.mod", "words.txt", "prose_test.go":
		return true
	default:
		return name == "bin" || strings.HasSuffix(base, ".golden")
	}
}

// checkFile returns the findings in one file, in the order of its lines.
func checkFile(name string, content []byte) []finding {
	var found []finding
	switch filepath.Ext(name) {
	case ".go":
		found = checkGo(name, content)
	case ".md":
		found = checkMarkdown(name, content)
	default:
		found = checkPlain(name, content)
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.line - b.line })
	return found
}

// checkPlain returns the findings in a script or a configuration: words everywhere, and comments of
// their own lines that are too wide.
func checkPlain(name string, content []byte) []finding {
	found := checkWords(name, 1, string(content))
	for i, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") && width(line) > columns && breakable(line) {
			found = append(found, tooWide(name, i+1, line))
		}
	}
	return found
}

// checkWords returns the banned words in a text that begins at a line of a file. A phrase may span
// lines.
func checkWords(name string, line int, text string) []finding {
	var found []finding
	for _, w := range words {
		for _, at := range w.pattern.FindAllStringIndex(text, -1) {
			phrase := strings.Join(strings.Fields(text[at[0]:at[1]]), " ")
			found = append(found, finding{
				name, line + strings.Count(text[:at[0]], "\n"),
				fmt.Sprintf("%q: write %s", phrase, w.instead),
			})
		}
	}
	return found
}
