// Package plan computes the steps from a running configuration to another one: which control
// connections, links and virtual routers are added, removed, restarted or changed in place. Make
// returns them as a Plan. The package carries nothing out; package daemon does.
package plan

import (
	"reflect"
	"slices"

	"github.com/l2tpvl/l2tpvl/config"
)

// Plan has all differences between two configurations, ordered by name.
type Plan struct {
	// Restart has the changes that require a restart of the daemon. If it is not empty, a running
	// daemon cannot carry out the plan.
	Restart []config.Change

	Daemon      []config.Change // changes of the daemon itself, in place
	Connections []Connection
	Links       []Link
	Routers     []Router
}

// Action is what happens to a control connection, a link or a virtual router.
type Action string

// The actions.
const (
	Add     Action = "add"
	Remove  Action = "remove"
	Restart Action = "restart" // it goes down and comes up again
	Change  Action = "change"  // it is changed in place and stays up
)

// Connection is a change of the control connection to a peer for links of one class.
type Connection struct {
	Peer    string
	Class   config.IPsec
	Action  Action
	Changes []config.Change // of the peer; empty for Add and Remove
}

// Link is a change of the link of a VPN to a peer.
type Link struct {
	VPN, Peer string
	Action    Action

	// From and To are the classes before and after, and thereby its control connections. From is
	// empty for Add, To for Remove.
	From, To config.IPsec

	Changes []config.Change // of the VPN and of the link; empty for Add and Remove
	Of      []config.Change // of the peer: they restart the connection, and the link with it
}

// Router is a change of a virtual router: only one of the configurations has it, or its customer
// interfaces differ.
type Router struct {
	VR     config.VR
	Action Action // Add, Remove or Change
}

// Empty reports whether the configurations do not differ.
func (p *Plan) Empty() bool {
	return len(p.Restart)+len(p.Daemon)+len(p.Connections)+len(p.Links)+len(p.Routers) == 0
}

// Make returns the plan that leads from one configuration to another.
func Make(from, to *config.Config) *Plan {
	p := &Plan{Connections: connections(from, to), Routers: routers(from, to)}
	for _, c := range from.Changes(to) {
		if c.Impact == config.ImpactDaemon {
			p.Restart = append(p.Restart, c)
		} else {
			p.Daemon = append(p.Daemon, c)
		}
	}
	p.Links = links(from, to, p.Connections)
	return p
}

// connections compares the peers, and the classes of the links to them.
func connections(from, to *config.Config) []Connection {
	was, is := peers(from), peers(to)
	var found []Connection
	for _, name := range names(was, is) {
		before, after := was[name], is[name]
		for _, class := range []config.IPsec{config.IPsecNone, config.IPsecRequired} {
			had := before != nil && slices.Contains(from.Classes(name), class)
			has := after != nil && slices.Contains(to.Classes(name), class)
			c := Connection{Peer: name, Class: class}
			switch {
			case !had && !has:
				continue
			case !had:
				c.Action = Add
			case !has:
				c.Action = Remove
			default:
				c.Changes = concerning(class, before.Changes(after))
				if len(c.Changes) == 0 {
					continue
				}
				c.Action = strongest(c.Changes)
			}
			found = append(found, c)
		}
	}
	return found
}

// concerning returns the changes of a peer that affect its connection of a class.
func concerning(class config.IPsec, changes []config.Change) []config.Change {
	return slices.DeleteFunc(changes, func(c config.Change) bool { return !c.Impact.Concerns(class) })
}

// strongest returns the action that a set of changes requires.
func strongest(changes []config.Change) Action {
	if slices.ContainsFunc(changes, func(c config.Change) bool { return c.Impact != config.ImpactNone }) {
		return Restart
	}
	return Change
}

// end is the local end of a link, with its VPN.
type end struct {
	vpn  *config.VPN
	link *config.Link
}

// name identifies a link.
type name struct{ vpn, peer string }

// links compares the links. The links of a restarted connection restart too.
func links(from, to *config.Config, connections []Connection) []Link {
	was, is := ends(from), ends(to)
	var found []Link
	for _, n := range append(order(from), order(to)...) {
		before, had := was[n]
		after, has := is[n]
		delete(was, n) // each link once
		delete(is, n)
		l := Link{VPN: n.vpn, Peer: n.peer}
		switch {
		case !had && !has:
			continue
		case !had:
			l.Action, l.To = Add, after.link.Class()
		case !has:
			l.Action, l.From = Remove, before.link.Class()
		default:
			l.From, l.To = before.link.Class(), after.link.Class()
			l.Changes = append(before.vpn.Changes(after.vpn), before.link.Changes(after.link)...)
			l.Of = restarting(connections, n.peer, l.To)
			switch {
			case len(l.Of) > 0:
				l.Action = Restart
			case len(l.Changes) == 0:
				continue
			default:
				l.Action = strongest(l.Changes)
			}
		}
		found = append(found, l)
	}
	slices.SortStableFunc(found, func(a, b Link) int {
		return slices.Compare([]string{a.VPN, a.Peer}, []string{b.VPN, b.Peer})
	})
	return found
}

// restarting returns the changes that restart the connection to a peer, or nil.
func restarting(connections []Connection, peer string, class config.IPsec) []config.Change {
	for _, c := range connections {
		if c.Peer == peer && c.Class == class && c.Action == Restart {
			return slices.DeleteFunc(slices.Clone(c.Changes), func(c config.Change) bool { return c.Impact == config.ImpactNone })
		}
	}
	return nil
}

func ends(c *config.Config) map[name]end {
	ends := make(map[name]end)
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			ends[name{v.Name, v.Links[j].Peer}] = end{v, &v.Links[j]}
		}
	}
	return ends
}

// order returns the names of all links, in the order of the configuration.
func order(c *config.Config) []name {
	var names []name
	for _, v := range c.VPNs {
		for _, l := range v.Links {
			names = append(names, name{v.Name, l.Peer})
		}
	}
	return names
}

// routers compares the virtual routers, which several VPNs may share.
func routers(from, to *config.Config) []Router {
	var found []Router
	only := func(in, not *config.Config, action Action) {
		for _, v := range in.VPNs {
			has := func(other config.VPN) bool { return other.VR == v.VR }
			r := Router{v.VR, action}
			if !slices.ContainsFunc(not.VPNs, has) && !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	only(from, to, Remove)
	only(to, from, Add)
	for _, v := range to.VPNs {
		r := Router{v.VR, Change}
		known := slices.ContainsFunc(from.VPNs, func(other config.VPN) bool { return other.VR == v.VR })
		if known && !slices.Contains(found, r) && !reflect.DeepEqual(from.InterfacesOf(v.VR), to.InterfacesOf(v.VR)) {
			found = append(found, r)
		}
	}
	return found
}

func peers(c *config.Config) map[string]*config.Peer {
	peers := make(map[string]*config.Peer)
	for i := range c.Peers {
		peers[c.Peers[i].Name] = &c.Peers[i]
	}
	return peers
}

// names returns the keys of both maps, sorted and without duplicates.
func names(a, b map[string]*config.Peer) []string {
	var names []string
	for _, m := range []map[string]*config.Peer{a, b} {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
