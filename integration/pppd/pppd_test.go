package pppd

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The exit statuses of pppd (its manual, section EXIT STATUS).
const (
	exitUserRequest    = 5
	exitPeerAuthFailed = 11 // the peer, our end, failed to authenticate itself
	exitHangup         = 16 // also if the peer terminated the link or did not answer Echo-Requests
	exitOwnAuthFailed  = 19 // pppd failed to authenticate itself
)

// pppd is a running pppd with an interface ppp0 in a separate network namespace.
type pppd struct {
	*namespace
	cmd  *exec.Cmd
	log  *journal[string] // the lines of its log, with option debug
	done chan struct{}    // closed when it has ended
}

// always has the options of all tests.
var always = []string{
	"nodetach", "debug", "local", "nolock", "nocrtscts", "nodefaultroute", // a line without a modem
	"noauth",        // unless the options of the test have "auth"
	"asyncmap", "0", // requests that we escape no control characters
	"lcp-restart", "1", "holdoff", "1", // retry after 1 s
}

// startPPPD starts pppd on a terminal.
func startPPPD(t *testing.T, tty string, options ...string) *pppd {
	t.Helper()
	p := &pppd{namespace: newNamespace(t), log: newJournal[string](), done: make(chan struct{})}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command("/usr/sbin/pppd", append(append([]string{tty}, always...), options...)...)
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	err = p.do(p.cmd.Start)
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			p.log.add(lines.Text())
		}
		reader.Close()
		_ = p.cmd.Wait() // its exit status is in p.cmd.ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-p.done
		for _, line := range p.log.rest() {
			if complaint.MatchString(line) {
				t.Errorf("unexpected complaint in the log of pppd: %s", line)
			}
		}
		if t.Failed() {
			t.Logf("pppd %s:\n%s", strings.Join(options, " "), strings.Join(p.log.all(), "\n"))
		}
	})
	return p
}

// complaint matches messages of pppd about a peer that does not behave as expected. A test that
// provokes such a message takes it from the log.
var complaint = regexp.MustCompile(`(?i)unsupported|CodeRej|rcvd bad|received bad|malformed|discarded|too short|loop|` +
	`unrecognized|unexpected|timeout sending|fatal|no response`)

// await waits for a line of the log with all parts, in this order, and takes it.
func (p *pppd) await(t *testing.T, parts ...string) string {
	t.Helper()
	return p.log.await(t, "pppd logs "+strings.Join(parts, " ... "), func(line string) bool {
		for _, part := range parts {
			_, rest, found := strings.Cut(line, part)
			if !found {
				return false
			}
			line = rest
		}
		return true
	})
}

// ignore takes a complaint that may or may not be in the log.
func (p *pppd) ignore(complaint string) {
	for {
		if _, ok, _ := p.log.take(func(line string) bool { return line == complaint }); !ok {
			return
		}
	}
}

func (p *pppd) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// awaitExit waits for pppd to end with an exit status.
func (p *pppd) awaitExit(t *testing.T, status int) {
	t.Helper()
	select {
	case <-p.done:
		if got := p.cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("pppd: exit status %d, want %d", got, status)
		}
	case <-time.After(timeout):
		t.Fatalf("pppd did not end within %v", timeout)
	}
}

// mtu returns the MTU of ppp0.
func (p *pppd) mtu(t *testing.T) int {
	t.Helper()
	link, err := p.links.LinkByName("ppp0")
	if err != nil {
		t.Fatalf("pppd's interface: %v", err)
	}
	return link.Attrs().MTU
}
