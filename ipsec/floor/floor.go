// Package floor makes the kernel drop every packet of a protected flow that leaves or arrives
// without ESP. It does not depend on the key manager: its rules are in place with and without
// security associations.
//
// The floor is two nftables tables with the same rules. One lasts until it is deleted, also after
// this process has stopped or was killed. The other is owned by our netlink socket: no other
// process can change it, `nft flush ruleset` does not delete it, and the kernel removes it with the
// socket. So one of them is in place at all times.
//
// A [Floor] is opened with [New] in the network namespace that it protects. [Floor.Install] and
// [Floor.Remove] change the flows; [Floor.Claim] and [Floor.Tidy] take over the rules of an earlier
// run.
package floor

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// The names of the tables, of family inet.
const (
	lasting = "l2tpvl"
	owned   = "l2tpvl-owned"
)

// tableOwner is NFT_TABLE_F_OWNER of linux/netfilter/nf_tables.h: the table belongs to a socket.
const tableOwner = 0x2

// Floor is the floor in the network namespace of the thread that called New. It is safe for
// concurrent use.
type Floor struct {
	changed  func(restored bool, why string) // called after another process has changed the floor
	watcher  *netlink.Conn
	watching sync.WaitGroup
	closing  chan struct{}

	mu      sync.Mutex
	conn    *netlink.Conn
	claimed bool                  // the owned table exists and is ours
	tables  []string              // the tables that have our rules; empty before the first Install
	flows   map[string]ipsec.Flow // by peer
	tidied  bool                  // no rules of an earlier run are left
}

// New opens the floor, and returns an error if this kernel cannot have one. It installs no rules,
// and leaves those of an earlier run in place. After another process has changed the rules, a
// goroutine restores them and calls changed: with true once they are restored, with false if the
// first attempt has failed.
func New(changed func(restored bool, why string)) (*Floor, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, missing(err)
	}
	f := &Floor{changed: changed, conn: conn, flows: map[string]ipsec.Flow{}, closing: make(chan struct{})}
	if _, err := exists(f.conn, lasting); err != nil {
		return nil, errors.Join(missing(err), conn.Close())
	}
	if err := f.watch(); err != nil {
		return nil, errors.Join(missing(err), conn.Close())
	}
	return f, nil
}

// Exists reports whether the network namespace of the calling thread has a floor, of this run or an
// earlier one.
func Exists() (bool, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	return exists(conn, lasting)
}

// missing returns an error for a kernel that cannot have a floor, with the remedy. The kernel has
// answered with err.
func missing(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("no permission to use nf_tables: %w; want CAP_NET_ADMIN, which root has", err)
	}
	return fmt.Errorf("this kernel has no nf_tables, which must drop unencrypted packets: %w; "+
		"want a kernel with CONFIG_NF_TABLES_INET, such as Debian's linux-image-amd64; in a container, run `modprobe nf_tables` on its host", err)
}

func exists(conn *netlink.Conn, table string) (bool, error) {
	_, err := query(conn, unix.NFT_MSG_GETTABLE, func(e *netlink.AttributeEncoder) { e.String(unix.NFTA_TABLE_NAME, table) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Install installs the rules for a peer's flow, in place of those for an earlier flow of the peer.
// They are in effect when it returns.
func (f *Floor) Install(peer string, flow ipsec.Flow) error {
	flow.Remote = flow.Remote.Unmap().WithZone("")
	flow.Local = flow.Local.Unmap().WithZone("")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tables) == 0 {
		if err := f.begin(); err != nil {
			return err
		}
	}
	before, had := f.flows[peer]
	f.flows[peer] = flow
	var b batch
	for _, table := range f.tables {
		b.addCounter(table, counter(outgoing, peer))
		b.addCounter(table, counter(incoming, peer))
		f.address(&b, table, flow.Remote)
		if had && before.Remote != flow.Remote {
			f.address(&b, table, before.Remote)
		}
	}
	err := b.send(f.conn)
	if err == nil {
		return nil
	}
	delete(f.flows, peer)
	if had {
		f.flows[peer] = before
	}
	return missing(err)
}

// Remove removes the rules for a peer's flow. Without any flow it removes the tables.
func (f *Floor) Remove(peer string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	flow, ok := f.flows[peer]
	if !ok {
		return nil
	}
	delete(f.flows, peer)
	if len(f.flows) == 0 && f.tidied {
		return f.end()
	}
	var b batch
	for _, table := range f.tables {
		if f.adopted(table) {
			continue // Tidy will remove them
		}
		f.address(&b, table, flow.Remote)
		b.deleteCounter(table, counter(outgoing, peer))
		b.deleteCounter(table, counter(incoming, peer))
	}
	return b.send(f.conn)
}

// Claim makes this process the owner of the floor in this network namespace. It reports whether it
// is: another process may own the floor.
func (f *Floor) Claim() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.claim()
	if errors.Is(err, unix.EPERM) {
		return false, nil
	}
	return err == nil, err
}

// Tidy removes the rules of earlier runs for flows that are not installed now.
func (f *Floor) Tidy() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tidied {
		return nil
	}
	if err := f.claim(); err != nil {
		return err
	}
	f.tidied = true
	if len(f.flows) == 0 {
		return f.end()
	}
	return f.renew()
}

