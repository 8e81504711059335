package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
)

// What an operator looks at beyond the links themselves: a capture that Wireshark reads, the
// events, both ends' VPN-IDs, and commands for TCP that nft takes.
func TestCtlInspection(t *testing.T) {
	r := newRig(t, found)
	r.start(r.PE1, withRole(r.PE1.Config().Quick(), "active")) // one calls: a tie has messages that nobody can check
	// What the two say until both links are there.
	file := filepath.Join(t.TempDir(), "pe2.pcapng")
	line := r.PE1.CtlCommand("capture", "pe2", "-w", file)
	capture := exec.CommandContext(r.ctx, line[0], line[1:]...)
	r.must(capture.Start())
	r.wait("capture", func() (bool, string, error) {
		matches, err := filepath.Glob(file)
		return len(matches) > 0, "no file yet", err
	})
	r.start(r.PE2, withRole(r.PE2.Config().Quick(), "passive"))
	r.waitAllUp()
	r.must(capture.Process.Signal(os.Interrupt)) // Ctrl-C
	_ = capture.Wait()                           // it ends by the signal

	comments, err := exec.CommandContext(r.ctx, "tshark", "-r", file, "-T", "fields", "-e", "frame.comment").Output()
	r.must(err)
	if !strings.Contains(string(comments), "VPN-ID 00005e:00000001") || strings.Contains(string(comments), "not checked") {
		t.Errorf("the comments are\n%s", comments)
	}
	pcap := filepath.Join(t.TempDir(), "pe2.pcap") // what package tshark reads
	r.must(exec.CommandContext(r.ctx, "tshark", "-r", file, "-F", "pcap", "-w", pcap).Run())
	frames, err := tshark.Read(r.ctx, pcap, r.tsharkOptions())
	r.must(err)
	if len(frames) < 8 { // SCCRQ, SCCRP, SCCCN, and of each link ICRQ, ICRP, ICCN but perhaps the last
		t.Errorf("tshark reads %d messages", len(frames))
	}
	for _, problem := range tshark.Problems(frames) {
		t.Error(problem)
	}

	events, err := r.PE1.Ctl(r.ctx, "events", "--vpn", "red", "--kind", "link-up", "-o", "json")
	r.must(err)
	var event api.Event
	if err := json.Unmarshal([]byte(events), &event); err != nil || event.Peer != "pe2" || event.Interface == "" || event.Seq == 0 {
		t.Errorf("events: %v in %s", err, events)
	}

	vpns, err := r.PE1.Ctl(r.ctx, "vpns")
	r.must(err)
	if !anyLine(vpns, []string{"00005e:00000001", "pe2", "red", "yes"}) {
		t.Errorf("vpns says\n%s", vpns)
	}

	mtu, err := r.PE1.Ctl(r.ctx, "mtu", "red", "pe2")
	r.must(err)
	commands := 0
	for line := range strings.Lines(mtu) {
		if command, is := strings.CutPrefix(line, "    ip netns exec "); is {
			commands++
			if out, err := exec.CommandContext(r.ctx, "sh", "-c", "ip netns exec "+command).CombinedOutput(); err != nil {
				t.Errorf("%s%v: %s", command, err, out)
			}
		}
	}
	if commands != 5 {
		t.Errorf("%d commands for nft in\n%s", commands, mtu)
	}
}
