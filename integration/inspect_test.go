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

// l2tpvl-ctl shows more than links: it writes a capture that Wireshark reads, lists events and the
// VPN-IDs of both ends, and prints commands for the TCP MSS that nft accepts.
func TestCtlInspection(t *testing.T) {
	r := newRig(t, existingVRs)
	// Only one PE calls: a tie has messages whose digests cannot be checked.
	r.start(r.PE1, withRole(r.PE1.Config().Quick(), "active"))
	// Capture all messages until both links are up.
	file := filepath.Join(t.TempDir(), "pe2.pcapng")
	line := r.PE1.CtlCommand("capture", "pe2", "-w", file)
	capture := exec.CommandContext(r.ctx, line[0], line[1:]...)
	r.must(capture.Start())
	r.wait("the file of the capture", func() (bool, string, error) {
		matches, err := filepath.Glob(file)
		return len(matches) > 0, "no file yet", err
	})
	r.start(r.PE2, withRole(r.PE2.Config().Quick(), "passive"))
	r.waitAllUp()
	r.must(capture.Process.Signal(os.Interrupt)) // Ctrl-C
	_ = capture.Wait()                           // it reports that it was ended by the signal

	comments, err := exec.CommandContext(r.ctx, "tshark", "-r", file, "-T", "fields", "-e", "frame.comment").Output()
	r.must(err)
	if !strings.Contains(string(comments), "VPN-ID 00005e:00000001") || strings.Contains(string(comments), "not checked") {
		t.Errorf("want comments with VPN-ID 00005e:00000001 and checked digests, got\n%s", comments)
	}
	pcap := filepath.Join(t.TempDir(), "pe2.pcap") // the format that package tshark reads
	r.must(exec.CommandContext(r.ctx, "tshark", "-r", file, "-F", "pcap", "-w", pcap).Run())
	frames, err := tshark.Read(r.ctx, pcap, r.tsharkOptions())
	r.must(err)
	// SCCRQ, SCCRP, SCCCN, and for each link ICRQ, ICRP, ICCN; the last ICCN may be missing.
	if len(frames) < 8 {
		t.Errorf("tshark reads %d messages, want at least 8", len(frames))
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
		t.Errorf("l2tpvl-ctl vpns: no line for red in\n%s", vpns)
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
		t.Errorf("%d commands for nft, want 5, in\n%s", commands, mtu)
	}
}
