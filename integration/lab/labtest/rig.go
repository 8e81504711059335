// Package labtest runs a lab of integration/lab in a test.
//
// A [Rig] is the lab with the test that uses it: an error ends the test, a wait has a bound, and
// the lab is removed at the end, after a failure with the logs of its programs. Where traffic must
// be encrypted, [Rig.WatchLeaks] fails the test for each packet in the clear. [Traffic] runs
// between two sockets as long as the test does. The package starts no daemons: see lab.PE.Start.
package labtest

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// Options describe a rig.
type Options struct {
	lab.Options

	TestTimeout time.Duration // of the test as a whole
	WaitTimeout time.Duration // of one call of Wait, or of a function that waits
	LogLines    int           // shown of each log after a failure; 0: all
}

// Rig is a lab in a test. The methods of testing.TB are those of the subtest that runs: see
// Subtest. Use a rig from one goroutine.
type Rig struct {
	testing.TB
	*lab.Lab

	// Ctx ends when the test must end.
	Ctx context.Context

	// Charons are the charons of PE1 and PE2; nil without StartCharons.
	Charons [2]*lab.Charon

	// Leaks watches the provider network; nil without WatchLeaks.
	Leaks *lab.LeakWatch

	options Options
}

// New makes a lab, and removes it when the test ends.
func New(t testing.TB, options Options) *Rig {
	t.Helper()
	l, err := lab.New(options.Options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), options.TestTimeout)
	r := &Rig{TB: t, Lab: l, Ctx: ctx, options: options}
	t.Cleanup(func() {
		cancel()
		r.finish()
	})
	return r
}

// finish shows the logs after a failure, checks for leaks and removes the lab.
func (r *Rig) finish() {
	if r.Failed() {
		for _, pe := range r.PEs() {
			r.showLog("l2tpvld of "+pe.Name, pe.LogFile())
		}
		for i, charon := range r.Charons {
			if charon != nil {
				r.showLog("charon of "+r.Pair()[i].Name, charon.LogFile)
			}
		}
	}
	if r.Leaks != nil {
		r.CheckLeaks()
		if _, err := r.Leaks.Stop(); err != nil {
			r.Error(err)
		}
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

// showLog logs the end of a log file. A program that was never started has none.
func (r *Rig) showLog(program, file string) {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		r.Logf("log of %s: %v", program, err)
		return
	}
	lines := strings.Split(string(text), "\n")
	if r.options.LogLines > 0 {
		lines = lines[max(0, len(lines)-r.options.LogLines):]
	}
	r.Logf("log of %s:\n%s", program, strings.Join(lines, "\n"))
}

// Pair returns PE1 and PE2, without PEs that were added.
func (r *Rig) Pair() [2]*lab.PE { return [2]*lab.PE{r.PE1, r.PE2} }

// Subtest runs f as a subtest of t, to which the rig reports meanwhile. It returns whether f
// succeeded.
func (r *Rig) Subtest(t *testing.T, name string, f func(*testing.T)) bool {
	ok := t.Run(name, func(t *testing.T) {
		r.TB = t
		f(t)
	})
	r.TB = t
	return ok
}

// Must ends the test on an error.
func (r *Rig) Must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// Wait polls look until done is true, and ends the test after Options.WaitTimeout. See lab.Wait.
func (r *Rig) Wait(what string, look func() (done bool, seen string, err error)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Ctx, r.options.WaitTimeout)
	defer cancel()
	r.Must(lab.Wait(ctx, what, look))
}

// Run runs a program in a namespace and returns its output. Another exit status than 0 ends the
// test.
func (r *Rig) Run(ns lab.Namespace, name string, args ...string) string {
	r.Helper()
	out, err := ns.Command(r.Ctx, name, args...).CombinedOutput()
	if err != nil {
		r.Fatalf("%s %q in %s: %v: %s", name, args, ns, err, out)
	}
	return string(out)
}

// Link returns the link of a VPN as the PE's daemon reports it.
func (r *Rig) Link(pe *lab.PE, vpn string) api.Link {
	r.Helper()
	l, err := pe.Link(r.Ctx, vpn)
	r.Must(err)
	return l
}

// WaitUp waits until the links of these VPNs between PE1 and PE2 carry both protocols at both ends,
// and have come up after that time.
func (r *Rig) WaitUp(after time.Time, vpns ...string) {
	r.Helper()
	for _, pe := range r.Pair() {
		for _, vpn := range vpns {
			ctx, cancel := context.WithTimeout(r.Ctx, r.options.WaitTimeout)
			r.Must(pe.WaitUp(ctx, vpn, after))
			cancel()
		}
	}
}

// StartCharons starts a charon on PE1 and one on PE2.
func (r *Rig) StartCharons() {
	r.Helper()
	var starting errgroup.Group
	for i, pe := range r.Pair() {
		starting.Go(func() (err error) {
			r.Charons[i], err = pe.StartCharon(r.Ctx)
			return err
		})
	}
	r.Must(starting.Wait())
}

// WatchLeaks starts to look for packets of these flows in the clear, on the provider network.
func (r *Rig) WatchLeaks(flows ...lab.ProtectedFlow) {
	r.Helper()
	var err error
	r.Leaks, err = r.Lab.WatchLeaks(r.PE1.NS, lab.ProviderInterface, flows...)
	r.Must(err)
}

// CheckLeaks fails the test if a packet was seen in the clear since WatchLeaks.
func (r *Rig) CheckLeaks() {
	r.Helper()
	if seen := r.Leaks.Seen(); seen.Leaks > 0 {
		r.Errorf("%d packets in the clear, the first of them:\n%s", seen.Leaks, strings.Join(seen.First, "\n"))
	}
}

// AsJSON returns v as JSON on one line, for the messages of a test.
func AsJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
