package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// checkGo returns the findings in a Go file: words in comments and in strings, and comments that
// end beyond the last column. A string is checked as it is written, escapes and all.
func checkGo(name string, content []byte) []finding {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []finding{{name, 1, err.Error()}}
	}
	var found []finding
	words := func(at token.Pos, text string) {
		found = append(found, checkWords(name, files.Position(at).Line, text)...)
	}
	lines := strings.Split(string(content), "\n")
	for _, group := range file.Comments {
		first, last := files.Position(group.Pos()), files.Position(group.End())
		words(group.Pos(), string(content[first.Offset:last.Offset]))
		for n := first.Line; n <= last.Line; n++ {
			if line := lines[n-1]; width(line) > columns && breakable(line) && !isDirective(line) {
				found = append(found, tooWide(name, n, line))
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if node.Kind == token.STRING {
				words(node.Pos(), node.Value)
			}
		}
		return true
	})
	return found
}

// columns is how wide a line of prose may be.
const columns = 100

// tab is the width of a tab, as .editorconfig has it.
const tab = "    "

// width counts the columns of a line.
func width(line string) int {
	return len([]rune(strings.ReplaceAll(line, "\t", tab)))
}

// breakable reports whether the text of a line has a blank at which it could be broken: a long
// address has none.
func breakable(line string) bool {
	text := strings.TrimLeft(line, " \t/#>*-")
	return strings.Contains(text, " ")
}

// isDirective reports whether a line ends in a comment for a program, such as //go:embed.
func isDirective(line string) bool {
	_, comment, ok := strings.Cut(line, "//")
	return ok && (strings.HasPrefix(comment, "go:") || strings.HasPrefix(comment, "nolint"))
}

func tooWide(name string, n int, line string) finding {
	return finding{name, n, fmt.Sprintf("a line of %d columns; wrap prose at %d", width(line), columns)}
}
