package ipsec

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// The texts that customers send. A capture must show that of blue, and never that of red.
const (
	redText  = "the text of red, which must be encrypted"
	blueText = "the text of blue, which may be read"
)

// second are second addresses of the PEs, for protected links over IP.
var second = [2]netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.12")}

// rig is a lab with a charon on PE1 and PE2, and traffic between the hosts of each customer that
// never stops. Red requires IPsec, blue does not.
type rig struct {
	*labtest.Rig
	ca      *lab.CA
	traffic map[string]labtest.Traffic // by VPN
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Rig: labtest.New(t, labtest.Options{
		Options:     lab.Options{Bin: vm.Programs(), CreateVRs: true},
		TestTimeout: 15 * time.Minute, WaitTimeout: 2 * time.Minute, LogLines: 60,
	})}
	r.WatchLeaks(
		lab.ProtectedFlow{A: r.PE1.Address, B: r.PE2.Address, Ports: []uint16{1701}},
		lab.ProtectedFlow{A: r.PE1.Address6, B: r.PE2.Address6, Ports: []uint16{1701}},
		lab.ProtectedFlow{A: second[0], B: second[1]})
	var err error
	r.ca, err = lab.NewCA("the provider's")
	r.Must(err)
	for i, pe := range r.Pair() {
		r.Must(pe.NS.IP(fmt.Sprintf("addr add %s/24 dev %s", second[i], lab.ProviderInterface)))
	}
	r.StartCharons()
	r.traffic = map[string]labtest.Traffic{"red": r.startTraffic("red", redText), "blue": r.startTraffic("blue", blueText)}
	t.Cleanup(func() {
		for _, traffic := range r.traffic {
			for _, end := range traffic {
				end.Stop()
			}
		}
	})
	return r
}

// startTraffic makes a customer's hosts send a text to each other.
func (r *rig) startTraffic(vpn, text string) (traffic labtest.Traffic) {
	r.Helper()
	for i, pe := range r.Pair() {
		from, to := pe.Sites[vpn], pe.Peer.Sites[vpn]
		traffic[i] = &labtest.End{Text: text, Want: text, Interval: 10 * time.Millisecond}
		r.Must(from.Host.Do(func() error {
			conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from.Address, 7)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Address, 7)))
			if err == nil {
				traffic[i].Start(conn)
			}
			return err
		}))
	}
	return traffic
}

// waitTraffic waits until the customer's traffic passes both ways.
func (r *rig) waitTraffic(vpn string) {
	r.Helper()
	r.WaitTraffic(vpn+"'s traffic", r.traffic[vpn], 5, func() string {
		var b strings.Builder
		for _, pe := range r.Pair() {
			l, err := pe.Link(r.Ctx, vpn)
			fmt.Fprintf(&b, "; %s: %s %v", pe.Name, labtest.AsJSON(l), err)
		}
		return b.String()
	})
}

// waitNoTraffic waits until none of the customer's traffic passes.
func (r *rig) waitNoTraffic(vpn string) {
	r.Helper()
	r.WaitNoTraffic(vpn+"'s traffic", r.traffic[vpn], 300*time.Millisecond)
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

// certify makes the PE authenticate itself by a certificate.
func (r *rig) certify(pe *lab.PE, ike *lab.IKE) {
	certificate, key, err := r.ca.Issue(pe.Name + ".example.net")
	r.Must(err)
	file := func(name string, text []byte) string {
		path := filepath.Join(r.Dir, pe.Name+"-"+name)
		r.Must(os.WriteFile(path, text, 0o600))
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
	for _, pe := range r.Pair() {
		r.Must(pe.Start(r.Ctx, r.config(pe, how)))
	}
	r.waitUp()
}

// waitUp waits until all links are up and carry traffic.
func (r *rig) waitUp() {
	r.Helper()
	for _, vpn := range r.VPNs {
		r.WaitUp(time.Time{}, vpn)
		r.waitTraffic(vpn)
	}
}

// stop ends both daemons.
func (r *rig) stop() {
	r.Helper()
	for _, pe := range r.Pair() {
		r.Must(pe.Daemon.Stop(r.Ctx))
	}
}

// protection is the IPsec protection that a PE reports.
func (r *rig) protection(pe *lab.PE) api.Protection {
	r.Helper()
	all, err := pe.Client().IPsec(r.Ctx)
	r.Must(err)
	if len(all) != 1 {
		r.Fatalf("%s reports %d protections, want 1: %s", pe.Name, len(all), labtest.AsJSON(all))
	}
	return all[0]
}

// vici sends a VICI command to a PE's charon, with the name of the peer's connection as that
// argument.
func (r *rig) vici(pe *lab.PE, command, argument string) {
	r.Helper()
	_, err := r.Charons[pe.Number-1].Do(command, map[string]string{argument: "l2tpvl-" + pe.Peer.Name})
	r.Must(err)
}
