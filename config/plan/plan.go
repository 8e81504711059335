// Package plan says what it takes to get from one configuration to another while links are up:
// which of them come, go, flap or stay. It does nothing of it.
package plan

import (
	"reflect"
	"slices"

	"github.com/l2tpvl/l2tpvl/config"
)

// Plan is all that differs between two configurations, in the order of names.
type Plan struct {
	// Restart are the keys that a daemon takes at its start alone. With any of these the plan
	// cannot be carried out.
	Restart []config.Change

	Daemon      []config.Change // of the daemon itself, in place
	Connections []Connection
	Links       []Link
	Routers     []Router
}

// Action is what becomes of a thing.
type Action string

// The actions.
const (
	Add     Action = "add"
	Remove  Action = "remove"
	Restart Action = "restart" // it goes down and comes up anew
	Change  Action = "change"  // in place: it stays up
)

// Connection is the control connection to a peer for links of one class.
type Connection struct {
	Peer    string
	Class   config.IPsec
	Action  Action
	Changes []config.Change // of the peer; empty for Add and Remove
}

// Link is a VPN towards a peer.
type Link struct {
	VPN, Peer string
	From, To  config.IPsec // its class, and so its connection: before, unless it is added, and after, unless it is removed
	Action    Action

	Changes []config.Change // of the VPN and of the link; empty for Add and Remove
	Of      []config.Change // of the peer, which restart the connection and so the link
}

// Router is a virtual router that one of the configurations has alone, or that has other interfaces
// towards customers.
type Router struct {
	VR     config.VR
	Action Action // Add, Remove or Change
}

// Empty reports whether nothing is to be done.
func (p *Plan) Empty() bool {
	return len(p.Restart)+len(p.Daemon)+len(p.Connections)+len(p.Links)+len(p.Routers) == 0
}

// Make compares two configurations.
func Make(from, to *config.Config) *Plan {
	p := &Plan{Connections: connections(from, to), Routers: routers(from, to)}
	for _, c := range from.Changes(to) {
		if c.Live == config.LiveDaemon {
			p.Restart = append(p.Restart, c)
		} else {
			p.Daemon = append(p.Daemon, c)
		}
	}
	p.Links = links(from, to, p.Connections)
	return p
}

// connections compares the peers, and the classes that links to them have.
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

// concerning are the changes of a peer that concern its connection of a class.
func concerning(class config.IPsec, changes []config.Change) []config.Change {
	return slices.DeleteFunc(changes, func(c config.Change) bool { return !c.Live.Concerns(class) })
}

// strongest is what changes take together.
func strongest(changes []config.Change) Action {
	if slices.ContainsFunc(changes, func(c config.Change) bool { return c.Live != config.LiveNow }) {
		return Restart
	}
	return Change
}

// end is one end of a link, and the VPN that it is of.
type end struct {
	vpn  *config.VPN
	link *config.Link
}

// name is what a link goes by.
type name struct{ vpn, peer string }

// links compares the links. Those of a connection that restarts do so too.
func links(from, to *config.Config, connections []Connection) []Link {
	was, is := ends(from), ends(to)
	var found []Link
	for _, n := range append(order(from), order(to)...) {
		before, had := was[n]
		after, has := is[n]
		delete(was, n) // each once
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

// restarting is what restarts the connection to a peer; nil if nothing does.
func restarting(connections []Connection, peer string, class config.IPsec) []config.Change {
	for _, c := range connections {
		if c.Peer == peer && c.Class == class && c.Action == Restart {
			return slices.DeleteFunc(slices.Clone(c.Changes), func(c config.Change) bool { return c.Live == config.LiveNow })
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

// order are the names of all links, as they are configured.
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

// names are those of both, each once, in order.
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
