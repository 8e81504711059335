package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
)

const (
	testTimeout = 2 * time.Minute  // of one test as a whole
	waitTimeout = 30 * time.Second // of one thing that a test waits for
	stopTimeout = 10 * time.Second // of a daemon's clean shutdown
)

// rig is a lab for one test, in which what fails ends the test. At the end it stops the daemons
// that still run, which must end well, and removes the lab.
type rig struct {
	testing.TB
	*lab.Lab
	ctx context.Context
}

func newRig(t *testing.T, opts lab.Options) *rig {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: make test sees to it")
	}
	t.Parallel()
	opts.Bin = binaries
	l, err := lab.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	r := &rig{TB: t, Lab: l, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		r.finish()
	})
	return r
}

// found are the options of a lab whose virtual routers are there before the daemons.
var found = lab.Options{CreateVRs: true}

// finish stops the daemons and removes the lab. After a failure it says what the daemons knew and
// did.
func (r *rig) finish() {
	if r.Failed() {
		for _, pe := range r.PEs() {
			r.tell(pe)
		}
	}
	for _, pe := range r.PEs() {
		if pe.Daemon == nil || !pe.Daemon.Running() {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		if err := pe.Daemon.Stop(ctx); err != nil {
			r.Error(err)
			r.tell(pe)
		}
		cancel()
	}
	if keep := os.Getenv("L2TPVL_KEEP"); keep != "" && r.Failed() {
		r.keepFiles(keep)
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

// keepFiles copies what the lab has written, captures among it, to a folder of that directory.
func (r *rig) keepFiles(directory string) {
	folder := filepath.Join(directory, r.Prefix)
	if err := os.CopyFS(folder, os.DirFS(r.Dir)); err != nil {
		r.Errorf("keeping the files of the lab: %v", err)
	}
	r.Logf("the lab's files are kept in %s", folder)
}

// tell logs the state and the log of a PE's daemon.
func (r *rig) tell(pe *lab.PE) {
	if links, err := pe.Client().Links(context.Background()); err == nil {
		r.Logf("links of %s: %s", pe.Name, asJSON(links))
	}
	if log, err := os.ReadFile(pe.LogFile()); err == nil {
		r.Logf("log of %s:\n%s", pe.Name, log)
	}
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// must ends the test on an error.
func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// start starts a PE's daemon, with the userspace data plane if the configuration does not say: its
// counters are more, and this host may or may not have the kernel's, which integration/vm/links
// tests.
func (r *rig) start(pe *lab.PE, c lab.Config) {
	r.Helper()
	r.must(pe.Start(r.ctx, onUserspace(c)))
}

func onUserspace(c lab.Config) lab.Config {
	if c.DataPlane == "" {
		c.DataPlane = "userspace"
	}
	return c
}

// withRole is a configuration with another role towards its peers, withDigest one with another
// digest.
func withRole(c lab.Config, role string) lab.Config {
	for name, peer := range c.Peers {
		peer.Role = role
		c.Peers[name] = peer
	}
	return c
}

// withoutHello leaves Hellos to the other PE: of two that send them after the same silence, one may
// never come to it.
func withoutHello(c lab.Config) lab.Config {
	for name, peer := range c.Peers {
		peer.Hello = "1h"
		c.Peers[name] = peer
	}
	return c
}

func withDigest(c lab.Config, digest string) lab.Config {
	for name, peer := range c.Peers {
		peer.Digest = digest
		c.Peers[name] = peer
	}
	return c
}

// startBoth starts both daemons with short timers and waits until every link is up at both ends.
func (r *rig) startBoth() {
	r.Helper()
	for _, pe := range r.PEs() {
		r.start(pe, pe.Config().Quick())
	}
	r.waitAllUp()
}

// stop stops a PE's daemon, which must end well.
func (r *rig) stop(pe *lab.PE) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, stopTimeout)
	defer cancel()
	r.must(pe.Daemon.Stop(ctx))
}

// wait waits for something, looking again and again.
func (r *rig) wait(what string, look func() (done bool, seen string, err error)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	r.must(lab.Wait(ctx, what, look))
}

// link is a VPN's link of a PE, as its daemon tells.
func (r *rig) link(pe *lab.PE, vpn string) api.Link {
	r.Helper()
	link, err := r.askLink(pe, vpn)
	r.must(err)
	return link
}

func (r *rig) askLink(pe *lab.PE, vpn string) (api.Link, error) {
	links, err := pe.Client().Links(r.ctx)
	if err != nil {
		return api.Link{}, err
	}
	for _, l := range links {
		if l.VPN == vpn && l.Peer == pe.Peer.Name {
			return l, nil
		}
	}
	return api.Link{}, fmt.Errorf("%s tells of no link of VPN %s", pe.Name, vpn)
}

// waitLink waits until a link is as wanted, and returns it.
func (r *rig) waitLink(pe *lab.PE, vpn, what string, wanted func(api.Link) bool) (link api.Link) {
	r.Helper()
	r.wait(fmt.Sprintf("%s's link of %s to be %s", pe.Name, vpn, what), func() (bool, string, error) {
		var err error
		link, err = r.askLink(pe, vpn)
		return err == nil && wanted(link), asJSON(link), err
	})
	return link
}

// waitUp waits until a VPN's link is up at both ends and carries IPv4.
func (r *rig) waitUp(vpn string) {
	r.Helper()
	for _, pe := range r.PEs() {
		r.waitLink(pe, vpn, "up", isUp)
	}
}

func isUp(l api.Link) bool {
	return l.State == api.LinkUp && strings.Contains(fmt.Sprint(l.Protocols), "ipv4")
}

func (r *rig) waitAllUp() {
	r.Helper()
	for _, vpn := range r.VPNs {
		r.waitUp(vpn)
	}
}

// waitDown waits until a link is down and says why, and returns it.
func (r *rig) waitDown(pe *lab.PE, vpn string) api.Link {
	r.Helper()
	return r.waitLink(pe, vpn, "down with a reason", func(l api.Link) bool { return l.State == api.LinkDown && l.Reason != "" })
}

// waitExplained waits until the link's first broken layer is explained, and what to do about it is
// said: with all the words between the two, in upper or lower case.
func (r *rig) waitExplained(pe *lab.PE, vpn, layer string, words ...string) {
	r.Helper()
	r.wait(fmt.Sprintf("%s to explain %s by its %s, with the words %q", pe.Name, vpn, layer, words), func() (bool, string, error) {
		e, err := pe.Client().Explain(r.ctx, vpn, pe.Peer.Name)
		if err != nil {
			return false, "", err
		}
		for _, step := range e.Steps {
			if step.Mark == api.MarkFailed {
				return step.Layer == layer && e.Advice != "" && hasAll(step.Text+" "+e.Advice, words), asJSON(e), nil
			}
		}
		return false, asJSON(e), nil
	})
}

func hasAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// peer is the control connection of a PE, as its daemon tells.
func (r *rig) peer(pe *lab.PE) api.Peer {
	r.Helper()
	peers, err := pe.Client().Peers(r.ctx)
	r.must(err)
	if len(peers) != 1 {
		r.Fatalf("%s tells of %d peers, want 1: %s", pe.Name, len(peers), asJSON(peers))
	}
	return peers[0]
}

// waitPings waits until a ping passes from host to host inside a VPN, both ways.
func (r *rig) waitPings(vpn string) {
	r.Helper()
	for _, pe := range r.PEs() {
		from, to := pe.Sites[vpn], pe.Peer.Sites[vpn]
		r.wait(fmt.Sprintf("a ping from %s to %s", from.Host, to.Host), func() (bool, string, error) {
			pong, err := from.Host.Ping(r.ctx, to.Address, lab.Ping{Count: 1})
			return pong.Received == 1, pong.Output, err
		})
	}
}

// capture begins to capture at an interface.
func (r *rig) capture(n lab.Namespace, iface string) *lab.Capture {
	r.Helper()
	c, err := r.StartCapture(n, iface)
	r.must(err)
	return c
}

// readCapture ends a capture and has tshark read it.
func (r *rig) readCapture(c *lab.Capture) []tshark.Frame {
	r.Helper()
	r.must(c.Stop())
	frames, err := tshark.Read(r.ctx, c.File, r.tsharkOptions())
	r.must(err)
	return frames
}

func (r *rig) tsharkOptions() tshark.Options {
	r.Helper()
	secret, err := os.ReadFile(r.SecretFile())
	r.must(err)
	return tshark.Options{Port: l2tpPort, Secret: strings.TrimSpace(string(secret))}
}

// l2tpPort is the UDP port of connections without IPsec, where none is configured.
const l2tpPort = 1702

// anyLine says whether all the words stand on one line of the text.
func anyLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		if hasAll(line, words) {
			return true
		}
	}
	return false
}
