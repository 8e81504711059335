package daemon

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// page returns the metrics page of a PE.
func (p *pe) page(t *testing.T) string {
	t.Helper()
	answer := httptest.NewRecorder()
	report.Collector(p.snapshot).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("metrics page: status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// wantLines fails the test unless a page has these lines, without the prefix l2tpvl_.
func wantLines(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if strings.Contains(page, "\nl2tpvl_"+line+"\n") {
			continue
		}
		t.Errorf("no line l2tpvl_%s; lines of that metric follow", line)
		name := line[:strings.IndexAny(line, "{ ")]
		for other := range strings.Lines(page) {
			if strings.HasPrefix(other, "l2tpvl_"+name) {
				t.Log(strings.TrimSpace(other))
			}
		}
	}
}

// The metrics of a PE while its red link comes up, and goes down with the peer. Prometheus's linter
// checks the page.
func TestMetrics(t *testing.T) {
	var page string
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		wantLines(t, a.page(t), `link_up{peer="pe2",vpn="red"} 0`, `peer_up{ipsec="none",peer="pe2"} 0`, `peer_links{ipsec="none",peer="pe2"} 1`)

		b.start(t)
		pass(12 * time.Second)
		a.isUp(t)
		page = a.page(t)
		wantLines(t, page,
			`info{dataplane="fake",hostname="pe1",version="test"} 1`,
			`link_info{interface="vl-red",ipsec="none",peer="pe2",vpn="red",vpn_id="00005e:00000001",vr="netns red"} 1`,
			`link_up{peer="pe2",vpn="red"} 1`,
			`link_mtu_bytes{peer="pe2",vpn="red"} 1452`,
			`link_ppp_state{peer="pe2",protocol="lcp",vpn="red"} 9`,
			`link_ppp_state{peer="pe2",protocol="ipv6cp",vpn="red"} 9`,
			`link_echo_seconds{peer="pe2",vpn="red"} 0.01`,
			`link_echo_lost_total{peer="pe2",vpn="red"} 0`,
			`link_drops_total{peer="pe2",reason="wrong cookie",vpn="red"} 0`,
			`peer_up{ipsec="none",peer="pe2"} 1`,
			`peer_links_up{ipsec="none",peer="pe2"} 1`,
			`peer_path_mtu_bytes{ipsec="none",peer="pe2"} 1500`,
			`peer_drops_total{ipsec="none",peer="pe2",reason="unauthenticated"} 0`,
			`drops_total{reason="unknown sender"} 0`,
			`peer_echo_seconds_bucket{ipsec="none",peer="pe2",le="0.005"} 0`,
			`peer_echo_seconds_bucket{ipsec="none",peer="pe2",le="0.01"} 2`,
			`peer_echo_seconds_count{ipsec="none",peer="pe2"} 2`,
			`start_time_seconds 9.466848e+08`, // the time at which the bubble starts
		)
		for _, name := range metricNames() {
			if !strings.Contains(page, "# TYPE "+name+" ") && !strings.Contains(name, "_ipsec_") && !strings.Contains(name, "_ike_") {
				t.Errorf("the page lacks %s", name)
			}
		}

		b.stop()
		pass(time.Second)
		down := a.page(t)
		wantLines(t, down, `link_up{peer="pe2",vpn="red"} 0`, `peer_up{ipsec="none",peer="pe2"} 0`,
			`peer_echo_seconds_count{ipsec="none",peer="pe2"} 2`) // counts are kept
		if strings.Contains(down, "link_ppp_state") {
			t.Error("link_ppp_state exists without a session")
		}
	})

	lint(t, page)
}

// metricNames returns the names of all metrics of the collector.
func metricNames() (names []string) {
	descs := make(chan *prometheus.Desc)
	go func() {
		report.Collector(nil).Describe(descs)
		close(descs)
	}()
	for d := range descs {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		names = append(names, name)
	}
	return names
}

// lint checks a page with Prometheus's linter.
func lint(t *testing.T, page string) {
	t.Helper()
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// The metrics of a PE with a protected link: first its guard reports an authentication failure,
// then that IPsec is up.
func TestMetricsOfIPsec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := protectedPEs(t)
		a.start(t)
		a.guard.set(func(g *fakeGuard) {
			g.status.Failure, g.status.DroppedOut, g.status.DroppedIn = ipsec.FailureAuthentication, 3, 1
		})
		pass(time.Second)
		page := a.page(t)
		wantLines(t, page, `ipsec_up{peer="pe2"} 0`, `ike_up{peer="pe2"} 0`, `ipsec_floor{peer="pe2"} 1`,
			`ipsec_failure{kind="authentication",peer="pe2"} 1`,
			`ipsec_floor_drops_total{direction="out",peer="pe2"} 3`, `ipsec_floor_drops_total{direction="in",peer="pe2"} 1`,
			`peer_up{ipsec="required",peer="pe2"} 0`, `peer_up{ipsec="none",peer="pe2"} 0`)
		lint(t, page)

		a.guard.set(func(g *fakeGuard) {
			g.status.IKE = &ipsec.IKESA{State: "ESTABLISHED"}
			g.status.Children = []ipsec.ChildSA{
				{State: "REKEYED", RxOctets: 1000, TxOctets: 10, Replays: 2},
				{State: "INSTALLED", RxOctets: 500, TxOctets: 5, IntegrityFailures: 1},
			}
		})
		page = a.page(t)
		wantLines(t, page, `ipsec_up{peer="pe2"} 1`, `ike_up{peer="pe2"} 1`,
			`ipsec_receive_bytes_total{peer="pe2"} 1500`, `ipsec_transmit_bytes_total{peer="pe2"} 15`,
			`ipsec_replays_total{peer="pe2"} 2`, `ipsec_integrity_failures_total{peer="pe2"} 1`)
		if strings.Contains(page, "l2tpvl_ipsec_failure{") {
			t.Error("the failure is still reported after IPsec is up")
		}
		lint(t, page)
	})
}
