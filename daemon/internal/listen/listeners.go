// Package listen receives control messages that arrive at no tunnel's connected socket: the first
// messages of a peer, which sets up a control connection, and messages of unknown senders. It drops
// and counts the latter, dispatches the former to the Receiver of their peer, and sends nothing.
//
// Listeners holds one Listener for each local address. A UDP datagram arrives either here or at a
// tunnel's socket. A packet of IP protocol 115 arrives at all sockets that match it; there a tunnel
// handles the messages of control connections, and the Listener those with Control Connection ID 0.
// A protected peer over IP has a Dedicated listener of its own. Admission limits how many of these
// messages may cost the computation of a digest.
package listen

import (
	"net"
	"net/netip"
	"sync"

	"go.uber.org/zap"
)

// Listeners are the listeners of the daemon, one for each local address. They receive from clear
// peers only: a socket that was opened before the protection was in place could receive packets of
// a protected peer in the clear. They are safe for concurrent use.
type Listeners struct {
	log  *zap.Logger
	open Opener

	mu      sync.Mutex
	byLocal map[netip.AddrPort]*Listener
	dropped dropCounters // of all listeners
}

// Opener opens a listening socket, as OpenSocket does.
type Opener func(network string, local netip.AddrPort) (net.PacketConn, error)

// New returns Listeners without sockets, which open will open.
func New(log *zap.Logger, open Opener) *Listeners {
	return &Listeners{log: log, open: open, byLocal: make(map[netip.AddrPort]*Listener)}
}

// tables returns the table of each listener that the peers need.
func tables(peers []Peer) map[netip.AddrPort]*table {
	byLocal, excluded := make(map[netip.AddrPort][]Peer), make(map[netip.Addr]bool)
	for _, p := range peers {
		if p.Remote.Port() == 0 {
			excluded[comparableAddr(p.Remote).Addr()] = true
		}
		if !p.Excluded {
			byLocal[p.Local] = append(byLocal[p.Local], p)
		}
	}
	all := make(map[netip.AddrPort]*table)
	for local, peers := range byLocal {
		all[local] = newTable(peers)
		all[local].excluded = excluded
	}
	return all
}

// Open opens the sockets that the peers need and that are not open yet. With an error nothing is
// changed. The peers receive messages once Dispatch is called.
func (ls *Listeners) Open(peers []Peer) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	opened := make(map[netip.AddrPort]map[string]net.PacketConn)
	for local, table := range tables(peers) {
		opened[local] = make(map[string]net.PacketConn)
		for network := range table.networks() {
			if l := ls.byLocal[local]; l != nil && l.sockets[network] != nil {
				continue
			}
			conn, err := ls.open(network, local)
			if err != nil {
				for _, conns := range opened {
					for _, conn := range conns {
						_ = conn.Close()
					}
				}
				return err
			}
			opened[local][network] = conn
		}
	}
	for local, conns := range opened {
		l := ls.byLocal[local]
		if l == nil {
			l = newListener(local, nil, ls.log)
			l.dropped = &ls.dropped
			ls.byLocal[local] = l
		}
		for network, conn := range conns {
			l.read(network, conn)
		}
	}
	return nil
}

// Dispatch makes these peers receive messages from now on, and no other peers, and closes the
// sockets that none of them needs.
func (ls *Listeners) Dispatch(peers []Peer) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	all := tables(peers)
	for local, l := range ls.byLocal {
		table := all[local]
		if table == nil {
			table = newTable(nil)
		}
		l.table.Store(table)
		needed := table.networks()
		for network, conn := range l.sockets {
			if !needed[network] {
				delete(l.sockets, network)
				_ = conn.Close()
			}
		}
		if len(l.sockets) == 0 {
			delete(ls.byLocal, local)
		}
	}
}

// At returns the listener at a local address; nil: there is none.
func (ls *Listeners) At(local netip.AddrPort) *Listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byLocal[local]
}

// Drops returns how many datagrams all listeners have dropped, by reason.
func (ls *Listeners) Drops() map[string]uint64 {
	return map[string]uint64{
		"unknown sender":         ls.dropped.unknownSender.Load(),
		"unexpected source port": ls.dropped.foreignPort.Load(),
		"data without tunnel":    ls.dropped.notControl.Load(),
	}
}

// Close closes all sockets and waits until none is read from.
func (ls *Listeners) Close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byLocal {
		l.Close()
		l.reading.Wait()
	}
}
