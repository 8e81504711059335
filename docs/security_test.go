package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var claimedTest = regexp.MustCompile("`(Test[A-Za-z0-9]+)(?:/([^`]+))?`")

// The tests that security.md names for its claims exist, and so do their subtests.
func TestClaimsAreTested(t *testing.T) {
	page, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	files := testsOf(t, "..")
	claims := claimedTest.FindAllStringSubmatch(string(page), -1)
	if len(claims) < 30 {
		t.Errorf("security.md names %d tests, want at least 30", len(claims))
	}
	for _, claim := range claims {
		found := false
		for _, text := range files[claim[1]] {
			found = found || claim[2] == "" || strings.Contains(text, `"`+claim[2]+`"`)
		}
		if !found {
			t.Errorf("security.md names %s, which does not exist", claim[0])
		}
	}
}
