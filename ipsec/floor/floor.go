// Package floor drops, in the kernel, every packet of a protected flow that would leave or has
// arrived without ESP. It knows nothing of who makes the security associations, and stands whatever
// becomes of them.
//
// It is two tables of nf_tables with the same rules. One stays until somebody takes it away, so
// also when we are stopped or killed. The other belongs to our socket: nobody else can change it,
// `nft flush ruleset` neither, but the kernel removes it with us. So there is one at all times.
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

// The tables, of family inet.
const (
	lasting = "l2tpvl"
	owned   = "l2tpvl-owned"
)

// The flag of a table that belongs to a socket, of linux/netfilter/nf_tables.h.
const tableOwner = 0x2

// Floor is the floor in the network namespace of the thread that has called New. It is safe for
// concurrent use.
type Floor struct {
	changed  func(stands bool, why string) // called after somebody has taken the floor away
	watcher  *netlink.Conn
	watching sync.WaitGroup
	closing  chan struct{}

	mu      sync.Mutex
	conn    *netlink.Conn
	claimed bool     // the owned table is there, and ours
	tables  []string // those that have our rules: empty before the first Put
	flows   map[string]ipsec.Flow
	tidied  bool // nothing of an earlier run is there
}

// New finds out whether this kernel can have a floor. It puts nothing there yet, and leaves what an
// earlier run has left. When somebody else takes the floor away changed is told whether it stands
// again, or that this has failed so far.
func New(changed func(stands bool, why string)) (*Floor, error) {
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

// Left reports whether there is a floor, of this run or an earlier one.
func Left() (bool, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	return exists(conn, lasting)
}

// missing says what a kernel lacks that answers with that error.
func missing(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("no right to use nf_tables: %w; want CAP_NET_ADMIN, as root has", err)
	}
	return fmt.Errorf("this kernel has no nf_tables, which is to drop what is not encrypted: %w; "+
		"want a kernel with CONFIG_NF_TABLES_INET, as Debian's linux-image-amd64, and in a container `modprobe nf_tables` on its host", err)
}

func exists(conn *netlink.Conn, table string) (bool, error) {
	_, err := ask(conn, unix.NFT_MSG_GETTABLE, func(e *netlink.AttributeEncoder) { e.String(unix.NFTA_TABLE_NAME, table) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Put puts the floor under a peer's flow, in place of that under another flow of the peer. It is
// there when Put returns.
func (f *Floor) Put(peer string, flow ipsec.Flow) error {
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
		b.addCounter(table, counter(out, peer))
		b.addCounter(table, counter(in, peer))
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

// Take takes the floor away from under a peer's flow.
func (f *Floor) Take(peer string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	flow, ok := f.flows[peer]
	if !ok {
		return nil
	}
	delete(f.flows, peer)
	if len(f.flows) == 0 && f.tidied { // leave no trace
		return f.end()
	}
	var b batch
	for _, table := range f.tables {
		if f.adopted(table) {
			continue // with the next Tidy
		}
		f.address(&b, table, flow.Remote)
		b.deleteCounter(table, counter(out, peer))
		b.deleteCounter(table, counter(in, peer))
	}
	return b.send(f.conn)
}

// Claim reports whether the floor in this network namespace is ours to change, and not another
// process's.
func (f *Floor) Claim() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.claim()
	if errors.Is(err, unix.EPERM) {
		return false, nil
	}
	return err == nil, err
}

// Tidy takes away what earlier runs have left under flows that are not ours now.
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
	b.addTable(lasting, 0) // so that there is one to be removed
	b.deleteTable(lasting)
	if f.claimed {
		b.deleteTable(owned)
	}
	f.tables, f.claimed = nil, false
	return b.send(f.conn)
}

// Standing reports whether the floor is there, with rules. The kernel is asked.
func (f *Floor) Standing(peer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	flow, ok := f.flows[peer]
	if !ok {
		return false
	}
	for _, w := range []way{out, in} {
		for _, h := range w.hooks {
			if n, err := uses(f.conn, lasting, h.chain); err != nil || n == 0 {
				return false
			}
		}
		// The map's jump is one use, the rules are the others.
		if n, err := uses(f.conn, lasting, chainOf(w, flow.Remote)); err != nil || n < 2 {
			return false
		}
	}
	return true
}

// Drops are the packets of a peer's flow that were dropped: those that would have left, those that
// had arrived.
func (f *Floor) Drops(peer string) (left, arrived uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, table := range f.tables { // a packet that one has dropped does not come to the other
		n, _ := packets(f.conn, table, counter(out, peer)) // 0 if there is none
		left += n
		n, _ = packets(f.conn, table, counter(in, peer))
		arrived += n
	}
	return left, arrived
}

// Close leaves the floor: the table that lasts.
func (f *Floor) Close() error {
	close(f.closing)
	err := f.watcher.Close()
	f.watching.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(err, f.conn.Close())
}

// begin makes the tables, or takes over the one that an earlier run has left, with its rules.
func (f *Floor) begin() error {
	if err := f.claim(); err != nil { // another process's floor is not touched
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
		frame(&b, table)
		if err := b.send(f.conn); err != nil {
			return missing(err)
		}
	}
	f.tables = tables
	return nil
}

// claim makes the owned table, without anything in it. So there is one process that has a floor in
// a network namespace.
func (f *Floor) claim() error {
	if f.claimed {
		return nil
	}
	var b batch
	b.addTable(owned, tableOwner)
	err := b.send(f.conn)
	// Of a process that has just ended the table may still be there.
	for deadline := time.Now().Add(2 * time.Second); errors.Is(err, unix.EPERM) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		err = b.send(f.conn)
	}
	switch {
	case err == nil:
		f.claimed = true
	case errors.Is(err, unix.EOPNOTSUPP): // before Linux 5.12 no table belongs to anybody
	default:
		return fmt.Errorf("table inet %s: %w; want one daemon in a network namespace", owned, err)
	}
	return nil
}

// renew replaces the lasting table by one with the present flows and nothing else.
func (f *Floor) renew() error {
	b := f.replacement()
	return b.send(f.conn)
}

// replacement returns the batch of renew.
func (f *Floor) replacement() batch {
	var b batch
	b.addTable(lasting, 0)
	b.deleteTable(lasting)
	b.addTable(lasting, 0)
	frame(&b, lasting)
	addresses := map[netip.Addr]bool{}
	for _, peer := range slices.Sorted(maps.Keys(f.flows)) {
		b.addCounter(lasting, counter(out, peer))
		b.addCounter(lasting, counter(in, peer))
		addresses[f.flows[peer].Remote] = true
	}
	for _, address := range slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare) {
		f.address(&b, lasting, address)
	}
	return b
}

// adopted reports whether the table has rules of an earlier run, which stay until Tidy.
func (f *Floor) adopted(table string) bool { return table == lasting && !f.tidied }

// address makes the chains of an address what the flows there want, none if there are no flows.
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
	for _, w := range []way{out, in} {
		chain := chainOf(w, address)
		b.addChain(table, chain)
		if !f.adopted(table) {
			b.emptyChain(table, chain)
		}
		b.addJump(table, w.maps[family].name, address.AsSlice(), chain)
		for _, peer := range peers {
			for _, match := range matches(w, f.flows[peer], family) {
				b.addRule(table, chain, append(match, count(counter(w, peer)), decide(verdictDrop))...)
			}
		}
		if len(peers) == 0 && !f.adopted(table) {
			b.deleteJump(table, w.maps[family].name, address.AsSlice(), chain)
			b.deleteChain(table, chain)
		}
	}
}
