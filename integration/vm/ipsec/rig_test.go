package ipsec

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

const (
	testTimeout = 15 * time.Minute // of one test as a whole
	waitTimeout = 2 * time.Minute  // of one thing that a test waits for
)

// What customers say, to be found, or not, in a capture.
const (
	redWords  = "the words of red, which nobody else may read"
	blueWords = "the words of blue, which anybody may read"
)

// The two addresses that the PEs have besides, for what is protected over IP.
var second = [2]netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.12")}

// rig is a lab with a charon on each PE. Red requires IPsec, blue does not.
type rig struct {
	testing.TB
	*lab.Lab
	ctx     context.Context
	ca      *lab.CA
	charons [2]*lab.Charon
	watch   *lab.LeakWatch
	talks   map[string]*talk
}

// talk is a customer's traffic between its two sites, which never stops.
type talk struct {
	words    string
	conns    [2]net.Conn
	received [2]atomic.Uint64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs(), CreateVRs: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	r := &rig{TB: t, Lab: l, ctx: ctx, talks: map[string]*talk{}}
	t.Cleanup(func() {
		r.finish()
		cancel()
	})
	r.watch, err = l.WatchLeaks(l.PE1.NS, lab.ProviderInterface,
		lab.ProtectedFlow{A: l.PE1.Address, B: l.PE2.Address, Ports: []uint16{1701}},
		lab.ProtectedFlow{A: l.PE1.Address6, B: l.PE2.Address6, Ports: []uint16{1701}},
		lab.ProtectedFlow{A: second[0], B: second[1]})
	r.must(err)
	r.ca, err = lab.NewCA("the provider's")
	r.must(err)
	var starting errgroup.Group
	for i, pe := range r.sides() {
		r.must(pe.NS.IP(fmt.Sprintf("addr add %s/24 dev %s", second[i], lab.ProviderInterface)))
		starting.Go(func() (err error) {
			r.charons[i], err = pe.StartCharon(ctx)
			return err
		})
	}
	r.must(starting.Wait())
	r.talk("red", redWords)
	r.talk("blue", blueWords)
	return r
}

// sides are the two PEs that have a charon.
func (r *rig) sides() [2]*lab.PE { return [2]*lab.PE{r.PE1, r.PE2} }

// finish removes everything, after a failure with the last words of all, and fails the test if
// anything has leaked.
func (r *rig) finish() {
	for _, t := range r.talks {
		for _, conn := range t.conns {
			conn.Close()
		}
	}
	if r.Failed() {
		for i, pe := range r.sides() {
			r.Logf("%s:\n%s\nits charon:\n%s", pe.Name, lastLines(pe.LogFile(), 60), lastLines(r.charons[i].LogFile, 60))
		}
	}
	r.checkWatch()
	if _, err := r.watch.Stop(); err != nil {
		r.Error(err)
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

func lastLines(file string, count int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

func (r *rig) checkWatch() {
	r.Helper()
	if seen := r.watch.Seen(); seen.Leaks > 0 {
		r.Errorf("%d packets passed in clear, the first of them:\n%s", seen.Leaks, strings.Join(seen.First, "\n"))
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wait(what string, look func() (done bool, seen string, err error)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	r.must(lab.Wait(ctx, what, look))
}

// talk has a customer's hosts talk to each other from now on.
func (r *rig) talk(vpn, words string) {
	r.Helper()
	t := &talk{words: words}
	r.talks[vpn] = t
	for i, pe := range r.sides() {
		from, to := pe.Sites[vpn], pe.Peer.Sites[vpn]
		r.must(from.Host.Do(func() (err error) {
			t.conns[i], err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from.Address, 7)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Address, 7)))
			return err
		}))
		go t.say(i)
		go t.hear(i)
	}
}

func (t *talk) say(i int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := t.conns[i].Write([]byte(t.words)); err != nil && strings.Contains(err.Error(), "closed") {
			return
		}
	}
}

func (t *talk) hear(i int) {
	buf := make([]byte, 1500)
	for {
		n, err := t.conns[i].Read(buf)
		switch {
		case err == nil && string(buf[:n]) == t.words:
			t.received[i].Add(1)
		case err != nil && strings.Contains(err.Error(), "closed"):
			return
		case err != nil: // an ICMP error on the way
			time.Sleep(time.Millisecond)
		}
	}
}

func (t *talk) heard() [2]uint64 { return [2]uint64{t.received[0].Load(), t.received[1].Load()} }

// passes waits until the customer's traffic passes both ways.
func (r *rig) passes(vpn string) {
	r.Helper()
	t := r.talks[vpn]
	before := t.heard()
	r.wait(vpn+"'s traffic to pass both ways", func() (bool, string, error) {
		now := t.heard()
		return now[0] > before[0]+5 && now[1] > before[1]+5, fmt.Sprint("heard ", before, now) + r.explained(vpn), nil
	})
}

