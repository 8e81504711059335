package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/session"
)

// Each layer that explain shows is a term of the glossary, in the column "Here".
func TestLayersAreInTheGlossary(t *testing.T) {
	var here strings.Builder
	for row := range strings.Lines(pages(t)["glossary.md"]) {
		if cells := strings.Split(row, "|"); len(cells) == 6 {
			here.WriteString(cells[3] + "\n")
		}
	}
	link := session.LinkStatus{Config: session.LinkConfig{VPN: "red", Disabled: true}}
	view := report.View{Class: config.IPsecRequired, PairStatus: session.PairStatus{Links: []session.LinkStatus{link}}}
	x, found := report.Explain([]report.View{view}, "red")
	if !found || len(x.Steps) != 10 {
		t.Fatalf("explain shows %d layers, want 10", len(x.Steps))
	}
	for _, step := range x.Steps {
		if !regexp.MustCompile(`\b` + step.Layer + `\b`).MatchString(here.String()) {
			t.Errorf("glossary.md lacks the layer %q of explain", step.Layer)
		}
	}
}
