package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// capturedOf returns the messages of a dialogue as a daemon that knows the secret captures them.
func capturedOf(t *testing.T, d *dialogue) (list []api.Captured) {
	t.Helper()
	c, err := openCapture(bytes.NewReader(d.pcap()))
	if err != nil {
		t.Fatal(err)
	}
	dissector := dissect.New([]dissect.Secret{{Name: "secret", Octets: []byte(oldSecret)}}, false)
	for {
		p, err := c.next()
		if err != nil {
			return list
		}
		g := findL2TP(p, []uint16{1701}).datagram
		octets := g.Payload
		if d.ip {
			octets = octets[4:]
		}
		dissector.Add(g)
		messages := dissector.Drain().Messages
		if len(messages) == 0 {
			continue // a data message
		}
		text, err := json.Marshal(messages[0])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, api.Captured{Time: g.Time, Transport: string(g.Transport), From: g.From.String(), To: g.To.String(), Octets: octets, Message: text})
	}
}

// serveCapture answers capture requests with the messages in list.
func serveCapture(t *testing.T, list []api.Captured) (socket string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathPeers, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(peers) })
	mux.HandleFunc("GET "+api.PathCapture+"/pe2", func(w http.ResponseWriter, r *http.Request) {
		for i, c := range list {
			if r.FormValue("count") == fmt.Sprint(i) {
				break
			}
			if err := json.NewEncoder(w).Encode(c); err != nil {
				t.Error(err)
			}
		}
	})
	return listen(t, mux)
}

// The pcapng file has the packets as on the network, with hidden AVPs encrypted, and decode reads
// it. The comments have the decrypted AVPs.
func TestCaptureToPcapng(t *testing.T) {
	for _, over := range []string{"udp", "ip"} {
		for _, family := range []string{"IPv4", "IPv6"} {
			t.Run(over+" "+family, func(t *testing.T) {
				d := newDialogue(t, oldSecret)
				d.ip = over == "ip"
				if family == "IPv6" {
					d.a.ip, d.b.ip = "2001:db8::1", "2001:db8::2"
				}
				list := capturedOf(t, d.linkUp())
				name := filepath.Join(t.TempDir(), "pe2.pcapng")
				got := runWith(nil, "capture", "pe2", "-w", name, "-s", serveCapture(t, list))
				if got != (outcome{}) {
					t.Fatalf("%+v", got)
				}
				written, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				c, err := openCapture(bytes.NewReader(written))
				if err != nil {
					t.Fatal(err)
				}
				dissector := dissect.New([]dissect.Secret{{Name: "secret", Octets: []byte(oldSecret)}}, false)
				if err := dissectCapture(c, []uint16{1701}, dissector); err != nil {
					t.Fatal(err)
				}
				read := dissector.Report()
				if len(read.Messages) != len(list) || len(list) < 6 || len(read.Counts) != 0 {
					t.Fatalf("%d messages, want %d", len(read.Messages), len(list))
				}
				for i, m := range read.Messages {
					want, err := messageOf(&list[i])
					if err != nil {
						t.Fatal(err)
					}
					// The capture has data messages between them.
					m.Frame, m.Seconds = want.Frame, want.Seconds
					if !reflect.DeepEqual(&m, want) {
						t.Errorf("message %d is %+v\nwant %+v", i, m, want)
					}
				}
				comments := readComments(t, written)
				if len(comments) != len(list) || !strings.Contains(comments[3], "Remote End ID      VPN-ID 00005e:00000001 (was hidden)") ||
					!strings.Contains(comments[3], "HMAC-SHA-1: right (secret)") {
					t.Errorf("the comments are\n%s", strings.Join(comments, "\n"))
				}
				if bytes.Contains(written, []byte{0, 0, 0x5e, 0, 0, 0, 1}) {
					t.Error("a hidden AVP is unencrypted in the packets")
				}
			})
		}
	}
}

func readComments(t *testing.T, written []byte) (comments []string) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(written), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, _, options, err := r.ReadPacketDataWithOptions()
		if err == io.EOF {
			return comments
		}
		if err != nil {
			t.Fatal(err)
		}
		comments = append(comments, options.Comments...)
	}
}

// The output is pcapng in a pipe, text on a terminal, and JSON with -o json.
func TestCaptureForms(t *testing.T) {
	list := capturedOf(t, newDialogue(t, oldSecret).linkUp())
	list[1].Missed = 7
	socket := serveCapture(t, list)
	run := func(terminal bool, args ...string) outcome {
		var stdout, stderr strings.Builder
		code := runOnTerminal(terminal, &stdout, &stderr, append([]string{"capture", "-s", socket}, args...))
		return outcome{code, stdout.String(), stderr.String()}
	}
	const missed = "l2tpvl-ctl: 7 messages missing: too many at once\n"
	if got := run(false, "pe2"); got.code != exitOK || len(readComments(t, []byte(got.stdout))) != len(list) || got.stderr != missed {
		t.Errorf("in a pipe: %+v", got)
	}
	if got := run(true, "pe2", "-w", "-", "--count", "1"); got.code != exitOK || len(readComments(t, []byte(got.stdout))) != 1 {
		t.Errorf("-w - on a terminal: %+v", got)
	}
	got := run(true, "pe2", "--count", "4")
	compareGolden(t, "capture-terminal", got.stdout)
	if got = run(false, "pe2", "-o", "json", "--count", "1"); got.stdout != jsonLine(t, list[0]) {
		t.Errorf("as JSON: %s", got.stdout)
	}
	if got = run(false, "pe9"); got.code != exitUsage || got.stderr != "l2tpvl-ctl: unknown peer \"pe9\"; did you mean pe2?\n" || got.stdout != "" {
		t.Errorf("unknown peer: %+v", got)
	}
	if got = run(false, "pe2", "-w", "/nowhere/x"); got.code != exitFailure || got.stderr != "l2tpvl-ctl: open /nowhere/x: no such file or directory\n" {
		t.Errorf("file that cannot be created: %+v", got)
	}
}
