package main

import (
	"fmt"
	"strings"
)

// lookAround says how to look at what is kept running.
func (d *demo) lookAround() {
	d.screen.step("It keeps running until Ctrl-C. To look around, from another terminal, as root:")
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
