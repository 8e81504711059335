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
	exitUserRequest   = 5
	exitPeerUnknown   = 11 // the peer did not authenticate itself
	exitHangup        = 16 // also after the link was terminated by the peer, or for want of echoes
	exitPeerRefusedUs = 19
)

// pppd is a running pppd with an interface ppp0 in a namespace of its own.
type pppd struct {
	*namespace
	cmd  *exec.Cmd
	log  *journal[string] // its lines, as option debug has them
	done chan struct{}    // closed when it has ended
}

// always are options that every test wants.
var always = []string{
	"nodetach", "debug", "local", "nolock", "nocrtscts", "nodefaultroute", // a line that is no modem
	"noauth",        // unless a later "auth" of the test
	"asyncmap", "0", // asks us not to escape
	"lcp-restart", "1", "holdoff", "1", // do not wait long for a peer that is gone
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
		_ = p.cmd.Wait() // what it ended with is in p.cmd.ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-p.done
		for _, line := range p.log.rest() {
			if complaint.MatchString(line) {
				t.Errorf("pppd complains: %s", line)
			}
		}
		if t.Failed() {
			t.Logf("pppd %s:\n%s", strings.Join(options, " "), strings.Join(p.log.all(), "\n"))
		}
	})
	return p
}

// complaint is what pppd logs of a peer that does not speak as it should. A test that provokes one
// takes it.
var complaint = regexp.MustCompile(`(?i)unsupported|CodeRej|rcvd bad|received bad|malformed|discarded|too short|loop|` +
	`unrecognized|unexpected|timeout sending|fatal|no response`)

// await takes the first line of the log with all the parts, in this order.
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

// forgive takes what pppd may complain of, and need not.
func (p *pppd) forgive(complaint string) {
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

// awaitExit waits for pppd to end.
func (p *pppd) awaitExit(t *testing.T, status int) {
	t.Helper()
	select {
	case <-p.done:
		if got := p.cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("pppd: exit status %d, want %d", got, status)
		}
	case <-time.After(patience):
		t.Fatalf("pppd: no end within %v", patience)
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
