package integration

import (
	"encoding/json"
	"errors"
	"os/exec"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Each command prints lines with the words below.
func TestCtlViews(t *testing.T) {
	r := newRig(t, existingVRs)
	for _, pe := range r.PEs() {
		r.start(pe, pe.Config().Quick())
	}
	_, err := r.PE1.Ctl(r.ctx, "links", "--wait", waitTimeout.String())
	r.must(err)

	for _, tt := range []struct {
		args  []string
		lines [][]string
	}{
		{
			[]string{"links"},
			[][]string{
				{"red", "00005e:00000001", "pe2", "up", "vl-red-pe2", "10.255.0.0 → 10.255.0.1"},
				{"blue", "00005e:00000002", "pe2", "up", "vl-blue-pe2", "10.255.0.0 → 10.255.0.1"},
			},
		},
		{[]string{"peers"}, [][]string{{"pe2", "192.0.2.2:1702", "established", "hmac-sha1", "2 of 2"}}},
		{[]string{"sessions"}, [][]string{{"red", "pe2", "established", "Opened"}, {"blue", "pe2", "established", "Opened"}}},
		{
			[]string{"explain", "red", "pe2"},
			[][]string{
				{"red", "pe2", "UP"},
				{"ok", "configuration", "00005e:00000001"},
				{"ok", "peer", "192.0.2.2"},
				{"ok", "control connection"},
				{"ok", "session"},
				{"ok", "LCP"},
				{"ok", "IPCP"},
				{"ok", "interface", "vl-red-pe2"},
				{"ok", "address", "10.255.0.0"},
			},
		},
		{[]string{"status"}, [][]string{{"l2tpvld", "pe1"}, {"data plane", "userspace"}}},
	} {
		out, err := r.PE1.Ctl(r.ctx, tt.args...)
		r.must(err)
		for _, words := range tt.lines {
			if !anyLine(out, words) {
				t.Errorf("l2tpvl-ctl %v: no line with all of %q in\n%s", tt.args, words, out)
			}
		}
	}
}

func TestCtlJSON(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	var links []api.Link
	var peers []api.Peer
	var sessions []api.Session
	var explanation api.Explanation
	for _, tt := range []struct {
		args []string
		into any
	}{
		{[]string{"links"}, &links},
		{[]string{"peers"}, &peers},
		{[]string{"sessions"}, &sessions},
		{[]string{"explain", "red", "pe2"}, &explanation},
	} {
		out, err := r.PE1.Ctl(r.ctx, append(tt.args, "-o", "json")...)
		r.must(err)
		if err := json.Unmarshal([]byte(out), tt.into); err != nil {
			t.Errorf("%v -o json: %v in\n%s", tt.args, err, out)
		}
	}
	if len(links) != 2 || len(peers) != 1 || len(sessions) != 2 {
		t.Errorf("%d links, %d peers, %d sessions; want 2, 1, 2", len(links), len(peers), len(sessions))
	}
	if explanation.Link.VPN != "red" || explanation.Link.State != api.LinkUp || explanation.Advice != "" {
		t.Errorf("explanation of red: %s", asJSON(explanation))
	}
	for _, step := range explanation.Steps {
		if step.Mark != api.MarkOK {
			t.Errorf("red is up, but its step %s is %s: %s", step.Layer, step.Mark, step.Text)
		}
	}
}

// The exit status of l2tpvl-ctl is 1 if a link is not up, 2 for an unknown link, and 3 without a
// daemon.
func TestCtlExitStatus(t *testing.T) {
	r := newRig(t, existingVRs)
	r.start(r.PE1, r.PE1.Config().Quick()) // alone
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"links"}, 0},
		{[]string{"links", "--wait", "100ms"}, 1},
		{[]string{"explain", "red", "pe2"}, 1},
		{[]string{"explain", "green", "pe2"}, 2},
	} {
		_, err := r.PE1.Ctl(r.ctx, tt.args...)
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%v: exit status %d, want %d (%v)", tt.args, got, tt.want, err)
		}
	}
	r.stop(r.PE1)
	_, err := r.PE1.Ctl(r.ctx, "links")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("without a daemon: %v, want exit status 3", err)
	}
}
