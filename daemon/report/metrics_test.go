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

// The table in docs/metrics.md is generated from the metrics.
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
		t.Fatalf("%s lacks the markers %q and %q", path, tableBegin, tableEnd)
	}
	want := before + tableBegin + table + "\n" + tableEnd + after
	if want == string(doc) {
		return
	}
	if !*update {
		t.Fatalf("the table in %s differs from the metrics: run go test ./daemon/report -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
