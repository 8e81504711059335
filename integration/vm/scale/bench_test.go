package scale

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// rates are the results of a program: links per second up and down, and KiB of the machine's memory
// per link.
type rates struct{ up, down, kib float64 }

// BenchmarkLinks measures how many links per second come up and go down with two l2tpvlds, and with
// two xl2tpds and their pppds, and the ratio of the two. A link is up when its PPP interface has
// its address and is up, at both ends.
func BenchmarkLinks(b *testing.B) {
	xl2tpd := measure(b, newXL2TPD)
	l2tpvld := measure(b, newL2TPVLD)
	for name, r := range map[string]rates{"l2tpvld": l2tpvld, "xl2tpd": xl2tpd} {
		b.ReportMetric(r.up, name+"-up/s")
		b.ReportMetric(r.down, name+"-gone/s")
		b.ReportMetric(r.kib, name+"-KiB/link")
	}
	b.ReportMetric(l2tpvld.up/xl2tpd.up, "ratio-up")
	b.ReportMetric(l2tpvld.down/xl2tpd.down, "ratio-gone")
}

// program creates links between the two PEs of a pair.
type program interface {
	up()   // starts the program at both PEs, and returns when all links are up
	down() // ends both, and returns when all links are removed
}

func measure(b *testing.B, create func(*pair) program) rates {
	b.Helper()
	// The time limit ends a program that stalls.
	p := newPair(b, b.N, 5*time.Minute+time.Duration(b.N)*3*time.Second)
	c := create(p)
	perSecond := func(f func()) float64 {
		start := time.Now()
		f()
		return float64(b.N) / time.Since(start).Seconds()
	}
	available := func() int64 {
		kib, err := vm.Available()
		p.must(err)
		return kib
	}
	var r rates
	before := available()
	r.up = perSecond(c.up)
	r.kib = float64(before-available()) / float64(b.N)
	r.down = perSecond(c.down)
	return r
}

// l2tpvlds are two l2tpvlds.
type l2tpvlds struct{ *pair }

func newL2TPVLD(p *pair) program { return l2tpvlds{p} }

func (l l2tpvlds) up() {
	l.start()
	l.waitUp(time.Time{})
}

func (l l2tpvlds) down() { l.stop() }

// xl2tpds are two xl2tpds, the LNS at PE1 and the LAC at PE2, each with a pppd for each link.
// xl2tpd creates a tunnel for each session that it dials, with a socket that the kernel identifies
// by its two addresses, so each tunnel has its own pair of addresses.
type xl2tpds struct {
	*pair
	running map[*lab.PE]*exec.Cmd
}

func newXL2TPD(p *pair) program {
	write := func(name, text string) string {
		file := filepath.Join(p.Dir, name)
		p.must(os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	for _, pe := range p.PEs() {
		var commands []string
		for i := range p.links {
			commands = append(commands, fmt.Sprintf("addr add %s/32 dev lo", tunnelAddress(pe, i)),
				fmt.Sprintf("route add %s via %s src %s", tunnelAddress(pe.Peer, i), pe.Peer.Address, tunnelAddress(pe, i)))
		}
		p.must(pe.NS.IP(commands...))
	}
	options := write("options", "noauth\nnoipdefault\nipcp-accept-local\nipcp-accept-remote\nnodefaultroute\nnoccp\nnovj\n+ipv6\n")
	write("pe1.conf", "[global]\n[lns default]\nip range = 10.200.0.1-10.200.255.254\nlocal ip = 10.199.0.1\n"+
		"require authentication = no\npppoptfile = "+options+"\n")
	var lacs strings.Builder
	lacs.WriteString("[global]\n")
	for i := range p.links {
		fmt.Fprintf(&lacs, "[lac s%d]\nlns = %s\nautodial = yes\nredial = yes\nredial timeout = 1\nmax redials = 100\nrequire authentication = no\npppoptfile = %s\n", i, tunnelAddress(p.PE1, i), options)
	}
	write("pe2.conf", lacs.String())
	return xl2tpds{p, map[*lab.PE]*exec.Cmd{}}
}

// tunnelAddress returns the address of a PE's end of xl2tpd's tunnel for a link.
func tunnelAddress(pe *lab.PE, link int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 100 + byte(pe.Number), byte(link >> 8), byte(link)})
}

func (x xl2tpds) up() {
	for _, pe := range x.PEs() {
		file := func(suffix string) string { return filepath.Join(x.Dir, pe.Name+"."+suffix) }
		cmd := pe.NS.Command(x.ctx, "xl2tpd", "-D", "-c", file("conf"), "-s", "/dev/null", "-p", file("pid"), "-C", file("control"))
		log, err := os.Create(file("xl2tpd"))
		x.must(err)
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		x.must(cmd.Start())
		x.running[pe] = cmd
	}
	x.waitInterfaces(x.links)
}

func (x xl2tpds) down() {
	for _, cmd := range x.running {
		x.must(cmd.Process.Signal(syscall.SIGTERM))
	}
	x.waitInterfaces(0)
	for _, cmd := range x.running {
		_ = cmd.Wait() // its status after a signal does not matter
	}
}

// waitInterfaces waits until that many PPP interfaces are up at both ends. pppd sets the address of
// an interface before it sets it up.
func (x xl2tpds) waitInterfaces(want int) {
	for _, pe := range x.PEs() {
		ns, err := netns.Open(pe.NS.Path())
		x.must(err)
		kernel, err := netlink.NewHandleAt(ns)
		x.must(errors.Join(err, ns.Close()))
		defer kernel.Close()
		x.must(lab.Wait(x.ctx, fmt.Sprintf("%d PPP interfaces of %s to be up", want, pe.Name), func() (bool, string, error) {
			all, err := kernel.LinkList()
			existing, up := 0, 0
			for _, l := range all {
				if l.Type() != "ppp" {
					continue
				}
				existing++
				if l.Attrs().RawFlags&syscall.IFF_UP != 0 {
					up++
				}
			}
			return up == want && existing == want, fmt.Sprintf("%d, and %d of them up", existing, up), err
		}))
	}
}
