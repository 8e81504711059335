package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon"
	"github.com/l2tpvl/l2tpvl/endid"
)

// order is what a side is to do.
type order struct {
	B       bool // it is the side of many daemons, if there are many
	Peers   int  // that side a has; as many daemons is side b
	VPNs    int  // links of each peer
	PPP     bool // PPP frames pass
	Loss    float64
	Seed    uint64
	Dir     string // for its API sockets
	Profile string // file name for profiles, without extension; empty: none are taken
}

// result is what a side tells when all of its links are up.
type result struct {
	At       time.Time     // when the last came up
	P50, P99 time.Duration // time to up of links, since the beginning of the round
	CPU      time.Duration // that the process has used so far, in user and system mode
	RSS      int64         // octets of memory resident
	Before   int64         // the same before the daemon began
}

// port is where both sides listen, each on addresses of its own.
const port = 17020

// addressA is side a's one address, addressB that of its peer i at side b.
func addressA() netip.Addr { return netip.AddrFrom4([4]byte{127, 1, 0, 1}) }

func addressB(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 2, byte(i >> 8), byte(i)}) }

// configs are the configurations of a side's daemons: defaults, but for addresses and names.
func (o *order) configs() []*config.Config {
	if !o.B {
		cfg := o.config("a", addressA())
		for i := range o.Peers {
			o.addPeer(cfg, i, addressB(i), func(k uint32) netip.Addr { return linkAddress(2 * k) })
		}
		return []*config.Config{cfg}
	}
	var configs []*config.Config
	for i := range o.Peers {
		cfg := o.config(fmt.Sprintf("b%d", i), addressB(i))
		o.addPeer(cfg, i, addressA(), func(k uint32) netip.Addr { return linkAddress(2*k + 1) })
		configs = append(configs, cfg)
	}
	return configs
}

func (o *order) config(name string, address netip.Addr) *config.Config {
	cfg := &config.Config{
		Local: config.Local{HostName: name, RouterID: address, Address: address, Port: port},
		API:   config.API{Socket: filepath.Join(o.Dir, name)},
	}
	for v := range o.VPNs {
		vpn := "vpn" + strconv.Itoa(v)
		cfg.VPNs = append(cfg.VPNs, config.VPN{
			Name: vpn, VPNID: endid.New(0x5e, uint32(v+1)), VR: config.VR{NetNS: vpn},
			Echo: config.Echo{Interval: 5 * time.Second, Fails: 3},
		})
	}
	return cfg
}

// addPeer adds peer i with a link of each VPN.
func (o *order) addPeer(cfg *config.Config, i int, peer netip.Addr, address func(uint32) netip.Addr) {
	name := fmt.Sprintf("peer%d", i)
	cfg.Peers = append(cfg.Peers, config.Peer{
		Name: name, Address: peer, Port: port, Secret: config.Secret("a shared secret"), Digest: config.DigestSHA1,
		Role: config.RoleBoth, Hello: time.Minute,
		Retransmit: config.Retransmit{Initial: time.Second, Cap: 8 * time.Second, Retries: 10},
	})
	for v := range cfg.VPNs {
		vpn := &cfg.VPNs[v]
		vpn.Links = append(vpn.Links, config.Link{
			Peer: name, Interface: interfaceName(i, v), IPv4: true, IPv6: true,
			Address: config.LinkAddress{Prefix: netip.PrefixFrom(address(uint32(i*o.VPNs+v)), 31)},
		})
	}
}

// linkAddress numbers the ends of links.
func linkAddress(k uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)})
}

func interfaceName(peer, vpn int) string { return fmt.Sprintf("vl%d-%d", peer, vpn) }

// run is the process of a side. It begins when it reads a line, and writes a result, as JSON, when
// all links are up; with each further line it waits for all links to come up anew. It ends with its
// input.
func (o *order) run(in io.Reader, out io.Writer) error {
	var interfaces []string
	for i := range o.Peers {
		for v := range o.VPNs {
			interfaces = append(interfaces, interfaceName(i, v))
		}
	}
	b := newBoard(interfaces)
	p := &plane{board: b, loss: o.Loss, seed: o.Seed, mute: !o.PPP}
	log, _, err := daemon.NewLogger(config.Log{Level: config.LogInfo, Format: config.LogJSON})
	if err != nil {
		return err
	}
	runtime.GC()
	before, err := resident()
	if err != nil {
		return err
	}

	configs := o.configs()
	lines := bufio.NewScanner(in)
	if _, err := fmt.Fprintln(out, "ready"); err != nil || !lines.Scan() {
		return err
	}
	finish, err := o.profile()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b.again(time.Now())
	var daemons errgroup.Group
	for _, cfg := range configs {
		daemons.Go(func() error {
			return daemon.RunOn(ctx, p, routers{b}, cfg, "bench", log)
		})
	}
	go func() {
		if err := daemons.Wait(); err != nil { // none ends by itself but for an error
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	go func() {
		for times := range b.over {
			r := result{At: time.Now(), P50: times[len(times)/2], P99: times[len(times)*99/100], Before: before}
			finish()
			var usage syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
				r.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
			}
			if r.RSS, err = resident(); err == nil {
				_ = json.NewEncoder(out).Encode(r)
			}
		}
	}()
	for lines.Scan() {
		b.again(time.Now())
		if _, err := fmt.Fprintln(out, "ready"); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d links missing at the end\n", b.missing())
	return lines.Err()
}

// resident is how much memory of this process is resident, in octets.
func resident() (int64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// profile begins a CPU profile; what it returns ends it, the first time it is called, and takes one
// of the heap.
func (o *order) profile() (finish func(), err error) {
	if o.Profile == "" {
		return func() {}, nil
	}
	cpu, err := os.Create(o.Profile + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	done := false
	return func() {
		if done {
			return
		}
		done = true
		pprof.StopCPUProfile()
		if heap, err := os.Create(o.Profile + ".heap"); err == nil {
			_ = pprof.WriteHeapProfile(heap)
			_ = heap.Close()
		}
	}, cpu.Sync()
}
