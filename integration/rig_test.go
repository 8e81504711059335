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
	testTimeout = 2 * time.Minute  // for one test
	waitTimeout = 30 * time.Second // for one condition that a test waits for
	stopTimeout = 10 * time.Second // for the clean shutdown of a daemon
)

// rig is a lab for one test. Its methods end the test on an error. At the end of the test it stops
// the daemons that still run, which must exit with status 0, and removes the lab.
type rig struct {
	testing.TB
	*lab.Lab
	ctx context.Context
}

func newRig(t *testing.T, opts lab.Options) *rig {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces require root: use make test-netns")
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

// existingVRs are the options of a lab whose virtual routers exist before the daemons start.
var existingVRs = lab.Options{CreateVRs: true}

// finish stops the daemons and removes the lab. After a failure it logs the state and the logs of
// the daemons.
func (r *rig) finish() {
	if r.Failed() {
		for _, pe := range r.PEs() {
			r.logState(pe)
		}
	}
	for _, pe := range r.PEs() {
		if pe.Daemon == nil || !pe.Daemon.Running() {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		if err := pe.Daemon.Stop(ctx); err != nil {
			r.Error(err)
			r.logState(pe)
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

// keepFiles copies the files of the lab, including the captures, to a folder in the directory.
func (r *rig) keepFiles(directory string) {
	folder := filepath.Join(directory, r.Prefix)
	if err := os.CopyFS(folder, os.DirFS(r.Dir)); err != nil {
		r.Errorf("copying the files of the lab: %v", err)
	}
	r.Logf("the files of the lab are in %s", folder)
}

// logState logs the links of a PE's daemon, and its log.
func (r *rig) logState(pe *lab.PE) {
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

// start starts a PE's daemon, by default with the userspace data plane: it has more counters than
// the kernel data plane, which this host may not have and integration/vm/links tests.
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

// withRole sets the role in a configuration for all peers.
func withRole(c lab.Config, role string) lab.Config {
	for name, peer := range c.Peers {
		peer.Role = role
		c.Peers[name] = peer
	}
	return c
}

// withoutHello leaves HELLO messages to the other PE: if both send them after the same silence, one
// of them may never send any.
func withoutHello(c lab.Config) lab.Config {
	for name, peer := range c.Peers {
		peer.Hello = "1h"
		c.Peers[name] = peer
	}
	return c
}

// withDigest sets the digest in a configuration for all peers.
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

// stop stops a PE's daemon, which must exit with status 0.
func (r *rig) stop(pe *lab.PE) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, stopTimeout)
	defer cancel()
	r.must(pe.Daemon.Stop(ctx))
}

// wait calls look again and again until done is true.
func (r *rig) wait(what string, look func() (done bool, seen string, err error)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	r.must(lab.Wait(ctx, what, look))
}

// link returns the link of a VPN, as the PE's daemon reports it.
func (r *rig) link(pe *lab.PE, vpn string) api.Link {
	r.Helper()
	link, err := r.queryLink(pe, vpn)
	r.must(err)
	return link
}

func (r *rig) queryLink(pe *lab.PE, vpn string) (api.Link, error) {
	links, err := pe.Client().Links(r.ctx)
	if err != nil {
		return api.Link{}, err
	}
	for _, l := range links {
		if l.VPN == vpn && l.Peer == pe.Peer.Name {
			return l, nil
		}
	}
	return api.Link{}, fmt.Errorf("%s reports no link of VPN %s", pe.Name, vpn)
}

// waitLink waits until a link meets the condition wanted, and returns it.
func (r *rig) waitLink(pe *lab.PE, vpn, what string, wanted func(api.Link) bool) (link api.Link) {
	r.Helper()
	r.wait(fmt.Sprintf("link of %s at %s: %s", vpn, pe.Name, what), func() (bool, string, error) {
		var err error
		link, err = r.queryLink(pe, vpn)
		return err == nil && wanted(link), asJSON(link), err
	})
	return link
}

// waitUp waits until the link of a VPN is up with IPv4 at both ends.
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

// waitDown waits until a link is down with a reason, and returns it.
func (r *rig) waitDown(pe *lab.PE, vpn string) api.Link {
	r.Helper()
	return r.waitLink(pe, vpn, "down with a reason", func(l api.Link) bool { return l.State == api.LinkDown && l.Reason != "" })
}

// waitExplained waits until the explanation of a link has layer as its first failed layer, with
// advice. Text and advice together must contain all words, in upper or lower case.
func (r *rig) waitExplained(pe *lab.PE, vpn, layer string, words ...string) {
	r.Helper()
	r.wait(fmt.Sprintf("explanation of %s at %s: layer %s, words %q", vpn, pe.Name, layer, words), func() (bool, string, error) {
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

// peer returns the only peer of a PE, as its daemon reports it.
func (r *rig) peer(pe *lab.PE) api.Peer {
	r.Helper()
	peers, err := pe.Client().Peers(r.ctx)
	r.must(err)
	if len(peers) != 1 {
		r.Fatalf("%s reports %d peers, want 1: %s", pe.Name, len(peers), asJSON(peers))
	}
	return peers[0]
}

// waitPings waits until pings between the two hosts of a VPN are answered in both directions.
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

// capture starts a capture at an interface.
func (r *rig) capture(n lab.Namespace, iface string) *lab.Capture {
	r.Helper()
	c, err := r.StartCapture(n, iface)
	r.must(err)
	return c
}

// readCapture ends a capture and returns its frames as tshark reads them.
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

// l2tpPort is the default UDP port of connections without IPsec.
const l2tpPort = 1702

// anyLine reports whether a line of the text contains all words.
func anyLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		if hasAll(line, words) {
			return true
		}
	}
	return false
}
