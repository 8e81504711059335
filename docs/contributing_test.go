package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// inCode matches text that is marked as code, in a paragraph or as a block.
	inCode = regexp.MustCompile("`([^`]+)`|(?m:^    (.+)$)")

	// pathInCode matches the path of a file or folder: it contains a slash, or has an extension.
	pathInCode = regexp.MustCompile(`^(?:\./)?(\.?[\w-]+(?:[./][\w.-]+)*/?)$`)
	extension  = regexp.MustCompile(`\.(?:go|json|md|mod|txt|yaml|yml)$`)

	testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
)

// Every file, folder and test that CONTRIBUTING.md names exists.
func TestContributingNamesExist(t *testing.T) {
	const root = ".."
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t, root)
	paths, names := 0, 0
	for _, match := range inCode.FindAllStringSubmatch(string(page), -1) {
		for _, word := range strings.Fields(match[1] + match[2]) {
			path := pathInCode.FindStringSubmatch(strings.TrimSuffix(word, "/..."))
			if path != nil && (strings.Contains(path[1], "/") || extension.MatchString(path[1])) {
				paths++
				if _, err := os.Stat(filepath.Join(root, path[1])); err != nil {
					t.Error(err)
				}
			}
			for _, name := range testName.FindAllString(word, -1) {
				names++
				if len(tests[name]) == 0 {
					t.Errorf("CONTRIBUTING.md names the test %s, which does not exist", name)
				}
			}
		}
	}
	if paths < 30 || names < 3 {
		t.Errorf("found %d paths and %d tests in CONTRIBUTING.md, too few: does it still mark them as code?", paths, names)
	}
}

// testsOf returns all tests and fuzz tests below a folder: by name, the texts of the files that
// declare one.
func testsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "bin":
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			tests[match[1]] = append(tests[match[1]], string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
