package ppp

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests and files that the conformance tables name must exist.
func TestConformanceTables(t *testing.T) {
	for page, least := range map[string]int{"rfc1661.md": 150, "rfc1332.md": 25, "rfc5072.md": 30, "rfc1994.md": 70} {
		t.Run(page, func(t *testing.T) { checkTable(t, "../docs/"+page, least) })
	}
}

// checkTable checks the names on one page, which must have at least a number of them.
func checkTable(t *testing.T, page string, least int) {
	table, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+\\.go)`").FindAllSubmatch(table, -1)
	if len(names) < least {
		t.Fatalf("found %d names, want at least %d", len(names), least)
	}
	for _, m := range names {
		name := string(m[1])
		if strings.HasSuffix(name, ".go") {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !strings.Contains(tests.String(), "\nfunc "+name+"(") {
			t.Errorf("%s does not exist", name)
		}
	}
}
