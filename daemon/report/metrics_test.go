package report

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	tableBegin = "<!-- The metrics, written by: go test ./daemon/report -update -->\n"
	tableEnd   = "<!-- The end of the metrics -->\n"
)

// docs/metrics.md has all metrics there are.
func TestMetricsAreDocumented(t *testing.T) {
	const path = "../../docs/metrics.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[prometheus.ValueType]string{prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter", histogramValue: "histogram"}
	table := "\n| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n"
	for _, m := range metrics {
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, kinds[m.kind], strings.Join(m.labels, ", "), m.help)
	}
	before, rest, begins := strings.Cut(string(doc), tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s: want the marks %q and %q", path, tableBegin, tableEnd)
	}
	want := before + tableBegin + table + "\n" + tableEnd + after
	if want == string(doc) {
		return
	}
	if !*update {
		t.Fatalf("the metrics in %s are not those of the code: run go test ./daemon/report -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
