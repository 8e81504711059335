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

// sideEnv carries its order to the process of a side.
const sideEnv = "L2TPVL_BENCH_SIDE"

// profileEnv names a directory for profiles of the sides.
const profileEnv = "L2TPVL_BENCH_PROFILE"

// The test binary is a side, too.
func TestMain(m *testing.M) {
	text := os.Getenv(sideEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.run(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roundTimeout bounds how long all links may take.
const roundTimeout = 3 * time.Minute

// process is a side that runs.
type process struct {
	tb     testing.TB
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	ready  chan struct{}
	result chan result
	log    string
}

func start(tb testing.TB, o order) *process {
	tb.Helper()
	p := &process{tb: tb, name: "a", ready: make(chan struct{}, 1), result: make(chan result, 1)}
	if o.B {
		p.name = "b"
	}
	o.Dir = tb.TempDir()
	p.log = filepath.Join(o.Dir, "log")
	text, err := json.Marshal(o)
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
	go p.listen(out)
	p.await()
	return p
}

// listen takes what the side says.
func (p *process) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var r result
		if lines.Text() == "ready" {
			p.ready <- struct{}{}
		} else if err := json.Unmarshal(lines.Bytes(), &r); err == nil {
			p.result <- r
		}
	}
}

// await waits until the side has taken note.
func (p *process) await() {
	p.tb.Helper()
	select {
	case <-p.ready:
	case <-time.After(roundTimeout):
		p.fail("is not ready")
	}
}

// say begins a round.
func (p *process) say() {
	p.tb.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		p.fail("has ended")
	}
}

// up waits until all links of the side are up.
func (p *process) up() result {
	p.tb.Helper()
	select {
	case r := <-p.result:
		return r
	case <-time.After(roundTimeout):
		_ = p.in.Close()
		p.fail("has not got all links up")
	}
	return result{}
}

func (p *process) fail(what string) {
	p.tb.Helper()
	_ = p.in.Close()
	_ = p.cmd.Wait()
	log, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	p.tb.Fatalf("side %s %s; the end of its log:\n%s", p.name, what, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// figures are what was measured of one bring-up and one recovery.
type figures struct {
	a, b              result
	bringUp, recovery time.Duration
}

// measure brings up all links between the two sides of o, kills side b, starts it again, and waits
// until all are up.
func measure(tb testing.TB, o order) figures {
	tb.Helper()
	profile := func(side string) string {
		dir := os.Getenv(profileEnv)
		if dir == "" {
			return ""
		}
		return filepath.Join(dir, strings.ReplaceAll(tb.Name()+"/"+side, "/", "_"))
	}
	oa, ob := o, o
	ob.B = true
	oa.Profile, ob.Profile = profile("a"), profile("b")
	a, b := start(tb, oa), start(tb, ob)
	var f figures
	began := time.Now()
	a.say()
	b.say()
	f.a, f.b = a.up(), b.up()
	f.bringUp = later(f.a, f.b).Sub(began)

	a.say()
	a.await()
	began = time.Now()
	b.kill()
	ob.Profile = ""
	b = start(tb, ob)
	b.say()
	f.recovery = later(a.up(), b.up()).Sub(began)
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

// BenchmarkControl brings up 10,000 links between two daemons, and then again after one side was
// killed. Of the times that both sides tell the longer counts.
//
//	links/s      links up on both sides, a second, from the start of the daemons
//	ms/p50       time to up of links, since then: median
//	ms/p99       and 99th percentile
//	B/link       growth of the resident memory of side a since before it read its configuration, a link
//	B/link-b     the same of side b, which has as many daemons as side a has peers
//	cpu-us/link  processor time of both sides together, a link
//	s/recover    from SIGKILL of one side, which is started again at once, until all links are up
func BenchmarkControl(b *testing.B) {
	for _, kind := range []string{"l2tp", "ppp"} {
		for _, size := range []struct{ peers, vpns int }{{1, 10000}, {200, 50}} {
			for _, loss := range []float64{0, 0.02} {
				b.Run(fmt.Sprintf("%s/peers=%d/vpns=%d/loss=%g%%", kind, size.peers, size.vpns, 100*loss), func(b *testing.B) {
					links := float64(size.peers * size.vpns)
					for i := range b.N {
						f := measure(b, order{
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

// The measurement itself, at a small size: links come up with and without PPP and loss, and come
// back.
func TestMeasure(t *testing.T) {
	for _, o := range []order{
		{Peers: 1, VPNs: 30},
		{Peers: 3, VPNs: 5, PPP: true},
		{Peers: 2, VPNs: 10, PPP: true, Loss: 0.02, Seed: 1},
	} {
		t.Run(fmt.Sprintf("%d peers, %d VPNs, PPP %v, loss %v", o.Peers, o.VPNs, o.PPP, o.Loss), func(t *testing.T) {
			f := measure(t, o)
			for _, r := range []result{f.a, f.b} {
				if cmp.Or(int64(r.P50), r.RSS) <= 0 || r.P50 > r.P99 || r.P99 > f.bringUp || r.CPU <= 0 || r.RSS <= r.Before {
					t.Errorf("%+v in %v", r, f.bringUp)
				}
			}
		})
	}
}
