package lab

import (
	"fmt"
	"os"
)

// UseVRFs changes a configuration so that the VPNs use VRFs of the PE's namespace, with the names
// of the VPNs, instead of namespaces.
func (l *Lab) UseVRFs(c Config) {
	for i, name := range l.VPNs {
		vpn := c.VPNs[name]
		vpn.VR = VR{VRF: name, Table: 1001 + i}
		c.VPNs[name] = vpn
	}
}

// Forward enables forwarding of IPv4 packets in the PE's namespace. The daemon does not do that for
// VRFs.
func (pe *PE) Forward() error {
	return pe.NS.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}

// CustomerInterface returns the name of a PE's interface to the host of a VPN in a VRF.
func CustomerInterface(vpn string) string { return "cust-" + vpn }

// AttachVRF connects the host of a VPN to its VRF, which must exist, by a veth pair: interface
// "eth0" of the host and CustomerInterface of the PE.
func (pe *PE) AttachVRF(vpn string) error {
	s, cust := pe.Sites[vpn], CustomerInterface(vpn)
	if err := s.Host.IP(fmt.Sprintf("link add eth0 type veth peer name %s netns %s", cust, pe.NS)); err != nil {
		return err
	}
	if err := pe.NS.IP(
		fmt.Sprintf("link set %s master %s up", cust, vpn),
		fmt.Sprintf("addr add %s/%d dev %s", s.Router, s.Subnet.Bits(), cust),
	); err != nil {
		return err
	}
	return s.configureHost()
}