// explained is what both PEs say about a link.
func (r *rig) explained(vpn string) string {
	var b strings.Builder
	for _, pe := range r.sides() {
		l, err := pe.Link(r.ctx, vpn)
		fmt.Fprintf(&b, "; %s: %s %v", pe.Name, asJSON(l), err)
	}
	return b.String()
}

// stands sees that nothing of the customer's passes.
func (r *rig) stands(vpn string) {
	r.Helper()
	t := r.talks[vpn]
	r.wait(vpn+"'s traffic to stand", func() (bool, string, error) {
		before := t.heard()
		time.Sleep(300 * time.Millisecond)
		now := t.heard()
		return now == before, fmt.Sprint("heard ", before, now), nil
	})
}

// carriage is how the links are carried.
type carriage struct {
	planes       [2]string
	overIPv6     bool
	overIP       bool // red between the PEs' second addresses
	certificates bool
}

// config is the configuration of a PE.
func (r *rig) config(pe *lab.PE, how carriage) lab.Config {
	c := pe.Protect(pe.Config().Quick(), "red")
	c.DataPlane = how.planes[pe.Number-1]
	peer := c.Peers[pe.Peer.Name]
	peer.IKE.DPD = "3s"
	if how.overIPv6 {
		peer.Address = pe.Peer.Address6.String()
	}
	if how.certificates {
		r.certify(pe, &peer.IKE)
	}
	c.Peers[pe.Peer.Name] = peer
	if how.overIP {
		peer.Encapsulation, peer.Address = "ip", second[pe.Peer.Number-1].String()
		peer.LocalAddress = second[pe.Number-1].String()
		c.Peers["secure"] = peer
		red := c.VPNs["red"]
		red.Links[0].Peer = "secure"
		c.VPNs["red"] = red
		clear := c.Peers[pe.Peer.Name]
		clear.Encapsulation, clear.LocalAddress, clear.IKE = "ip", pe.Address.String(), lab.IKE{}
		c.Peers[pe.Peer.Name] = clear
	}
	return c
}

// certify has the PE prove who it is by a certificate.
func (r *rig) certify(pe *lab.PE, ike *lab.IKE) {
	certificate, key, err := r.ca.Issue(pe.Name + ".example.net")
	r.must(err)
	file := func(name string, text []byte) string {
		path := filepath.Join(r.Dir, pe.Name+"-"+name)
		r.must(os.WriteFile(path, text, 0o600))
		return path
	}
	ike.PSKFile = ""
	ike.CertificateFile, ike.PrivateKeyFile = file("certificate.pem", certificate), file("key.pem", key)
	ike.CAFiles = []string{file("ca.pem", r.ca.PEM)}
	ike.LocalID, ike.RemoteID = pe.Name+".example.net", pe.Peer.Name+".example.net"
}

// start starts both daemons and waits until all links are up.
func (r *rig) start(how carriage) {
	r.Helper()
	for _, pe := range r.sides() {
		r.must(pe.Start(r.ctx, r.config(pe, how)))
	}
	r.waitUp()
}

func (r *rig) waitUp() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	for _, vpn := range r.VPNs {
		for _, pe := range r.sides() {
			r.must(pe.WaitUp(ctx, vpn, time.Time{}))
		}
		r.passes(vpn)
	}
}

// stop ends both daemons.
func (r *rig) stop() {
	r.Helper()
	for _, pe := range r.sides() {
		r.must(pe.Daemon.Stop(r.ctx))
	}
}

// protection is the protection that a PE tells of.
func (r *rig) protection(pe *lab.PE) api.Protection {
	r.Helper()
	all, err := pe.Client().IPsec(r.ctx)
	r.must(err)
	if len(all) != 1 {
		r.Fatalf("%s tells of %d protections, want 1: %s", pe.Name, len(all), asJSON(all))
	}
	return all[0]
}

// vici carries out a command of VICI that takes the name of the connection as that argument.
func (r *rig) vici(pe *lab.PE, command, argument string) {
	r.Helper()
	_, err := r.charons[pe.Number-1].Do(command, map[string]string{argument: "l2tpvl-" + pe.Peer.Name})
	r.must(err)
}

// run runs a program on a PE.
func (r *rig) run(pe *lab.PE, name string, args ...string) string {
	r.Helper()
	out, err := pe.NS.Command(r.ctx, name, args...).CombinedOutput()
	if err != nil {
		r.Fatalf("%s %q on %s: %v: %s", name, args, pe.Name, err, out)
	}
	return string(out)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
