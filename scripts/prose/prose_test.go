package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// long is a line of prose of 101 columns.
var long = strings.Repeat("long ", 20) + "l"

func TestCheckFile(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                []string
	}{
		{"plain text", "a.go", "// Package a is plain.\npackage a\n", nil},
		{"a word in a doc comment", "a.go", "package a\n\n// F is told.\nfunc F() {}\n", []string{`a.go:3: "told"`}},
		{"a word in a trailing comment", "a.go", "package a\n\nvar v = 1 // Anew.\n", []string{`a.go:3: "Anew"`}},
		{"a word in a string", "a.go", "package a\n\nvar v = \"nobody\"\n", []string{`a.go:3: "nobody"`}},
		{"a word in a raw string, at its line", "a.go", "package a\n\nvar v = `\nheld by\nsomebody else`\n", []string{`a.go:5: "somebody else"`}},
		{"a word in a struct tag", "a.go", "package a\n\ntype T struct {\n\tF int `desc:\"sent in clear\"`\n}\n", []string{`a.go:4: "in clear"`}},
		{"a phrase over two lines of a comment", "a.go", "package a\n\n// F tells\n// of it.\nfunc F() {}\n", []string{`a.go:3: "tells // of"`}},
		{"names and imports are code", "a.go", "package a\n\nimport _ \"told\"\n\nvar told, anew int\n", nil},
		{"a part of a word", "a.go", "package a\n\n// The renewal untold, Canewdon.\nvar v = 1\n", nil},
		{"a wide comment", "a.go", "package a\n\n// " + long + "\nvar v = 1\n", []string{"a.go:3: a line of 104 columns"}},
		{"a wide comment behind code", "a.go", "package a\n\nvar v = \"" + strings.Repeat("x", 90) + "\" // so\n", []string{"a.go:3: a line of 106 columns"}},
		{"tabs count", "a.go", "package a\n\nfunc f() {\n\t\t// " + long[:92] + "\n}\n", []string{"a.go:4: a line of 103 columns"}},
		{"an address cannot be broken", "a.go", "package a\n\n// https://" + strings.Repeat("x", 100) + "\nvar v = 1\n", nil},
		{"wide code", "a.go", "package a\n\nvar v = \"" + long + "\"\n", nil},
		{"a directive", "a.go", "package a\n\n//go:generate " + long + "\nvar v = 1\n", nil},
		{"no Go at all", "a.go", "nonsense", []string{"a.go:1: "}},

		{"a word in Markdown", "a.md", "# A\n\nNobody knows.\n", []string{`a.md:3: "Nobody"`}},
		{"a word in quoted output", "a.md", "    the peer was told\n", []string{`a.md:1: "told"`}},
		{"a wide paragraph", "a.md", "# A\n\n" + long + "\n", []string{"a.md:3: a line of 101 columns"}},
		{"a wide item of a list", "a.md", "- a\n- " + long + "\n", []string{"a.md:2: a line of 103 columns"}},
		{"a wide item within another", "a.md", "- a\n\n    - " + long + "\n", []string{"a.md:3: a line of 107 columns"}},
		{"a wide block of code", "a.md", "Run:\n\n    " + long + "\n\n    " + long + "\n", nil},
		{"a wide paragraph after code", "a.md", "    code\n\n" + long + "\n", []string{"a.md:3: a line of 101 columns"}},
		{"a wide fenced block", "a.md", "```\n" + long + "\n```\n", nil},
		{"a wide table", "a.md", "| " + long + " |\n", nil},
		{"a wide link", "a.md", "[x](https://" + strings.Repeat("x", 100) + ")\n", nil},

		{"a word in a script", "run", "# It says how.\n", []string{`run:1: "says how"`}},
		{"a wide comment in a script", "run", "\t# " + long + "\n", []string{"run:1: a line of 107 columns"}},
		{"a wide command in a script", "run", "echo " + long + "\n", nil},
		{"a phrase over two lines of a script", "run", "# It goes in\n# clear.\n", []string{`run:1: "in # clear"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := checkFile(c.file, []byte(c.content))
			if len(found) != len(c.want) {
				t.Fatalf("found %v, want %d findings", found, len(c.want))
			}
			for i, f := range found {
				if !strings.HasPrefix(f.String(), c.want[i]) {
					t.Errorf("found %q, want it to begin with %q", f, c.want[i])
				}
			}
		})
	}
}

func TestEveryWordIsFound(t *testing.T) {
	for _, example := range []string{
		"it tells of the peer", "as I tell of it", "it was told", "say how", "made anew", "nobody knows", "somebody does",
		"there is no peer", "green is no VPN", "what is there", "what there is", "it takes a restart", "as one that waits", "for who reads",
		"whose is the key", "sent in clear", "up for a while", "up for some time", "a shield", "shielded", "unprotected", "by whom", "heeded",
		"bid farewell", "let go of it", "gone astray", "Whatever there is", "has the kernel drop it", "let it be",
	} {
		if len(checkWords("x", 1, example)) == 0 {
			t.Errorf("nothing found in %q", example)
		}
	}
	for _, plain := range []string{"sent in the clear", "clear text", "a peer that is unknown", "it tells apart", "what exists"} {
		if found := checkWords("x", 1, plain); len(found) > 0 {
			t.Errorf("found %v in %q", found, plain)
		}
	}
}

func TestSubject(t *testing.T) {
	for subject, want := range map[string]int{
		"control: retransmit by round trip": 0,
		strings.Repeat("x", 72):             0,
		strings.Repeat("ü", 72):             0,
		strings.Repeat("x", 73):             1,
		"Make the socket anew":              1,
	} {
		if found := checkSubject("abc", subject); len(found) != want {
			t.Errorf("%q: found %v, want %d findings", subject, found, want)
		}
	}
}

func TestCommitsOfARepository(t *testing.T) {
	root := t.TempDir()
	if found, err := check(root); err != nil || len(found) > 0 {
		t.Fatalf("outside a repository: %v, %v; want nothing", found, err)
	}
	run := func(arguments ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", root, "-c", "user.name=n", "-c", "user.email=e"}, arguments...)...)
		if output, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", arguments, err, output)
		}
	}
	run("init", "--quiet")
	run("commit", "--quiet", "--allow-empty", "-m", "Nobody checks what is older than the history at hand")
	run("commit", "--quiet", "--allow-empty", "-m", "Name the peer")
	if found, err := check(root); err != nil || len(found) > 0 {
		t.Errorf("the newest subject is plain: %v, %v; want nothing", found, err)
	}
	run("commit", "--quiet", "--allow-empty", "-m", "Make it anew")
	if found, err := check(root); err != nil || len(found) != 1 {
		t.Errorf("the newest subject is not plain: %v, %v; want one finding", found, err)
	}
}

func TestFilesThatAreSkipped(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"README.md", "a/b.yaml", "a/testdata/c.md", "bin/d.md", "a/e.golden", "LICENSE", "a/bin/f"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("nobody\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "binary"), []byte("\x00nobody"), 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := check(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.file)
	}
	slices.Sort(names)
	if want := []string{"README.md", "a/b.yaml", "a/bin/f"}; !slices.Equal(names, want) {
		t.Errorf("checked %v, want %v", names, want)
	}
}
