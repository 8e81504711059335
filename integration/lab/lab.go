// Package lab makes a small world of network namespaces in which two provider edge routers serve
// the same customers:
//
//	red-host ─ VR red ─┐                             ┌─ VR red ─ red-host
//	  10.1.1.2         ├─ pe1 ─ provider network ─ pe2 ─┤         10.1.2.2
//	blue-host ─ VR blue ┘ 192.0.2.1        192.0.2.2 └─ VR blue ─ blue-host
//	  10.1.1.2                                                    10.1.2.2
//
// Every line is a veth pair. The VPNs use the same addresses, on purpose. Each PE can run its own
// l2tpvld, as a process inside the PE's namespace. What a lab has made is removed when it is
// closed, and also when the process that made it ends in any other way.
package lab

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// ProviderInterface is the name of each PE's interface on the provider network.
const ProviderInterface = "prov"

// Options say what a lab is made of.
type Options struct {
	// Bin is the directory of l2tpvld and l2tpvl-ctl; see Build.
	Bin string

	// VPNs are the names of the customers. Empty means red and blue.
	VPNs []string

	// CreateVRs makes the namespaces of the virtual routers, joined to their hosts, before any
	// daemon runs. Without it they are the daemon's to make, and Site.Attach joins the host once
	// they are there.
	CreateVRs bool
}

// Lab is one world. Its methods are not for concurrent use unless they say so.
type Lab struct {
	// Prefix begins the name of each of its namespaces. It is different for each lab.
	Prefix string

	// Dir is where configurations, secrets, sockets, logs and captures are. It vanishes with the
	// lab.
	Dir string

	// PE1 and PE2 are the two provider edge routers.
	PE1, PE2 *PE

	// VPNs are the names of the customers, in the order of their VPN-IDs.
	VPNs []string

	bin     string
	pes     []*PE
	sweeper *sweeper
}

// New makes a lab. It needs root.
func New(opts Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a lab needs root, to make network namespaces")
	}
	dir, err := os.MkdirTemp("", "l2tpvl-lab-")
	if err != nil {
		return nil, err
	}
	l := &Lab{Prefix: "lab" + randomHex(2), Dir: dir, VPNs: opts.VPNs, bin: opts.Bin}
	if len(l.VPNs) == 0 {
		l.VPNs = []string{"red", "blue"}
	}
	if l.sweeper, err = startSweeper(l.Prefix, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := l.build(opts.CreateVRs); err != nil {
		return nil, errors.Join(fmt.Errorf("making the lab: %w", err), l.Close())
	}
	return l, nil
}

// build lays the namespaces and the wires between them.
func (l *Lab) build(createVRs bool) error {
	for _, file := range []string{l.SecretFile(), l.PSKFile()} {
		if err := os.WriteFile(file, []byte(randomHex(16)+"\n"), 0o600); err != nil {
			return err
		}
	}
	l.PE1 = l.newPE(1)
	l.PE2 = l.newPE(2)
	l.PE1.Peer, l.PE2.Peer = l.PE2, l.PE1
	l.pes = []*PE{l.PE1, l.PE2}
	for _, pe := range l.PEs() {
		if err := pe.NS.Add(); err != nil {
			return err
		}
	}
	// One segment at most, so that a capture shows the packets of a wire and not the larger ones
	// that a veth may carry.
	if err := l.PE1.NS.IP(fmt.Sprintf("link add %s gso_max_segs 1 type veth peer name %[1]s netns %s gso_max_segs 1",
		ProviderInterface, l.PE2.NS)); err != nil {
		return err
	}
	for _, pe := range l.PEs() {
		if err := pe.NS.IP("link set "+ProviderInterface+" up", pe.addressCommand("add"),
			fmt.Sprintf("addr add %s/64 dev %s nodad", pe.Address6, ProviderInterface)); err != nil {
			return err
		}
		if err := l.buildSites(pe, createVRs); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) buildSites(pe *PE, createVRs bool) error {
	for _, vpn := range l.VPNs {
		site := pe.Sites[vpn]
		if err := site.Host.Add(); err != nil {
			return err
		}
		if !createVRs {
			continue
		}
		if err := site.CreateVR(); err != nil {
			return err
		}
	}
	return nil
}

// AddPE adds a PE with sites of all customers and their virtual routers, on a wire of its own to
// PE1, which is its peer. PE1's configuration has no links to it: see PE.AddLinks.
func (l *Lab) AddPE() (*PE, error) {
	pe := l.newPE(len(l.pes) + 1)
	pe.Peer = l.PE1
	wire := fmt.Sprintf("to-%s", pe.Name)
	if err := pe.NS.Add(); err != nil {
		return nil, err
	}
	if err := l.PE1.NS.IP(
		fmt.Sprintf("link add %s type veth peer name %s netns %s", wire, ProviderInterface, pe.NS),
		fmt.Sprintf("link set %s up", wire),
		fmt.Sprintf("route add %s dev %s", pe.Address, wire),
	); err != nil {
		return nil, err
	}
	if err := pe.NS.IP("link set "+ProviderInterface+" up", pe.addressCommand("add")); err != nil {
		return nil, err
	}
	l.pes = append(l.pes, pe)
	return pe, l.buildSites(pe, true)
}

func (l *Lab) newPE(number int) *PE {
	name := fmt.Sprintf("pe%d", number)
	pe := &PE{
		Name:     name,
		Number:   number,
		Address:  netip.AddrFrom4([4]byte{192, 0, 2, byte(number)}),
		Address6: netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(number)}),
		NS:       Namespace(l.Prefix + "-" + name),
		Sites:    map[string]*Site{},
		lab:      l,
	}
	for _, vpn := range l.VPNs {
		pe.Sites[vpn] = &Site{
			VPN:     vpn,
			VR:      pe.NS + Namespace("-"+vpn),
			Host:    pe.NS + Namespace("-"+vpn+"-host"),
			Subnet:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(number), 0}), 24),
			Router:  netip.AddrFrom4([4]byte{10, 1, byte(number), 1}),
			Address: netip.AddrFrom4([4]byte{10, 1, byte(number), 2}),
		}
	}
	return pe
}

// PEs are PE1, PE2, and those that were added.
func (l *Lab) PEs() []*PE { return l.pes }

// SecretFile is the path of the file with the secret that the PEs share.
func (l *Lab) SecretFile() string { return l.path("secret") }

// PSKFile is the path of the file with the pre-shared key that the PEs share for IKE.
func (l *Lab) PSKFile() string { return l.path("psk") }

// path is the path of a file of the lab.
func (l *Lab) path(name string) string { return filepath.Join(l.Dir, name) }

// Close removes everything, daemons included. They are killed: stop them before if they are to say
// good-bye.
func (l *Lab) Close() error { return l.sweeper.sweep() }

// Remains are the namespaces of the lab that are there, by name: those of the daemons too.
func (l *Lab) Namespaces() ([]string, error) {
	paths, err := filepath.Glob(Namespace(l.Prefix + "-*").Path())
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths, err
}

func randomHex(octets int) string {
	b := make([]byte, octets)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
