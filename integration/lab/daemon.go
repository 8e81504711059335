package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// startTimeout bounds the time from the start of a daemon to its first answer, which comes when it
// has its virtual routers; of thousands they take a while. It does not wait for links.
const startTimeout = 10 * time.Minute

// Daemon is one run of l2tpvld on a PE.
type Daemon struct {
	pe  *PE
	cmd *exec.Cmd

	ended chan struct{} // closed when the process has ended
	err   error         // of the process; valid once ended
}

// Start writes the configuration and starts the PE's daemon. It returns when the daemon's API
// answers.
func (pe *PE) Start(ctx context.Context, c Config) error {
	text, err := c.YAML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(pe.ConfigFile(), text, 0o600); err != nil {
		return err
	}
	return pe.Restart(ctx)
}

// Reload writes another configuration and tells the daemon, which must be running, to read it.
func (pe *PE) Reload(c Config) error {
	text, err := c.YAML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(pe.ConfigFile(), text, 0o600); err != nil {
		return err
	}
	return pe.Daemon.cmd.Process.Signal(syscall.SIGHUP)
}

// Restart starts the PE's daemon with the configuration that it had before. The daemon must not be
// running.
func (pe *PE) Restart(ctx context.Context) error {
	log, err := os.OpenFile(pe.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d := &Daemon{pe: pe, ended: make(chan struct{})}
	// Its life is bounded by Stop, Kill and the lab's end, not by ctx.
	d.cmd = pe.NS.Command(context.Background(), pe.lab.tool("l2tpvld"), "--config", pe.ConfigFile())
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}    // a Ctrl-C at the terminal is ours to handle
	d.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1") // a data race fails the test that meets it
	if err := d.cmd.Start(); err != nil {
		return err
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	pe.Daemon = d

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return Wait(ctx, "the API of "+pe.Name, func() (bool, string, error) {
		select {
		case <-d.ended:
			cancel()
			return false, "", fmt.Errorf("l2tpvld ended: %v: %s", d.err, pe.lastLog())
		default:
		}
		_, err := pe.Client().Status(ctx)
		return err == nil, "", err
	})
}

// Stop asks the daemon to shut down and waits until it has. It is an error if the daemon does not
// end well by itself before ctx does; then it is killed.
func (d *Daemon) Stop(ctx context.Context) error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping l2tpvld of %s: %w: %v", d.pe.Name, err, d.err)
	}
	select {
	case <-d.ended:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("l2tpvld of %s did not end when asked to: %w", d.pe.Name, ctx.Err()), d.Kill())
	}
	if d.err != nil {
		return fmt.Errorf("l2tpvld of %s ended: %w", d.pe.Name, d.err)
	}
	return nil
}

// Kill ends the daemon by SIGKILL, as a crash would, and waits until it is gone.
func (d *Daemon) Kill() error {
	err := d.cmd.Process.Kill()
	<-d.ended
	return err
}

// PID is the process's.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Running says whether the daemon has not ended.
func (d *Daemon) Running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// ConfigFile is the path of the daemon's configuration, LogFile that of its log and Socket that of
// its API.
func (pe *PE) ConfigFile() string { return pe.lab.path(pe.Name + ".yaml") }

// LogFile is the path of the daemon's log. Every run of the daemon adds to it.
func (pe *PE) LogFile() string { return pe.lab.path(pe.Name + ".log") }

// Socket is the path of the socket of the daemon's API.
func (pe *PE) Socket() string { return pe.lab.path(pe.Name + ".sock") }

// Client asks the PE's daemon.
func (pe *PE) Client() *api.Client { return api.NewClient(pe.Socket()) }

// lastLog is the end of the daemon's log, on one line.
func (pe *PE) lastLog() string {
	log, err := os.ReadFile(pe.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte(" | ")))
}

// Check runs "l2tpvld --check" on a configuration file and returns what it said.
func (pe *PE) Check(ctx context.Context, file string) (output string, err error) {
	out, err := pe.NS.Command(ctx, pe.lab.tool("l2tpvld"), "--config", file, "--check").CombinedOutput()
	return string(out), err
}

// CtlCommand is the command line of l2tpvl-ctl towards the PE's daemon, as a person would type it.
func (pe *PE) CtlCommand(args ...string) []string {
	return append([]string{pe.lab.tool("l2tpvl-ctl"), "-s", pe.Socket()}, args...)
}

// Ctl runs l2tpvl-ctl towards the PE's daemon and returns what it printed. Its error is an
// *exec.ExitError, with what it complained of, if it ended with another status than 0.
func (pe *PE) Ctl(ctx context.Context, args ...string) (output string, err error) {
	line := pe.CtlCommand(args...)
	out, err := exec.CommandContext(ctx, line[0], line[1:]...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}

// tool is the path of one of our binaries.
func (l *Lab) tool(name string) string { return filepath.Join(l.bin, name) }
