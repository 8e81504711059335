package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stated lists the numbers of the pages that are constants of the code: a phrase of a page, and the
// constant whose value it states.
var stated = []struct{ page, phrase, folder, constant, value string }{
	{"decisions/one-loop-per-peer-and-class.md", "The mailbox holds 1,024 entries", "daemon", "mailboxSize", "1024"},
	{"decisions/one-effect-queue-per-link.md", "32 at a time", "daemon", "parallel", "32"},
	{"decisions/events.md", "The last 4,096 events", "daemon/internal/events", "kept", "4096"},
	{"operators-guide.md", "keeps the last 4,096\nevents", "daemon/internal/events", "kept", "4096"},
	{"architecture.md", "keeps the last 4,096", "daemon/internal/events", "kept", "4096"},
	{"architecture.md", "waits up\nto 3 s", "daemon", "stopTimeout", "3 * time.Second"},
	{"decisions/sockets.md", "silent for 10 s", "daemon", "returnAfter", "10 * time.Second"},
	{"decisions/live-change.md", "all other waits end after 20 s", "daemon", "removalTimeout", "20 * time.Second"},
	{"decisions/admission.md", "| half-open connections of a peer | 4 |", "l2tp/control", "maxIncoming", "4"},
	{"decisions/admission.md", "| closing connections of a peer | 8 |", "l2tp/control", "maxClosing", "8"},
	{"decisions/admission.md", "500 per second from all peers together", "daemon/internal/listen", "messagesPerSecond", "500"},
	{"decisions/protection-classes.md", "at most one second", "daemon", "viewTimeout", "time.Second"},
	{"decisions/key-manager.md", "without an answer for 15 s", "ipsec/strongswan", "patience", "15 * time.Second"},
	{"decisions/key-manager.md", "no association exists for 10 s", "ipsec/strongswan", "hintDelay", "10 * time.Second"},
	{"decisions/sequence-numbers.md", "for 10 ms", "dataplane/kernel", "reorderTimeout", "10 * time.Millisecond"},
	{"performance.md", "at most 256 sessions of one peer at a time", "session", "maxPending", "256"},
}

func TestStatedNumbers(t *testing.T) {
	all := pages(t)
	for _, s := range stated {
		if !strings.Contains(all[s.page], s.phrase) {
			t.Errorf("%s does not state %q", s.page, s.phrase)
		}
		if values := constants(t, s.folder, s.constant); !slices.Contains(values, s.value) {
			t.Errorf("%s states %q, but %s in %s is %q, want %q", s.page, s.phrase, s.constant, s.folder, values, s.value)
		}
	}
}

// constants returns the expressions that declare a constant in the files of a folder.
func constants(t *testing.T, folder, name string) (values []string) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^\s*(?:const )?` + name + `\s+=\s+(.*?)(?:\s+//.*)?$`)
	files := glob(t, filepath.Join("..", folder, "*.go"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			values = append(values, match[1])
		}
	}
	return values
}

var codeSpan = regexp.MustCompile("`([a-z][a-zA-Z0-9_./-]*)`")

// A path in a page that begins with a folder of the repository names an existing file or folder.
func TestNamedFilesExist(t *testing.T) {
	for page, text := range pages(t) {
		for _, match := range codeSpan.FindAllStringSubmatch(text, -1) {
			path := strings.TrimSuffix(match[1], "...")
			first, _, nested := strings.Cut(path, "/")
			if info, err := os.Stat(filepath.Join("..", first)); err != nil || !info.IsDir() || !nested {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", path)); err != nil && !strings.HasPrefix(path, "bin/") {
				t.Errorf("%s names %s, which does not exist", page, path)
			}
		}
	}
}

var (
	strongSwanPackages = regexp.MustCompile(`apt install (charon-systemd(?:[ \n][a-z][a-z0-9-]+)+)`)
	// continued matches the break of a Go string that goes on in the next line.
	continued = regexp.MustCompile(`" ?\+\n\s*"`)
)

// Every page and every message of the programs that names the packages of strongSwan names the same
// ones. The packages of l2tpvl suggest them.
func TestStrongSwanPackages(t *testing.T) {
	const want = "charon-systemd strongswan-swanctl libstrongswan-standard-plugins"
	texts := pages(t)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = continued.ReplaceAllString(string(text), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for file, text := range texts {
		for _, match := range strongSwanPackages.FindAllStringSubmatch(text, -1) {
			found++
			if got := strings.Join(strings.Fields(match[1]), " "); got != want {
				t.Errorf("%s: apt install %s, want %s", file, got, want)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d places name the packages of strongSwan, want 4 at least", found)
	}
	packaging, err := os.ReadFile("../configs/package/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if suggested := strings.ReplaceAll(want, " ", ", "); !strings.Contains(string(packaging), suggested) {
		t.Errorf("configs/package/nfpm.yaml does not suggest %s", suggested)
	}
}
