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

// spec describes a side of a measurement.
type spec struct {
	B       bool    // side b, with one daemon for each peer of side a; else side a, with one daemon
	Peers   int     // peers of side a
	VPNs    int     // links with each peer
	PPP     bool    // whether the data plane carries PPP frames
	Loss    float64 // share of the datagrams that are dropped, 0 to 1
	Seed    uint64  // of the random choice of dropped datagrams
	Dir     string  // for the API sockets
	Profile string  // path for profiles, without extension; empty: no profiles
}

// result is what a side reports when all of its links are up.
type result struct {
	At       time.Time     // when the last link came up
	P50, P99 time.Duration // percentiles of the links' time to up, since the start of the round
	CPU      time.Duration // processor time of the process so far, user and system
	RSS      int64         // resident memory of the process in octets
	Before   int64         // RSS before the daemons started
}

// port is the UDP port of both sides. They have different addresses.
const port = 17020

// addressA is the address of side a.
func addressA() netip.Addr { return netip.AddrFrom4([4]byte{127, 1, 0, 1}) }

// addressB is the address of daemon i of side b.
func addressB(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 2, byte(i >> 8), byte(i)}) }

// configs returns the configurations of the side's daemons. They have default values except for
// addresses and names.
func (s *spec) configs() []*config.Config {
	if !s.B {
		cfg := s.config("a", addressA())
		for i := range s.Peers {
			s.addPeer(cfg, i, addressB(i), func(k uint32) netip.Addr { return linkAddress(2 * k) })
		}
		return []*config.Config{cfg}
	}
	var configs []*config.Config
	for i := range s.Peers {
		cfg := s.config(fmt.Sprintf("b%d", i), addressB(i))
		s.addPeer(cfg, i, addressA(), func(k uint32) netip.Addr { return linkAddress(2*k + 1) })
		configs = append(configs, cfg)
	}
	return configs
}

func (s *spec) config(name string, address netip.Addr) *config.Config {
	cfg := &config.Config{
		Local: config.Local{HostName: name, RouterID: address, Address: address, Port: port},
		API:   config.API{Socket: filepath.Join(s.Dir, name)},
	}
	for v := range s.VPNs {
		vpn := "vpn" + strconv.Itoa(v)
		cfg.VPNs = append(cfg.VPNs, config.VPN{
			Name: vpn, VPNID: endid.New(0x5e, uint32(v+1)), VR: config.VR{NetNS: vpn},
			Echo: config.Echo{Interval: 5 * time.Second, Fails: 3},
		})
	}
	return cfg
}

// addPeer adds peer i to cfg, with a link in each VPN.
func (s *spec) addPeer(cfg *config.Config, i int, peer netip.Addr, address func(uint32) netip.Addr) {
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
			Address: config.LinkAddress{Prefix: netip.PrefixFrom(address(uint32(i*s.VPNs+v)), 31)},
		})
	}
}

// linkAddress returns the address of link end k.
func linkAddress(k uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)})
}

func interfaceName(peer, vpn int) string { return fmt.Sprintf("vl%d-%d", peer, vpn) }

// run runs a side. It writes "ready" to out, and starts the daemons when it reads a line from in.
// Each further line starts another round, which run confirms with "ready": all links must come up
// again. At the end of each round run writes the result as JSON. It returns at the end of in.
func (s *spec) run(in io.Reader, out io.Writer) error {
	var interfaces []string
	for i := range s.Peers {
		for v := range s.VPNs {
			interfaces = append(interfaces, interfaceName(i, v))
		}
	}
	t := newTracker(interfaces)
	p := &plane{tracker: t, loss: s.Loss, seed: s.Seed, noPPP: !s.PPP}
	log, _, err := daemon.NewLogger(config.Log{Level: config.LogInfo, Format: config.LogJSON})
	if err != nil {
		return err
	}
	runtime.GC()
	before, err := resident()
	if err != nil {
		return err
	}

	configs := s.configs()
	lines := bufio.NewScanner(in)
	if _, err := fmt.Fprintln(out, "ready"); err != nil || !lines.Scan() {
		return err
	}
	finish, err := s.profile()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	t.startRound(time.Now())
	var daemons errgroup.Group
	for _, cfg := range configs {
		daemons.Go(func() error {
			return daemon.RunOn(ctx, p, routers{t}, cfg, "bench", log)
		})
	}
	go func() {
		if err := daemons.Wait(); err != nil { // a daemon only ends by itself after an error
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	go func() {
		for times := range t.done {
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
		t.startRound(time.Now())
		if _, err := fmt.Fprintln(out, "ready"); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d links not up at the end\n", t.missing())
	return lines.Err()
}

// resident returns the resident memory of this process in octets.
func resident() (int64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// profile starts a CPU profile, if s.Profile is set. The first call of finish ends it and writes a
// heap profile. Further calls do nothing.
func (s *spec) profile() (finish func(), err error) {
	if s.Profile == "" {
		return func() {}, nil
	}
	cpu, err := os.Create(s.Profile + ".cpu")
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
		if heap, err := os.Create(s.Profile + ".heap"); err == nil {
			_ = pprof.WriteHeapProfile(heap)
			_ = heap.Close()
		}
	}, cpu.Sync()
}
