package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
)

// PE is a provider edge router: a namespace on the provider network, with a site of each customer.
type PE struct {
	// Name is "pe1", "pe2" and so on; Number is the number in it.
	Name   string
	Number int

	// Address is the PE's IPv4 address on the provider network, a /24. Address6 is its IPv6
	// address, in a /64.
	Address, Address6 netip.Addr

	// NS is the namespace of the daemon.
	NS Namespace

	// Peer is the other PE; for PEs added by Lab.AddPE it is PE1.
	Peer *PE

	// Sites has the customer sites of this PE, by the name of their VPN.
	Sites map[string]*Site

	// Daemon is the last run of the PE's l2tpvld; nil before the first.
	Daemon *Daemon

	lab *Lab
}

// Site is one customer's site behind one PE: a virtual router and a host.
type Site struct {
	VPN string

	// VR is the namespace of the virtual router, Host that of the customer's host.
	VR, Host Namespace

	// Subnet is the network of the site, 10.1.1.0/24 at PE1 and 10.1.2.0/24 at PE2. Router and
	// Address are the addresses of virtual router and host in it.
	Subnet          netip.Prefix
	Router, Address netip.Addr
}

// CreateVR creates the namespace of the virtual router, with IPv4 forwarding, and attaches the
// host.
func (s *Site) CreateVR() error {
	if err := s.VR.Add(); err != nil {
		return err
	}
	if err := s.VR.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }); err != nil {
		return err
	}
	return s.Attach()
}

// Attach connects the host to the virtual router, which must exist, by a veth pair: interface
// "eth0" of the host and "cust" of the virtual router.
func (s *Site) Attach() error {
	if err := s.Host.IP(fmt.Sprintf("link add eth0 type veth peer name cust netns %s", s.VR)); err != nil {
		return err
	}
	if err := s.VR.IP(
		"link set cust up",
		fmt.Sprintf("addr add %s/%d dev cust", s.Router, s.Subnet.Bits()),
	); err != nil {
		return err
	}
	return s.configureHost()
}

// configureHost configures the host's interface to its virtual router.
func (s *Site) configureHost() error {
	return s.Host.IP(
		"link set eth0 up",
		fmt.Sprintf("addr add %s/%d dev eth0", s.Address, s.Subnet.Bits()),
		fmt.Sprintf("route add default via %s", s.Router),
	)
}

// RemoveAddress removes the PE's IPv4 address on the provider network, and so the route to the
// peer.
func (pe *PE) RemoveAddress() error { return pe.NS.IP(pe.addressCommand("del")) }

// AddAddress adds the PE's IPv4 address on the provider network.
func (pe *PE) AddAddress() error { return pe.NS.IP(pe.addressCommand("add")) }

func (pe *PE) addressCommand(verb string) string {
	return fmt.Sprintf("addr %s %s/24 dev %s", verb, pe.Address, ProviderInterface)
}

// CutProvider makes the provider network drop every packet silently, like a failure in the middle
// of the path.
func (l *Lab) CutProvider() error {
	for _, pe := range l.PEs() {
		// Only received packets: the sender of a dropped outgoing packet would get an error.
		rules := fmt.Sprintf("add table netdev cut; add chain netdev cut ingress "+
			"{ type filter hook ingress device %s priority 0; policy drop; }", ProviderInterface)
		if err := run(pe.NS.Command(context.Background(), "nft", rules)); err != nil {
			return err
		}
	}
	return nil
}

// RestoreProvider reverts CutProvider.
func (l *Lab) RestoreProvider() error {
	for _, pe := range l.PEs() {
		if err := run(pe.NS.Command(context.Background(), "nft", "delete table netdev cut")); err != nil {
			return err
		}
	}
	return nil
}
