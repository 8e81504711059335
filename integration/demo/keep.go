package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// keepRunning lets the person look around until Ctrl-C, or in a shell until that ends.
func (d *demo) keepRunning() error {
	d.lookAround()
	d.kept = true
	if !d.shell {
		<-d.interrupted.Done()
		return nil
	}
	shell := exec.Command("bash", "--norc")
	shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, os.Stdout, os.Stderr
	shell.Env = append(os.Environ(), `PS1=demo# `)
	if err := shell.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) { // the last command's status is no matter
		return fmt.Errorf("shell: %w", err)
	}
	return nil
}

// lookAround says how to look at what is kept running.
func (d *demo) lookAround() {
	if d.shell {
		d.screen.step("It keeps running until you leave this shell (exit). To look around:")
	} else {
		d.screen.step("It keeps running until Ctrl-C. To look around, from another terminal, as root:")
	}
	red1, red2 := d.PE1.Sites["red"], d.PE2.Sites["red"]
	inside := "ip netns exec "
	for _, l := range []struct{ why, command string }{
		{"what pe1 says of its links, its sessions and itself", strings.Join(d.PE1.CtlCommand("links"), " ")},
		{"", strings.Join(d.PE1.CtlCommand("sessions"), " ")},
		{"", strings.Join(d.PE1.CtlCommand("status"), " ")},
		{"red's host at pe1 pings red's host at pe2", fmt.Sprintf("%s%s ping %s", inside, red1.Host, red2.Address)},
		{"red's virtual router at pe1: its interfaces and routes", fmt.Sprintf("ip -n %s addr; ip -n %[1]s route", red1.VR)},
		{"the provider network, read by Wireshark's dissector", fmt.Sprintf(
			"%s%s tshark -i prov -d udp.port==1702,l2tp -o l2tp.shared_secret:$(cat %s)", inside, d.PE1.NS, d.SecretFile())},
		{"cut the path, watch pe1 notice and explain, mend it", fmt.Sprintf("ip -n %s link set prov down", d.PE2.NS)},
		{"", strings.Join(d.PE1.CtlCommand("explain", "red", "pe2"), " ")},
		{"", fmt.Sprintf("ip -n %s link set prov up", d.PE2.NS)},
		{"the daemons' logs and configurations", fmt.Sprintf("tail -f %s/*.log; cat %[1]s/*.yaml", d.Dir)},
	} {
		if l.why != "" {
			d.screen.line("")
			d.screen.note("%s", d.screen.paint(dim, l.why))
		}
		d.screen.note("%s", l.command)
	}
}
