package control

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root        = "../.."
	conformance = root + "/docs/rfc3931.md"
)

var (
	codeName = regexp.MustCompile("^`([\\w/]+\\.go)`((?:,? \\w+)*)$")
	testName = regexp.MustCompile("^`((?:Test|Fuzz)\\w+)`$")
)

// TestConformanceTable checks that the files, declarations and tests that docs/rfc3931.md names
// exist, and that each row with code has a test.
func TestConformanceTable(t *testing.T) {
	text, err := os.ReadFile(conformance)
	if err != nil {
		t.Fatal(err)
	}
	tests := allTests(t)
	rows := 0
	for i, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "Section" || cells[0] == "Input" || strings.HasPrefix(line, "| **") {
			continue
		}
		rows++
		test := cells[len(cells)-1]
		switch {
		case len(cells) == 4:
		case len(cells) < 4:
			t.Errorf("line %d: %d cells, want 4 at least", i+1, len(cells))
			continue
		default:
			checkCode(t, i+1, cells[len(cells)-2])
		}
		if test == "–" {
			if cells[len(cells)-2] != "–" {
				t.Errorf("line %d: code without a test", i+1)
			}
			continue
		}
		for _, name := range strings.Split(test, ", ") {
			m := testName.FindStringSubmatch(name)
			if m == nil || !tests[m[1]] {
				t.Errorf("line %d: unknown test %s", i+1, name)
			}
		}
	}
	if rows < 150 {
		t.Errorf("%d rows read, want 150 at least", rows)
	}
}

// checkCode checks a cell such as "`tie.go` breakTie; `l2tp/keys.go` Sign, Verify".
func checkCode(t *testing.T, line int, cell string) {
	if cell == "–" {
		return
	}
	for _, code := range strings.Split(cell, "; ") {
		m := codeName.FindStringSubmatch(code)
		if m == nil {
			t.Errorf("line %d: %q does not name a file and declarations", line, code)
			continue
		}
		path := m[1]
		if strings.Contains(path, "/") {
			path = filepath.Join(root, path)
		}
		declared := declarations(t, path)
		for _, name := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(declared, name) {
				t.Errorf("line %d: %s does not declare %s", line, m[1], name)
			}
		}
	}
}

// declarations returns the names of the functions, methods, types, constants, variables and fields
// that a file declares.
func declarations(t *testing.T, path string) (names []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return nil
	}
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			names = append(names, id.Name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n.Name)
		case *ast.TypeSpec:
			add(n.Name)
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.Field:
			add(n.Names...)
		}
		return true
	})
	return names
}

var declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// allTests returns the names of all tests in the repository.
func allTests(t *testing.T) map[string]bool {
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declaredTest.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
