package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/config"
)

// bad is the file whose errors configuration.md shows.
const bad = `
local: {hostname: pe1, router_id: 192.0.2.1}
peers:
  pe2:
    addresss: 192.0.2.2
    secret_file: pe2.secret
    hello: 5
vpns:
  blue:
    vpn_id: 00005e:00000001
    vr: {netns: blue}
    ipsec: "yes"
    links:
      - peer: pe3
  red:
    vpn_id: 00005e:00000001
    vr: {netns: red}
    links:
      - peer: pe2
        address: 10.255.0.0/24
`

// configuration.md shows the errors of a file as l2tpvld prints them.
func TestShownErrors(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pe2.secret"), []byte("a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "bad.yaml")
	_, err := config.Parse(path, []byte(bad))
	if err == nil {
		t.Fatal("the file has no errors")
	}
	text := "l2tpvld: " + strings.ReplaceAll(err.Error(), path, "bad.yaml")
	want := "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
	page, err := os.ReadFile("configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), want) {
		t.Errorf("configuration.md lacks\n%s", want)
	}
}
