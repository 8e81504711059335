package config

// The routing tables of the host itself, in a row: default, main, local.
const firstDefaultTable, lastDefaultTable = 253, 255

// vrfs say which table each VRF has, and which VRF each table.
type vrfs struct {
	tables map[string]int
	names  map[int]string
}

// check reports what names no virtual router. VRFs that it has seen are added to seen.
func (v *VR) check(r *report, at string, seen vrfs) {
	netns, vrf, table := join(at, "netns"), join(at, "vrf"), join(at, "table")
	switch {
	case r.told(at), r.told(netns), r.told(vrf), r.told(table):
	case v.NetNS != "" && v.VRF != "":
		r.add(vrf, "contradicts netns; want one of them")
	case v.NetNS == "" && v.VRF == "":
		r.add(at, "names no virtual router; want netns, or vrf and table")
	case v.NetNS != "" && v.Table != 0:
		r.add(table, "belongs to a VRF; want vrf in place of netns, or no table")
	case v.NetNS != "":
		if !properName.MatchString(v.NetNS) {
			r.add(netns, "%q is no name of a network namespace; want %s", v.NetNS, properNames)
		}
	case v.Table == 0:
		r.add(table, "is missing; want the number of the VRF's routing table")
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
		r.add(table, "%d is a table of the host itself; want one for the VRF alone", v.Table)
	case known && other != v.Table:
		r.add(table, "%d differs from %d, which VRF %s has in another VPN; want one table", v.Table, other, v.VRF)
	case taken && name != v.VRF:
		r.add(table, "%d is also the table of VRF %s; want one for each VRF", v.Table, name)
	default:
		seen.tables[v.VRF], seen.names[v.Table] = v.Table, v.VRF
	}
}

// isSet reports whether the operator has named a virtual router.
func (v *VR) isSet() bool { return v.NetNS != "" || v.VRF != "" }

// String is the virtual router for people: "netns red", "vrf red".
func (v *VR) String() string {
	if v.VRF != "" {
		return "vrf " + v.VRF
	}
	return "netns " + v.NetNS
}

// hostDevices is where the interfaces of the host have their names, for people.
const hostDevices = "the daemon's own namespace"

// devices is where the interfaces of the virtual router have their names, for people: those of VRFs
// are all in one place.
func (v *VR) devices() string {
	if v.VRF != "" {
		return hostDevices
	}
	return v.String()
}

// checkInterfaces reports names and addresses that no interface towards a customer can have.
func (v *VPN) checkInterfaces(r *report) {
	for i, c := range v.Interfaces {
		at := v.interfaceKey(i)
		checkInterfaceName(r, join(at, "name"), c.Name)
		seen := map[InterfaceAddress]bool{}
		for j, a := range c.Addresses {
			if seen[a] && a.Prefix.IsValid() {
				r.add(element(join(at, "addresses"), j), "%q is there twice; want it once", a.Prefix)
			}
			seen[a] = true
		}
	}
}

// interfaceKey is the path of interface i towards the customer.
func (v *VPN) interfaceKey(i int) string { return element(join("vpns", v.Name, "interfaces"), i) }

// claimInterfaces reports an interface of the host that two virtual routers want.
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

// InterfacesOf are those towards customers of a virtual router, which several VPNs may have in
// common.
func (c *Config) InterfacesOf(vr VR) []CustomerInterface {
	var all []CustomerInterface
	for _, v := range c.VPNs {
		if v.VR == vr {
			all = append(all, v.Interfaces...)
		}
	}
	return all
}
