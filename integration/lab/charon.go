package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/strongswan/govici/vici"
)

// charonTimeout limits the duration of the start of charon, and of its end.
const charonTimeout = 2 * time.Minute

// Charon is strongSwan's charon on a PE. It has its own socket and does not use the configuration
// of this machine.
type Charon struct {
	// Socket is the path of its VICI socket, LogFile that of its log.
	Socket, LogFile string

	pe    *PE
	conf  string
	cmd   *exec.Cmd
	ended chan struct{}
}

// charonConf is charon's configuration. Retransmissions end sooner than by default, so that tests
// need not wait long until charon gives up a peer.
const charonConf = `
charon {
	load_modular = yes
	install_routes = no
	retransmit_timeout = 1
	retransmit_base = 1.4
	retransmit_tries = 4
	plugins {
		include /etc/strongswan.d/charon/*.conf
		vici {
			socket = unix://%s
		}
	}
	filelog {
		lab {
			path = %s
			append = yes
			default = 1
			flush_line = yes
			time_format = %%T
		}
	}
}
charon-systemd {
	journal {
		default = -1
	}
}
`

// StartCharon starts charon on the PE, and returns when charon listens on its socket.
func (pe *PE) StartCharon(ctx context.Context) (*Charon, error) {
	c := &Charon{
		Socket: pe.lab.path(pe.Name + ".vici"), LogFile: pe.lab.path(pe.Name + "-charon.log"),
		pe: pe, conf: pe.lab.path(pe.Name + "-strongswan.conf"),
	}
	if err := os.WriteFile(c.conf, fmt.Appendf(nil, charonConf, c.Socket, c.LogFile), 0o600); err != nil {
		return nil, err
	}
	return c, c.Start(ctx)
}

// Start starts charon again after Stop or Kill, and returns when it listens on its socket.
func (c *Charon) Start(ctx context.Context) error {
	cmd := c.pe.NS.Command(context.Background(), "charon-systemd")
	cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+c.conf)
	log, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd, c.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // the log has the reason of its end
		close(ended)
	}(c.ended)
	ctx, cancel := context.WithTimeout(ctx, charonTimeout)
	defer cancel()
	return Wait(ctx, "charon of "+c.pe.Name, func() (bool, string, error) {
		conn, err := net.Dial("unix", c.Socket)
		if err != nil {
			return false, "", err
		}
		return true, "", conn.Close()
	})
}

// Stop ends charon by SIGTERM, as its systemd service does.
func (c *Charon) Stop() error { return c.end(syscall.SIGTERM) }

// Kill ends charon by SIGKILL, without a clean shutdown.
func (c *Charon) Kill() error { return c.end(syscall.SIGKILL) }

// Pause stops charon by SIGSTOP until Resume.
func (c *Charon) Pause() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume continues charon after Pause.
func (c *Charon) Resume() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

func (c *Charon) end(signal syscall.Signal) error {
	if err := c.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(charonTimeout):
		return errors.Join(fmt.Errorf("charon of %s did not end after signal %s", c.pe.Name, signal), c.cmd.Process.Kill())
	}
}

// Do calls a VICI command. It is much faster than Swanctl.
func (c *Charon) Do(command string, arguments map[string]string) (*vici.Message, error) {
	session, err := vici.NewSession(vici.WithSocketPath(c.Socket))
	if err != nil {
		return nil, err
	}
	defer session.Close()
	m, err := vici.MarshalMessage(arguments)
	if err != nil {
		return nil, err
	}
	return session.Call(context.Background(), command, m)
}

// Connections returns the names of charon's connections.
func (c *Charon) Connections() ([]string, error) {
	answer, err := c.Do("get-conns", nil)
	if err != nil {
		return nil, err
	}
	names, _ := answer.Get("conns").([]string)
	return names, nil
}

// Swanctl runs swanctl(8) with this charon's socket and returns its output.
func (c *Charon) Swanctl(args ...string) (output string, err error) {
	cmd := exec.Command("swanctl", append(args, "--uri", "unix://"+c.Socket)...)
	cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+c.conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out), err
}
