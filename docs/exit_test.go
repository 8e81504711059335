package docs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// exitStatuses has each sentence of the documents about exit statuses, with a verb for each status
// and the constants of the program that these stand for.
var exitStatuses = []struct {
	page, sentence, program string
	constants               []string
}{
	{
		"configuration.md", "The exit status is 0 if the file is valid, %d if it has errors, and %d if the command line is wrong.",
		"l2tpvld",
		[]string{"exitConfig", "exitUsage"},
	},
	{"install.md", "A configuration with errors (exit status %d) is not", "l2tpvld", []string{"exitConfig"}},
	{"../CHANGELOG.md", "Exit status %d means a configuration with errors, %d wrong flags", "l2tpvld", []string{"exitConfig", "exitUsage"}},
	{"../configs/systemd/l2tpvld.service", "RestartPreventExitStatus=%d", "l2tpvld", []string{"exitConfig"}},
}

var (
	sentence = regexp.MustCompile(`[^.:|]*[Ee]xit ?[Ss]tatus[^.:|]*`)
	number   = regexp.MustCompile(`\b[1-9]\d*\b`)
)

// The exit statuses in the documents are those of the programs.
func TestExitStatuses(t *testing.T) {
	texts := pages(t)
	for _, s := range exitStatuses {
		text, known := texts[s.page]
		if !known {
			file, err := os.ReadFile(s.page)
			if err != nil {
				t.Fatal(err)
			}
			text = string(file)
		}
		var statuses []any
		for _, name := range s.constants {
			values := constants(t, "cmd/"+s.program, name)
			if len(values) != 1 {
				t.Fatalf("cmd/%s declares the constant %s %d times, want once", s.program, name, len(values))
			}
			statuses = append(statuses, values[0])
		}
		text = strings.Join(strings.Fields(text), " ")
		want := fmt.Sprintf(strings.ReplaceAll(s.sentence, "%d", "%v"), statuses...)
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q", s.page, want)
		}
		texts[s.page] = strings.ReplaceAll(text, want, "")
	}
	for page, text := range texts {
		for _, found := range sentence.FindAllString(strings.Join(strings.Fields(text), " "), -1) {
			if number.MatchString(found) {
				t.Errorf("%s: %q is not checked against the program: add it to exitStatuses", page, found)
			}
		}
	}
}
