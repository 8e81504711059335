package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// keepRunning keeps the lab running until Ctrl-C, or until the user leaves a shell.
func (d *demo) keepRunning() error {
	d.showCommands()
	d.kept = true
	if !d.shell {
		<-d.interrupted.Done()
		return nil
	}
	shell := exec.Command("bash", "--norc")
	shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, os.Stdout, os.Stderr
	shell.Env = append(os.Environ(), `PS1=demo# `)
	// The exit status of a shell is that of its last command, so it is no error of the demo.
	if err := shell.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return fmt.Errorf("shell: %w", err)
	}
	return nil
}

// showCommands shows commands for looking at the running lab.
func (d *demo) showCommands() {
	if d.shell {
		d.screen.step("The demo keeps running until you leave this shell (exit). Commands to try:")
	} else {
		d.screen.step("The demo keeps running until Ctrl-C. Commands to try, as root in another terminal:")
	}
	red1, red2 := d.PE1.Sites["red"], d.PE2.Sites["red"]
	inside := "ip netns exec "
	for _, l := range []struct{ why, command string }{
		{"links, sessions and status of pe1", strings.Join(d.PE1.CtlCommand("links"), " ")},
		{"", strings.Join(d.PE1.CtlCommand("sessions"), " ")},
		{"", strings.Join(d.PE1.CtlCommand("status"), " ")},
		{"ping from red's host at pe1 to red's host at pe2", fmt.Sprintf("%s%s ping %s", inside, red1.Host, red2.Address)},
		{"interfaces and routes of red's virtual router on pe1", fmt.Sprintf("ip -n %s addr; ip -n %[1]s route", red1.VR)},
		{"packets in the provider network, dissected by tshark", fmt.Sprintf(
			"%s%s tshark -i prov -d udp.port==1702,l2tp -o l2tp.shared_secret:$(cat %s)", inside, d.PE1.NS, d.SecretFile())},
		{"cut the path between the PEs, see how pe1 explains the failure, and restore the path", fmt.Sprintf("ip -n %s link set prov down", d.PE2.NS)},
		{"", strings.Join(d.PE1.CtlCommand("explain", "red", "pe2"), " ")},
		{"", fmt.Sprintf("ip -n %s link set prov up", d.PE2.NS)},
		{"logs and configurations of the daemons", fmt.Sprintf("tail -f %s/*.log; cat %[1]s/*.yaml", d.Dir)},
	} {
		if l.why != "" {
			d.screen.line("")
			d.screen.note("%s", d.screen.paint(dim, l.why))
		}
		d.screen.note("%s", l.command)
	}
}
