// Package lab creates a network of network namespaces in which two provider edge routers serve the
// same customers:
//
//	red-host ─ VR red ─┐                             ┌─ VR red ─ red-host
//	  10.1.1.2         ├─ pe1 ─ provider network ─ pe2 ─┤         10.1.2.2
//	blue-host ─ VR blue ┘ 192.0.2.1        192.0.2.2 └─ VR blue ─ blue-host
//	  10.1.1.2                                                    10.1.2.2
//
// Every line is a veth pair. The VPNs use the same addresses, to test their isolation. Each PE can
// run an l2tpvld, as a process in its namespace. A lab is removed when it is closed, and also when
// the process that created it ends in any other way.
//
// Most methods of a Lab, its PEs and their Sites run commands such as ip(8), and require root. Wait
// waits for a condition.
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

// Options configure a lab.
type Options struct {
	// Bin is the directory of l2tpvld and l2tpvl-ctl; see Build.
	Bin string

	// VPNs has the names of the VPNs, one for each customer. Empty: red and blue.
	VPNs []string

	// CreateVRs creates the namespaces of the virtual routers and connects them to their hosts,
	// before any daemon runs. Without it the daemon creates the namespaces, and Site.Attach
	// connects the host afterwards.
	CreateVRs bool
}

// Lab is a network of namespaces. Its methods are not safe for concurrent use unless documented
// otherwise.
type Lab struct {
	// Prefix is the start of the names of its namespaces. It is different for each lab.
	Prefix string

	// Dir has configurations, secrets, sockets, logs and captures. It is removed with the lab.
	Dir string

	// PE1 and PE2 are the two provider edge routers.
	PE1, PE2 *PE

	// VPNs has the names of the VPNs, in the order of their VPN-IDs.
	VPNs []string

	bin     string
	pes     []*PE
	sweeper *sweeper
}

// New creates a lab. It requires root.
func New(opts Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a lab requires root, to create network namespaces")
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
		return nil, errors.Join(fmt.Errorf("creating the lab: %w", err), l.Close())
	}
	return l, nil
}

// build creates the namespaces and the veth pairs between them.
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
	// At most one segment, so that a capture shows packets as on a real wire, and not the larger
	// ones that a veth pair may carry.
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

// buildSites creates the hosts behind a PE and, with createVRs, the virtual routers.
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

// AddPE adds a PE with a site and a virtual router of each VPN, connected by a separate veth pair
// to PE1, which is its peer. PE.AddLinks adds the links to PE1's configuration.
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

// PEs returns PE1, PE2 and the PEs that were added.
func (l *Lab) PEs() []*PE { return l.pes }

// SecretFile returns the path of the file with the secret that the PEs share.
func (l *Lab) SecretFile() string { return l.path("secret") }

// PSKFile returns the path of the file with the pre-shared key of the PEs for IKE.
func (l *Lab) PSKFile() string { return l.path("psk") }

// path returns the path of a file of the lab.
func (l *Lab) path(name string) string { return filepath.Join(l.Dir, name) }

// Close removes the lab and kills its daemons. For a clean shutdown stop them before.
func (l *Lab) Close() error { return l.sweeper.sweep() }

// Namespaces returns the names of the existing namespaces of the lab, including those that daemons
// created.
func (l *Lab) Namespaces() ([]string, error) {
	paths, err := filepath.Glob(Namespace(l.Prefix + "-*").Path())
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths, err
}

func randomHex(octets int) string {
	b := make([]byte, octets)
	rand.Read(b) // never returns an error
	return hex.EncodeToString(b)
}
