// Package docs checks the documents of l2tpvl against the code: configurations parse; the tables of
// keys, error texts, quoted messages and exit statuses are those of the code; links, make targets,
// commands and names of tests exist; the glossary has the layers of explain.
package docs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/l2tpvl/l2tpvl/config"
)

var update = flag.Bool("update", false, "write the table of keys into configuration.md")

// pages returns the text of all pages of this folder and its decisions, and of those at the top of
// the repository, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, path := range slices.Concat(glob(t, "*.md"), glob(t, "decisions/*.md"), glob(t, "../*.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[path] = string(text)
	}
	return pages
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

var (
	configuration = regexp.MustCompile("(?ms)^```(yaml|toml)\n(.*?)^```$")
	secretFile    = regexp.MustCompile(`(?:secret|psk)_file *[:=] *"?([^"\s]+)`)
	secretEnv     = regexp.MustCompile(`(?:secret|psk)_env *[:=] *"?([^"\s]+)`)
)

// Every block of YAML or TOML is a complete, valid configuration that readers can copy.
func TestConfigurationsAreValid(t *testing.T) {
	found := map[string]int{}
	for path, text := range pages(t) {
		for i, block := range configuration.FindAllStringSubmatch(text, -1) {
			found[path]++
			t.Run(fmt.Sprintf("%s, block %d", filepath.Base(path), i+1), func(t *testing.T) {
				folder := t.TempDir()
				for _, name := range secretFile.FindAllStringSubmatch(block[2], -1) {
					if err := os.WriteFile(filepath.Join(folder, name[1]), []byte("what is in "+name[1]), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				for _, name := range secretEnv.FindAllStringSubmatch(block[2], -1) {
					t.Setenv(name[1], "what is in "+name[1])
				}
				file := filepath.Join(folder, "l2tpvl."+block[1])
				if err := os.WriteFile(file, []byte(block[2]), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := config.Load(file); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for _, path := range []string{"../README.md", "configuration.md"} {
		if found[path] == 0 {
			t.Errorf("%s has no configuration", path)
		}
	}
}

const (
	keysBegin = "<!-- The keys, written by: go test ./docs -update -->\n"
	keysEnd   = "<!-- The end of the keys -->\n"
)

// The tables in configuration.md are generated from the keys of package config.
func TestTableOfKeys(t *testing.T) {
	const path = "configuration.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), keysBegin)
	_, after, ends := strings.Cut(rest, keysEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the markers %q and %q", path, keysBegin, keysEnd)
	}
	want := before + keysBegin + renderKeys(config.Keys()) + keysEnd + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("the keys in %s differ from those of package config: run go test ./docs -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// renderKeys returns a Markdown table for each table of the configuration file.
func renderKeys(keys []config.Key) string {
	var tables []string // paths, in order
	rows := map[string]string{}
	about := map[string]string{"": "Keys outside all tables."}
	for i, k := range keys {
		if k.Kind == "" { // a table: the key that follows is in it
			inside := tableOf(keys[i+1].Path)
			tables = append(tables, inside)
			about[inside] = k.Doc
			continue
		}
		at := tableOf(k.Path)
		rows[at] += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", strings.TrimPrefix(k.Path, at+"."), values(k), defaultOf(k), k.Doc, onChange[k.Impact])
	}
	tables = append(tables, "")
	var b strings.Builder
	for _, table := range slices.DeleteFunc(tables, func(table string) bool { return rows[table] == "" }) {
		title := "Top level"
		if table != "" {
			title = "`" + strings.ReplaceAll(table, "*", "NAME") + "`"
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| Key | Values | Default | Meaning | Effect of a change |\n|---|---|---|---|---|\n%s", title, wrap(about[table]), rows[table])
	}
	return b.String() + "\n"
}

// wrap breaks the lines of a paragraph at 100 columns.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+width > 100:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// onChange has the effect of a change of a key on a running daemon.
var onChange = map[config.Impact]string{
	config.ImpactNone:       "in place",
	config.ImpactContent:    "only a change of its content matters",
	config.ImpactLink:       "restarts the link",
	config.ImpactConnection: "restarts all links to the peer",
	config.ImpactClear:      "restarts clear links",
	config.ImpactProtected:  "restarts protected links",
	config.ImpactDaemon:     "requires a restart of l2tpvld",
}

// tableOf returns the path of the table of a key.
func tableOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }

// values describes the values of a key.
func values(k config.Key) string {
	text := k.Kind
	if k.OneOf != nil {
		text = "`" + strings.Join(k.OneOf, "`, `") + "`"
	}
	if k.List {
		text = "a list, each " + text
	}
	switch {
	case k.Min != "" && k.Max != "":
		text += fmt.Sprintf("; %s to %s", k.Min, k.Max)
	case k.Min != "":
		text += "; at least " + k.Min
	}
	return text
}

// defaultOf describes the value of a key that the file does not have.
func defaultOf(k config.Key) string {
	switch {
	case k.Required:
		return "**required**"
	case k.Default != "":
		return "`" + k.Default + "`"
	case k.Derived != "":
		return k.Derived
	}
	return "none"
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// The target of each link into the repository exists.
func TestLinkTargetsExist(t *testing.T) {
	for path, text := range pages(t) {
		for _, to := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), to[1])); err != nil {
				t.Errorf("%s: link to %s: %v", path, to[1], err)
			}
		}
	}
}

var makeTarget = regexp.MustCompile("(?m)(?:`|^)make ([a-z-]+)")

// Each make target that a page names exists.
func TestMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range pages(t) {
		for _, target := range makeTarget.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + target[1] + `:`).Match(makefile) {
				t.Errorf("%s: unknown target make %s", path, target[1])
			}
		}
	}
}
