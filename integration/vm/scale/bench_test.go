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

// rates are how a program did with a number of links.
type rates struct{ up, gone, kib float64 } // links a second, links a second, KiB of the machine's memory a link

// BenchmarkLinks is how many links come up and go in a second, with two l2tpvlds and with two
// xl2tpds and their pppds, and the former in units of the latter. A link is up when its PPP
// interface has its address and is up, at both ends.
func BenchmarkLinks(b *testing.B) {
	xl2tpd := measure(b, newXL2TPD)
	l2tpvld := measure(b, newL2TPVLD)
	for name, r := range map[string]rates{"l2tpvld": l2tpvld, "xl2tpd": xl2tpd} {
		b.ReportMetric(r.up, name+"-up/s")
		b.ReportMetric(r.gone, name+"-gone/s")
		b.ReportMetric(r.kib, name+"-KiB/link")
	}
	b.ReportMetric(l2tpvld.up/xl2tpd.up, "ratio-up")
	b.ReportMetric(l2tpvld.gone/xl2tpd.gone, "ratio-gone")
}

// contender makes links between the two PEs of a pair.
type contender interface {
	up()   // starts both programs, and returns when all links are up
	gone() // ends both programs, and returns when all links are gone
}

func measure(b *testing.B, of func(*pair) contender) rates {
	b.Helper()
	p := newPair(b, b.N, 5*time.Minute+time.Duration(b.N)*3*time.Second) // one that stalls is not waited for
	c := of(p)
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
	r.gone = perSecond(c.gone)
	return r
}

// ours are two l2tpvlds.
type ours struct{ *pair }

func newL2TPVLD(p *pair) contender { return ours{p} }

func (o ours) up() {
	o.start()
	o.waitUp(time.Time{})
}

func (o ours) gone() { o.stop() }

// theirs are two xl2tpds, the LNS at PE1 and the LAC at PE2, each with a pppd for each link. xl2tpd
// makes a tunnel for each session that it dials, with a socket that the kernel knows by its two
// addresses: so each tunnel has two of its own.
type theirs struct {
	*pair
	running map[*lab.PE]*exec.Cmd
}

func newXL2TPD(p *pair) contender {
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
	return theirs{p, map[*lab.PE]*exec.Cmd{}}
}

// tunnelAddress is the address of a PE's end of xl2tpd's tunnel for a link.
func tunnelAddress(pe *lab.PE, link int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 100 + byte(pe.Number), byte(link >> 8), byte(link)})
}

func (t theirs) up() {
	for _, pe := range t.PEs() {
		file := func(what string) string { return filepath.Join(t.Dir, pe.Name+"."+what) }
		cmd := pe.NS.Command(t.ctx, "xl2tpd", "-D", "-c", file("conf"), "-s", "/dev/null", "-p", file("pid"), "-C", file("control"))
		log, err := os.Create(file("xl2tpd"))
		t.must(err)
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		t.must(cmd.Start())
		t.running[pe] = cmd
	}
	t.waitInterfaces(t.links)
}

func (t theirs) gone() {
	for _, cmd := range t.running {
		t.must(cmd.Process.Signal(syscall.SIGTERM))
	}
	t.waitInterfaces(0)
	for _, cmd := range t.running {
		_ = cmd.Wait() // with whatever status it has for a signal
	}
}

// waitInterfaces waits until so many PPP interfaces are up at either end. pppd gives one its
// address before it sets it up.
func (t theirs) waitInterfaces(want int) {
	for _, pe := range t.PEs() {
		ns, err := netns.Open(pe.NS.Path())
		t.must(err)
		kernel, err := netlink.NewHandleAt(ns)
		t.must(errors.Join(err, ns.Close()))
		defer kernel.Close()
		t.must(lab.Wait(t.ctx, fmt.Sprintf("%d PPP interfaces of %s to be up", want, pe.Name), func() (bool, string, error) {
			all, err := kernel.LinkList()
			there, up := 0, 0
			for _, l := range all {
				if l.Type() != "ppp" {
					continue
				}
				there++
				if l.Attrs().RawFlags&syscall.IFF_UP != 0 {
					up++
				}
			}
			return up == want && there == want, fmt.Sprintf("%d, and %d of them up", there, up), err
		}))
	}
}
