package daemon

import (
	"net"
	"net/netip"
	"sync"

	"go.uber.org/zap"
)

// listeners are one for each address that we have towards peers in clear. Those whose flow IPsec
// protects are none of theirs: a socket that was there before the protection could have what came
// in clear. Nor are static ones, who do not call.
type listeners struct {
	log  *zap.Logger
	open func(network string, local netip.AddrPort) (net.PacketConn, error)

	mu      sync.Mutex
	byLocal map[netip.AddrPort]*listener
	strays  strays // of all of them
}

// callersByLocal are the loops that each listener is for.
func callersByLocal(loops []*loop) map[netip.AddrPort]*callers {
	byLocal, quiet := make(map[netip.AddrPort][]*loop), make(map[netip.Addr]bool)
	for _, l := range loops {
		if l.from.Port() == 0 {
			quiet[plain(l.from).Addr()] = true
		}
		if l.protection == nil && !l.static {
			byLocal[l.local] = append(byLocal[l.local], l)
		}
	}
	all := make(map[netip.AddrPort]*callers)
	for local, loops := range byLocal {
		all[local] = callersOf(loops)
		all[local].quiet = quiet
	}
	return all
}

// listenFor opens the sockets that these loops need and that there are not yet. With an error
// nothing is changed. It is know that has the loops called.
func (ls *listeners) listenFor(loops []*loop) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	opened := make(map[netip.AddrPort]map[string]net.PacketConn)
	for local, callers := range callersByLocal(loops) {
		opened[local] = make(map[string]net.PacketConn)
		for network := range callers.networks() {
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
			l.strays = &ls.strays
			ls.byLocal[local] = l
		}
		for network, conn := range conns {
			l.hear(network, conn)
		}
	}
	return nil
}

// know has these loops called from now on, and closes the sockets that none of them needs.
func (ls *listeners) know(loops []*loop) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	all := callersByLocal(loops)
	for local, l := range ls.byLocal {
		callers := all[local]
		if callers == nil {
			callers = callersOf(nil)
		}
		l.callers.Store(callers)
		needed := callers.networks()
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

// close returns when nothing is read any more.
func (ls *listeners) close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byLocal {
		l.close()
		l.reading.Wait()
	}
}
