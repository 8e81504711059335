package bench

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sideEnv is the environment variable with the spec of a side, as JSON.
const sideEnv = "L2TPVL_BENCH_SIDE"

// profileEnv is the environment variable with the directory for profiles of the sides.
const profileEnv = "L2TPVL_BENCH_PROFILE"

// TestMain runs the tests, or a side if the process was started as one.
func TestMain(m *testing.M) {
	text := os.Getenv(sideEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var s spec
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.run(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roundTimeout is the longest time that a round may take.
const roundTimeout = 3 * time.Minute

// process is the process of a side.
type process struct {
	tb     testing.TB
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	ready  chan struct{}
	result chan result
	log    string
}

func start(tb testing.TB, s spec) *process {
	tb.Helper()
	p := &process{tb: tb, name: "a", ready: make(chan struct{}, 1), result: make(chan result, 1)}
	if s.B {
		p.name = "b"
	}
	s.Dir = tb.TempDir()
	p.log = filepath.Join(s.Dir, "log")
	text, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(p.log)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(exe)
	p.cmd.Env = append(os.Environ(), sideEnv+"="+string(text))
	p.cmd.Stderr = log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.kill)
	go p.readOutput(out)
	p.awaitReady()
	return p
}

// readOutput reads the side's output: "ready" and results.
func (p *process) readOutput(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var r result
		if lines.Text() == "ready" {
			p.ready <- struct{}{}
		} else if err := json.Unmarshal(lines.Bytes(), &r); err == nil {
			p.result <- r
		}
	}
}

// awaitReady waits until the side is ready for the round.
func (p *process) awaitReady() {
	p.tb.Helper()
	select {
	case <-p.ready:
	case <-time.After(roundTimeout):
		p.fail("is not ready")
	}
}

// startRound starts a round.
func (p *process) startRound() {
	p.tb.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		p.fail("has exited")
	}
}

// awaitUp waits until all links of the side are up.
func (p *process) awaitUp() result {
	p.tb.Helper()
	select {
	case r := <-p.result:
		return r
	case <-time.After(roundTimeout):
		_ = p.in.Close()
		p.fail("does not have all links up in time")
	}
	return result{}
}

func (p *process) fail(what string) {
	p.tb.Helper()
	_ = p.in.Close()
	_ = p.cmd.Wait()
	log, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	p.tb.Fatalf("side %s %s; last lines of its log:\n%s", p.name, what, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// figures are the measurements of one bring-up and one recovery.
type figures struct {
	a, b              result
	bringUp, recovery time.Duration
}

// measure brings up all links between the two sides of s, kills side b, starts it again, and waits
// until all links are up again.
func measure(tb testing.TB, s spec) figures {
	tb.Helper()
	profile := func(side string) string {
		dir := os.Getenv(profileEnv)
		if dir == "" {
			return ""
		}
		return filepath.Join(dir, strings.ReplaceAll(tb.Name()+"/"+side, "/", "_"))
	}
	sa, sb := s, s
	sb.B = true
	sa.Profile, sb.Profile = profile("a"), profile("b")
	a, b := start(tb, sa), start(tb, sb)
	var f figures
	began := time.Now()
	a.startRound()
	b.startRound()
	f.a, f.b = a.awaitUp(), b.awaitUp()
	f.bringUp = later(f.a, f.b).Sub(began)

	a.startRound()
	a.awaitReady()
	began = time.Now()
	b.kill()
	sb.Profile = ""
	b = start(tb, sb)
	b.startRound()
	f.recovery = later(a.awaitUp(), b.awaitUp()).Sub(began)
	a.kill()
	b.kill()
	return f
}

func later(a, b result) time.Time {
	if b.At.After(a.At) {
		return b.At
	}
	return a.At
}

// BenchmarkControl brings up 10,000 links between two sides, and again after side b was killed. It
// reports the metrics below. Of the times that the two sides report, it uses the longer one.
//
//	links/s      links that come up on both sides, for each second since the start of the daemons
//	ms/p50       time from the start of the daemons until a link is up: median
//	ms/p99       the same: 99th percentile
//	B/link       growth of side a's resident memory since before its configuration, for each link
//	B/link-b     the same of side b, which has as many daemons as side a has peers
//	cpu-us/link  processor time of both sides together, for each link
//	s/recover    time from SIGKILL of side b, which restarts at once, until all links are up
func BenchmarkControl(b *testing.B) {
	for _, kind := range []string{"l2tp", "ppp"} {
		for _, size := range []struct{ peers, vpns int }{{1, 10000}, {200, 50}} {
			for _, loss := range []float64{0, 0.02} {
				b.Run(fmt.Sprintf("%s/peers=%d/vpns=%d/loss=%g%%", kind, size.peers, size.vpns, 100*loss), func(b *testing.B) {
					links := float64(size.peers * size.vpns)
					for i := range b.N {
						f := measure(b, spec{
							Peers: size.peers, VPNs: size.vpns, PPP: kind == "ppp", Loss: loss, Seed: 1000 + uint64(i),
						})
						ms := func(x, y time.Duration) float64 { return float64(max(x, y)) / float64(time.Millisecond) }
						b.ReportMetric(0, "ns/op")
						b.ReportMetric(links/f.bringUp.Seconds(), "links/s")
						b.ReportMetric(ms(f.a.P50, f.b.P50), "ms/p50")
						b.ReportMetric(ms(f.a.P99, f.b.P99), "ms/p99")
						b.ReportMetric(float64(f.a.RSS-f.a.Before)/links, "B/link")
						b.ReportMetric(float64(f.b.RSS-f.b.Before)/links, "B/link-b")
						b.ReportMetric(float64((f.a.CPU+f.b.CPU).Microseconds())/links, "cpu-us/link")
						b.ReportMetric(f.recovery.Seconds(), "s/recover")
					}
				})
			}
		}
	}
}

// A small measurement: links come up, with and without PPP and loss, and again after a restart.
func TestMeasure(t *testing.T) {
	for _, s := range []spec{
		{Peers: 1, VPNs: 30},
		{Peers: 3, VPNs: 5, PPP: true},
		{Peers: 2, VPNs: 10, PPP: true, Loss: 0.02, Seed: 1},
	} {
		t.Run(fmt.Sprintf("%d peers, %d VPNs, PPP %v, loss %v", s.Peers, s.VPNs, s.PPP, s.Loss), func(t *testing.T) {
			f := measure(t, s)
			for _, r := range []result{f.a, f.b} {
				if cmp.Or(int64(r.P50), r.RSS) <= 0 || r.P50 > r.P99 || r.P99 > f.bringUp || r.CPU <= 0 || r.RSS <= r.Before {
					t.Errorf("implausible result %+v of a bring-up in %v", r, f.bringUp)
				}
			}
		})
	}
}
