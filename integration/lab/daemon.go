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

// startTimeout limits the time from the start of a daemon to its first answer. The daemon answers
// when it has set up its virtual routers, which takes long for thousands of them. It does not wait
// for links.
const startTimeout = 10 * time.Minute

// Daemon is one run of l2tpvld on a PE.
type Daemon struct {
	pe  *PE
	cmd *exec.Cmd

	ended chan struct{} // closed when the process has ended
	err   error         // of the process; valid once ended
}

// Start writes the configuration and starts the PE's daemon. It returns when the daemon's API
// responds.
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

// Reload writes another configuration and makes the running daemon read it, by SIGHUP.
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

// Restart starts the PE's daemon with its previous configuration. The daemon must not be running.
func (pe *PE) Restart(ctx context.Context) error {
	log, err := os.OpenFile(pe.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d := &Daemon{pe: pe, ended: make(chan struct{})}
	// The process is ended by Stop, Kill or Lab.Close, not by the end of ctx.
	d.cmd = pe.NS.Command(context.Background(), pe.lab.tool("l2tpvld"), "--config", pe.ConfigFile())
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}    // Ctrl-C does not reach it
	d.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1") // a data race fails the test
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
			return false, "", fmt.Errorf("l2tpvld of %s ended: %v: %s", pe.Name, d.err, pe.lastLog())
		default:
		}
		_, err := pe.Client().Status(ctx)
		return err == nil, "", err
	})
}

// Stop ends the daemon by SIGTERM. It returns an error if the exit status is not 0, or if the
// daemon does not end before ctx does; then it kills the daemon.
func (d *Daemon) Stop(ctx context.Context) error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping l2tpvld of %s: %w: %v", d.pe.Name, err, d.err)
	}
	select {
	case <-d.ended:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("l2tpvld of %s did not end after SIGTERM: %w", d.pe.Name, ctx.Err()), d.Kill())
	}
	if d.err != nil {
		return fmt.Errorf("l2tpvld of %s ended: %w", d.pe.Name, d.err)
	}
	return nil
}

// Kill ends the daemon by SIGKILL, like a crash, and waits for its end.
func (d *Daemon) Kill() error {
	err := d.cmd.Process.Kill()
	<-d.ended
	return err
}

// PID returns the ID of the process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Running reports whether the process has not ended.
func (d *Daemon) Running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// ConfigFile returns the path of the daemon's configuration.
func (pe *PE) ConfigFile() string { return pe.lab.path(pe.Name + ".yaml") }

// LogFile returns the path of the daemon's log, to which every run of the daemon appends.
func (pe *PE) LogFile() string { return pe.lab.path(pe.Name + ".log") }

// Socket returns the path of the socket of the daemon's API.
func (pe *PE) Socket() string { return pe.lab.path(pe.Name + ".sock") }

// Client returns a client of the API of the PE's daemon.
func (pe *PE) Client() *api.Client { return api.NewClient(pe.Socket()) }

// lastLog returns the last 10 lines of the daemon's log, joined to one line.
func (pe *PE) lastLog() string {
	log, err := os.ReadFile(pe.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte(" | ")))
}

// Check runs "l2tpvld --check" on a configuration file and returns its output.
func (pe *PE) Check(ctx context.Context, file string) (output string, err error) {
	out, err := pe.NS.Command(ctx, pe.lab.tool("l2tpvld"), "--config", file, "--check").CombinedOutput()
	return string(out), err
}

// CtlCommand returns the command line of l2tpvl-ctl for the PE's daemon.
func (pe *PE) CtlCommand(args ...string) []string {
	return append([]string{pe.lab.tool("l2tpvl-ctl"), "-s", pe.Socket()}, args...)
}

// Ctl runs l2tpvl-ctl for the PE's daemon and returns its standard output. If the exit status is
// not 0, the error wraps an *exec.ExitError and has the standard error.
func (pe *PE) Ctl(ctx context.Context, args ...string) (output string, err error) {
	line := pe.CtlCommand(args...)
	out, err := exec.CommandContext(ctx, line[0], line[1:]...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}

// tool returns the path of one of our binaries.
func (l *Lab) tool(name string) string { return filepath.Join(l.bin, name) }
