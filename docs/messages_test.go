package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	// exampleValue matches the variable parts of an example: quoted names, VPN-IDs, peers, numbers
	// and addresses.
	exampleValue = regexp.MustCompile(`"[^"]*"|\b[0-9a-f]{6}:[0-9a-f]{8}\b|\bpe[0-9]\b|\b[0-9][0-9.]*\b`)
)

// The programs can print every message that the table of symptoms in operators-guide.md quotes: one
// string in the code has the fixed parts of the message, in the same order.
func TestQuotedMessagesExist(t *testing.T) {
	_, section, found := strings.Cut(pages(t)["operators-guide.md"], "\n## Troubleshoot\n")
	if !found {
		t.Fatal("operators-guide.md has no section Troubleshoot")
	}
	texts := stringsOfTheCode(t)
	messages := 0
	for row := range strings.Lines(section) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, message := range quoted.FindAllStringSubmatch(cells[1], -1) {
			messages++
			if !printable(texts, message[1]) {
				t.Errorf("operators-guide.md quotes %q, which no program prints", message[1])
			}
		}
	}
	if messages < 10 {
		t.Errorf("the table of symptoms quotes %d messages, want at least 10", messages)
	}
}

// printable reports whether one of the texts has all fixed parts of a message, in order.
func printable(texts []string, message string) bool {
	parts := exampleValue.Split(message, -1)
	if len(strings.Join(parts, "")) < 5 {
		return false // any text has these parts
	}
	for _, text := range texts {
		found := true
		for _, part := range parts {
			_, rest, ok := strings.Cut(text, part)
			text, found = rest, found && ok
		}
		if found {
			return true
		}
	}
	return false
}

// printable distinguishes messages that a program prints from others.
func TestPrintable(t *testing.T) {
	texts := []string{"no answer from %v", "VPN-ID %s is not configured for peer %s", "%d LCP echoes unanswered for %g s"}
	for message, want := range map[string]bool{
		"no answer from pe2": true,
		`VPN-ID 00005e:00000007 is not configured for peer "pe1"`: true,
		"3 LCP echoes unanswered for 15 s":                        true,
		"LCP echoes unanswered for":                               true,
		"no reply from pe2":                                       false,
		"pe2":                                                     false,
		"peer pe2 is not configured for VPN-ID 00005e:00000007":   false,
	} {
		if got := printable(texts, message); got != want {
			t.Errorf("%q: %v, want %v", message, got, want)
		}
	}
}

// stringsOfTheCode returns the strings in the Go sources, without those of tests. Concatenations
// are one string, with %v for each operand that is not a literal.
func stringsOfTheCode(t *testing.T) (texts []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			expression, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := literal(expression)
			if ok {
				texts = append(texts, text)
			}
			return !ok
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// literal returns the string of a literal, or of a concatenation with one.
func literal(expression ast.Expr) (text string, ok bool) {
	switch x := expression.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			text, err := strconv.Unquote(x.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		left, isLeft := literal(x.X)
		right, isRight := literal(x.Y)
		return left + right, x.Op == token.ADD && (isLeft || isRight)
	case *ast.ParenExpr:
		return literal(x.X)
	}
	return "%v", false
}
