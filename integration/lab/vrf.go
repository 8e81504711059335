package lab

import (
	"fmt"
	"os"
)

// UseVRFs has a configuration's VPNs be in VRFs of the PE's namespace, by their names, rather than
// in namespaces.
func (l *Lab) UseVRFs(c Config) {
	for i, name := range l.VPNs {
		vpn := c.VPNs[name]
		vpn.VR = VR{VRF: name, Table: 1001 + i}
		c.VPNs[name] = vpn
	}
}

// Forward has the PE's namespace forward IPv4 packets: where VRFs are, that is the host's to say.
func (pe *PE) Forward() error {
	return pe.NS.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}

// CustomerInterface is the name of a PE's interface to a host whose VPN is in a VRF.
func CustomerInterface(vpn string) string { return "cust-" + vpn }

// AttachVRF joins a VPN's host to its VRF, which must be there: interface "eth0" of the host,
// CustomerInterface of the PE.
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
