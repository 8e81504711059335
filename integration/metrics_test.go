package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// monitor is the Prometheus of Debian in the namespace of PE1, with our configuration and shorter
// intervals.
type monitor struct {
	*rig
	client http.Client
}

const configs = "../configs"

func startMonitor(r *rig) *monitor {
	folder := filepath.Join(r.Dir, "prometheus")
	text, err := os.ReadFile(filepath.Join(configs, "prometheus/prometheus.yaml"))
	r.must(err)
	rules, err := filepath.Abs(filepath.Join(configs, "prometheus/alerts.yaml"))
	r.must(err)
	r.must(os.Mkdir(folder, 0o700))
	file := filepath.Join(folder, "prometheus.yaml")
	r.must(os.WriteFile(file, []byte(strings.NewReplacer("15s", "1s", "alerts.yaml", rules).Replace(string(text))), 0o600))

	ctx, end := context.WithCancel(context.Background())
	cmd := r.PE1.NS.Command(ctx, "prometheus", "--config.file", file, "--storage.tsdb.path", filepath.Join(folder, "data"),
		"--web.listen-address", "127.0.0.1:9090", "--log.level", "warn")
	log := new(strings.Builder)
	cmd.Stderr = log
	cmd.WaitDelay = waitTimeout
	r.must(cmd.Start())
	r.Cleanup(func() {
		end()
		_ = cmd.Wait()
		if r.Failed() {
			r.Logf("log of Prometheus:\n%s", log)
		}
	})
	return &monitor{r, http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		return conn, r.PE1.NS.Do(func() error {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		})
	}}}}
}

// sample is one value in an answer of Prometheus.
type sample struct {
	Metric map[string]string
	Value  []any
}

// query evaluates a query of PromQL.
func (m *monitor) query(query string) ([]sample, error) {
	resp, err := m.client.Get("http://127.0.0.1:9090/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []sample }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", query, answer.Error)
	}
	return answer.Data.Result, nil
}

// wait waits until the answer to a query has a number of values.
func (m *monitor) wait(query string, values int) {
	m.Helper()
	m.rig.wait(query, func() (bool, string, error) {
		got, err := m.query(query)
		return err == nil && len(got) == values, fmt.Sprintf("%d values %v, want %d; %v", len(got), got, values, err), nil
	})
}

// dashboardQueries returns the queries of the dashboard's panels and variables, as Grafana sends
// them for all routers, peers and VPNs.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(configs, "grafana/l2tpvl.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	all := strings.NewReplacer("$__rate_interval", "4s", "$router", ".*", "$peer", ".*", "$vpn", ".*")
	queries := make(map[string]string)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries[p.Title+" "+target.RefID] = all.Replace(target.Expr)
		}
	}
	values := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, v := range dashboard.Templating.List {
		if of := values.FindStringSubmatch(v.Definition); of != nil {
			queries["variable "+v.Name] = all.Replace(fmt.Sprintf(`count by (%s) (%s)`, of[2], of[1]))
		}
	}
	if len(queries) < 15 {
		t.Fatalf("the dashboard has %d queries, want at least 15", len(queries))
	}
	return queries
}

// Prometheus reads the metrics of a daemon. Each query of the dashboard has a value. When the peer
// is down, its alert becomes pending, and the alerts of its links do not.
func TestPrometheusAndDashboard(t *testing.T) {
	queries := dashboardQueries(t)
	r := newRig(t, existingVRs)
	config := r.PE1.Config()
	config.Metrics.Listen = "127.0.0.1:9702"
	r.start(r.PE1, config)
	r.start(r.PE2, r.PE2.Config())
	r.waitAllUp()
	m := startMonitor(r)
	m.wait(`up{job="l2tpvl"} == 1`, 1)
	m.wait(`l2tpvl_link_up == 1`, len(r.VPNs))
	m.wait(`rate(l2tpvl_link_echo_requests_total[10s]) > 0`, len(r.VPNs))
	for title, query := range queries {
		r.wait(title, func() (bool, string, error) {
			got, err := m.query(query)
			return len(got) > 0, query + " has no value", err
		})
	}

	r.stop(r.PE2)
	m.wait(`ALERTS{alertname="L2tpvlPeerDown", alertstate="pending", peer="pe2"}`, 1)
	m.wait(`l2tpvl_link_up == 0`, len(r.VPNs))
	m.wait(`ALERTS{alertname="L2tpvlLinkDown"}`, 0) // the alert of the peer suffices
}

// promtool accepts the configuration of Prometheus, and the tests of the alerts pass.
func TestAlerts(t *testing.T) {
	for _, args := range [][]string{{"check", "config", "prometheus.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		check := exec.Command("promtool", args...)
		check.Dir = filepath.Join(configs, "prometheus")
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each metric in the alerts and the dashboard is documented in docs/metrics.md, which another test
// compares with the code.
func TestQueriesUseDocumentedMetrics(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	ofHistogram := regexp.MustCompile(`_(bucket|count|sum)$`)
	for _, file := range []string{"prometheus/alerts.yaml", "grafana/l2tpvl.json"} {
		text, err := os.ReadFile(filepath.Join(configs, file))
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bl2tpvl_\w+`).FindAllString(string(text), -1)
		if len(names) < 10 {
			t.Errorf("%s has %d names of metrics, want at least 10", file, len(names))
		}
		for _, name := range names {
			if !strings.Contains(string(page), "| `"+ofHistogram.ReplaceAllString(name, "")+"` |") {
				t.Errorf("%s uses %s, which is not in docs/metrics.md", file, name)
			}
		}
	}
}