// end removes the tables.
func (f *Floor) end() error {
	var b batch
	b.addTable(lasting, 0) // deleting a table that does not exist would be an error
	b.deleteTable(lasting)
	if f.claimed {
		b.deleteTable(owned)
	}
	f.tables, f.claimed = nil, false
	return b.send(f.conn)
}

// Installed reports whether the rules for a peer's flow are in place. It queries the kernel.
func (f *Floor) Installed(peer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	flow, ok := f.flows[peer]
	if !ok {
		return false
	}
	for _, d := range []direction{outgoing, incoming} {
		for _, h := range d.hooks {
			if n, err := uses(f.conn, lasting, h.chain); err != nil || n == 0 {
				return false
			}
		}
		// The jump of the map is one use, each rule is another.
		if n, err := uses(f.conn, lasting, chainOf(d, flow.Remote)); err != nil || n < 2 {
			return false
		}
	}
	return true
}

// Drops returns how many packets of a peer's flow were dropped because they would have left, or
// have arrived, unencrypted.
func (f *Floor) Drops(peer string) (out, in uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, table := range f.tables { // a packet that one table drops does not reach the other
		n, _ := packets(f.conn, table, counter(outgoing, peer)) // 0 without the counter
		out += n
		n, _ = packets(f.conn, table, counter(incoming, peer))
		in += n
	}
	return out, in
}

// Close releases the floor's sockets. The lasting table stays.
func (f *Floor) Close() error {
	close(f.closing)
	err := f.watcher.Close()
	f.watching.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(err, f.conn.Close())
}

// begin adds the tables. If an earlier run has left the lasting one, its rules stay.
func (f *Floor) begin() error {
	if err := f.claim(); err != nil { // another process owns the floor
		return err
	}
	tables := []string{lasting}
	if f.claimed {
		tables = []string{owned, lasting}
	}
	for _, table := range tables {
		var b batch
		if table == lasting {
			b.addTable(lasting, 0)
		}
		addFrame(&b, table)
		if err := b.send(f.conn); err != nil {
			return missing(err)
		}
	}
	f.tables = tables
	return nil
}

// claim adds the owned table, empty. The kernel refuses this to a second process, so only one
// process has a floor in a network namespace.
func (f *Floor) claim() error {
	if f.claimed {
		return nil
	}
	var b batch
	b.addTable(owned, tableOwner)
	err := b.send(f.conn)
	// The table of a process that has just ended may still exist.
	for deadline := time.Now().Add(2 * time.Second); errors.Is(err, unix.EPERM) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		err = b.send(f.conn)
	}
	switch {
	case err == nil:
		f.claimed = true
	case errors.Is(err, unix.EOPNOTSUPP): // Linux has owned tables since 5.12
	default:
		return fmt.Errorf("table inet %s: %w; want one daemon in each network namespace", owned, err)
	}
	return nil
}

// renew replaces the lasting table by one with only the rules for the present flows.
func (f *Floor) renew() error {
	b := f.replacement()
	return b.send(f.conn)
}

// replacement returns the netlink messages that replace the lasting table, for renew.
func (f *Floor) replacement() batch {
	var b batch
	b.addTable(lasting, 0)
	b.deleteTable(lasting)
	b.addTable(lasting, 0)
	addFrame(&b, lasting)
	addresses := map[netip.Addr]bool{}
	for _, peer := range slices.Sorted(maps.Keys(f.flows)) {
		b.addCounter(lasting, counter(outgoing, peer))
		b.addCounter(lasting, counter(incoming, peer))
		addresses[f.flows[peer].Remote] = true
	}
	for _, address := range slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare) {
		f.address(&b, lasting, address)
	}
	return b
}

// adopted reports whether the table may have rules of an earlier run, which stay until Tidy.
func (f *Floor) adopted(table string) bool { return table == lasting && !f.tidied }

// address rewrites the chains of an address for the present flows there, and removes them if there
// are none.
func (f *Floor) address(b *batch, table string, address netip.Addr) {
	var peers []string
	for peer, flow := range f.flows {
		if flow.Remote == address {
			peers = append(peers, peer)
		}
	}
	slices.Sort(peers)
	family := 0
	if address.Is6() {
		family = 1
	}
	for _, d := range []direction{outgoing, incoming} {
		chain := chainOf(d, address)
		b.addChain(table, chain)
		if !f.adopted(table) {
			b.flushChain(table, chain)
		}
		b.addJump(table, d.maps[family].name, address.AsSlice(), chain)
		for _, peer := range peers {
			for _, match := range matches(d, f.flows[peer], family) {
				b.addRule(table, chain, append(match, count(counter(d, peer)), conclude(verdictDrop))...)
			}
		}
		if len(peers) == 0 && !f.adopted(table) {
			b.deleteJump(table, d.maps[family].name, address.AsSlice(), chain)
			b.deleteChain(table, chain)
		}
	}
}
