package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
)

// PE is a provider edge router: a namespace on the provider network, with a site of each customer
// behind it.
type PE struct {
	// Name is "pe1" or "pe2", and Number the digit in it.
	Name   string
	Number int

	// Address is the PE's own on the provider network, a /24, and Address6 that of IPv6, a /64.
	Address, Address6 netip.Addr

	// NS is where the daemon runs.
	NS Namespace

	// Peer is the other PE.
	Peer *PE

	// Sites are the customers behind this PE, by the name of their VPN.
	Sites map[string]*Site

	// Daemon is the PE's l2tpvld once it was started; nil before.
	Daemon *Daemon

	lab *Lab
}

// Site is one customer's site behind one PE: a virtual router and a host.
type Site struct {
	VPN string

	// VR is the namespace of the virtual router, Host that of the customer's host.
	VR, Host Namespace

	// Subnet is the customer's network here, 10.1.1.0/24 or 10.1.2.0/24, with Router and Address
	// the two ends in it.
	Subnet          netip.Prefix
	Router, Address netip.Addr
}

// CreateVR makes the namespace of the virtual router, forwarding, and joins the host to it.
func (s *Site) CreateVR() error {
	if err := s.VR.Add(); err != nil {
		return err
	}
	if err := s.VR.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }); err != nil {
		return err
	}
	return s.Attach()
}

// Attach joins the host to the virtual router, which must be there: interface "eth0" of the host,
// "cust" of the VR.
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

// configureHost sets up the host's end of the wire to its virtual router.
func (s *Site) configureHost() error {
	return s.Host.IP(
		"link set eth0 up",
		fmt.Sprintf("addr add %s/%d dev eth0", s.Address, s.Subnet.Bits()),
		fmt.Sprintf("route add default via %s", s.Router),
	)
}

// RemoveAddress takes the PE's address on the provider network away, and with it the route to the
// peer.
func (pe *PE) RemoveAddress() error { return pe.NS.IP(pe.addressCommand("del")) }

// AddAddress gives the PE its address on the provider network.
func (pe *PE) AddAddress() error { return pe.NS.IP(pe.addressCommand("add")) }

func (pe *PE) addressCommand(verb string) string {
	return fmt.Sprintf("addr %s %s/24 dev %s", verb, pe.Address, ProviderInterface)
}

// CutProvider makes the provider network lose every packet, silently, as a path does that is broken
// in its middle.
func (l *Lab) CutProvider() error {
	for _, pe := range l.PEs() {
		// Incoming packets alone: an outgoing one that is dropped here would be an error to its
		// sender.
		rules := fmt.Sprintf("add table netdev cut; add chain netdev cut ingress "+
			"{ type filter hook ingress device %s priority 0; policy drop; }", ProviderInterface)
		if err := run(pe.NS.Command(context.Background(), "nft", rules)); err != nil {
			return err
		}
	}
	return nil
}

// RestoreProvider mends what CutProvider cut.
func (l *Lab) RestoreProvider() error {
	for _, pe := range l.PEs() {
		if err := run(pe.NS.Command(context.Background(), "nft", "delete table netdev cut")); err != nil {
			return err
		}
	}
	return nil
}
