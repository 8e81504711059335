package ppp

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The conformance table names tests and files of this package: they exist.
func TestConformanceTable(t *testing.T) {
	table, err := os.ReadFile("../docs/rfc1661.md")
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
	if len(names) < 50 {
		t.Fatalf("found %d names only", len(names))
	}
	for _, m := range names {
		name := string(m[1])
		if strings.HasSuffix(name, ".go") {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !strings.Contains(tests.String(), "\nfunc "+name+"(") {
			t.Errorf("there is no %s", name)
		}
	}
}
