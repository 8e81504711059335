package config

// The reserved routing tables of the host: 253 default, 254 main, 255 local.
const firstDefaultTable, lastDefaultTable = 253, 255

// vrfs has the routing table of each VRF, and the VRF of each routing table.
type vrfs struct {
	tables map[string]int
	names  map[int]string
}

// check reports problems of a virtual router. It adds its VRF to seen.
func (v *VR) check(r *report, at string, seen vrfs) {
	netns, vrf, table := join(at, "netns"), join(at, "vrf"), join(at, "table")
	switch {
	case r.reported(at), r.reported(netns), r.reported(vrf), r.reported(table):
	case v.NetNS != "" && v.VRF != "":
		r.add(vrf, "conflicts with netns; use only one of them")
	case v.NetNS == "" && v.VRF == "":
		r.add(at, "no virtual router; set netns, or vrf and table")
	case v.NetNS != "" && v.Table != 0:
		r.add(table, "only valid with vrf; use vrf instead of netns, or remove table")
	case v.NetNS != "":
		if !properName.MatchString(v.NetNS) {
			r.add(netns, "invalid network namespace %q; expected %s", v.NetNS, properNames)
		}
	case v.Table == 0:
		r.add(table, "missing; expected the number of the VRF's routing table")
	default:
		checkInterfaceName(r, vrf, v.VRF)
		v.checkTable(r, table, seen)
	}
}

func (v *VR) checkTable(r *report, table string, seen vrfs) {
	other, known := seen.tables[v.VRF]
	name, taken := seen.names[v.Table]
	switch {
	case v.Table >= firstDefaultTable && v.Table <= lastDefaultTable:
		r.add(table, "%d is a reserved table of the host; use one for the VRF alone", v.Table)
	case known && other != v.Table:
		r.add(table, "%d differs from %d, the table of VRF %s in another VPN; use the same table", v.Table, other, v.VRF)
	case taken && name != v.VRF:
		r.add(table, "%d is also the table of VRF %s; each VRF needs its own", v.Table, name)
	default:
		seen.tables[v.VRF], seen.names[v.Table] = v.Table, v.VRF
	}
}

// isSet reports whether a virtual router is configured.
func (v *VR) isSet() bool { return v.NetNS != "" || v.VRF != "" }

// String returns the virtual router as text for people: "netns red", "vrf red".
func (v *VR) String() string {
	if v.VRF != "" {
		return "vrf " + v.VRF
	}
	return "netns " + v.NetNS
}

// hostDevices is the text for people that names the host's own network namespace.
const hostDevices = "the daemon's own namespace"

// devices returns the scope in which the interface names of the virtual router are unique, as text
// for people. All VRFs share the host's namespace.
func (v *VR) devices() string {
	if v.VRF != "" {
		return hostDevices
	}
	return v.String()
}

// checkInterfaces reports invalid names and addresses of customer interfaces.
func (v *VPN) checkInterfaces(r *report) {
	for i, c := range v.Interfaces {
		at := v.interfaceKey(i)
		checkInterfaceName(r, join(at, "name"), c.Name)
		seen := map[InterfaceAddress]bool{}
		for j, a := range c.Addresses {
			if seen[a] && a.Prefix.IsValid() {
				r.add(element(join(at, "addresses"), j), "duplicate address %q; expected it once", a.Prefix)
			}
			seen[a] = true
		}
	}
}

// interfaceKey returns the path of customer interface i.
func (v *VPN) interfaceKey(i int) string { return element(join("vpns", v.Name, "interfaces"), i) }

// claimInterfaces reports interfaces of the host that two virtual routers claim.
func (v *VPN) claimInterfaces(r *report, used uses) {
	if !v.VR.isSet() {
		return
	}
	for i, c := range v.Interfaces {
		if c.Name == "" {
			continue
		}
		key := join(v.interfaceKey(i), "name")
		used.claim(r, key, hostDevices, c.Name)
		if v.VR.devices() != hostDevices {
			used.claim(r, key, v.VR.devices(), c.Name)
		}
	}
}

// InterfacesOf returns the customer interfaces of a virtual router, which several VPNs may share.
func (c *Config) InterfacesOf(vr VR) []CustomerInterface {
	var all []CustomerInterface
	for _, v := range c.VPNs {
		if v.VR == vr {
			all = append(all, v.Interfaces...)
		}
	}
	return all
}
