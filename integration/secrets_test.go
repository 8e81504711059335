package integration

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// reload makes a PE's running daemon read another configuration, and waits until it logs word
// again.
func (r *rig) reload(pe *lab.PE, c lab.Config, word string) {
	r.Helper()
	logged := func() int {
		log, err := os.ReadFile(pe.LogFile())
		r.must(err)
		return strings.Count(string(log), word)
	}
	before := logged()
	r.must(pe.Reload(onUserspace(c)))
	r.wait("log message at "+pe.Name+": "+word, func() (bool, string, error) { return logged() > before, "", nil })
}

// withSecrets sets the secret files in a configuration for all peers.
func withSecrets(c lab.Config, file, next string) lab.Config {
	for name, peer := range c.Peers {
		peer.SecretFile, peer.NextSecretFile = file, next
		c.Peers[name] = peer
	}
	return c
}

// The two PEs change to another secret at different times, while there is traffic. No packet is
// lost, no link goes down, and control messages are accepted at each step.
func TestSecretChangeKeepsLinksUp(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	r.waitPings("red")
	old, other := r.SecretFile(), filepath.Join(r.Dir, "other-secret")
	r.must(os.WriteFile(other, []byte("quite another secret\n"), 0o600))
	config := func(pe *lab.PE, file, next string) lab.Config { return withSecrets(pe.Config().Quick(), file, next) }

	since := map[string]string{}
	for _, pe := range r.PEs() {
		since[pe.Name] = r.link(pe, "red").Since.String()
	}
	connection, drops := r.peer(r.PE1), r.dropsByReason(r.PE1)

	ctx, cancel := context.WithCancel(r.ctx)
	var traffic sync.WaitGroup
	var sent, received int
	traffic.Go(func() {
		from, to := r.PE1.Sites["red"], r.PE2.Sites["red"]
		for ctx.Err() == nil {
			pong, err := from.Host.Ping(r.ctx, to.Address, lab.Ping{Count: 5})
			if err != nil {
				t.Error(err)
				return
			}
			sent, received = sent+pong.Sent, received+pong.Received
		}
	})
	const changed = "secrets changed"
	for _, step := range []struct {
		pe         *lab.PE
		file, next string
	}{
		{r.PE1, old, other},
		{r.PE2, old, other},
		{r.PE2, other, ""},
		{r.PE1, other, ""},
	} {
		r.reload(step.pe, config(step.pe, step.file, step.next), changed)
		// While data is received no HELLO is sent. The SLIs of blue show that each PE accepts the
		// control messages of the other.
		for _, pe := range r.PEs() {
			blue := r.link(pe, "blue").Interface
			r.must(pe.Sites["blue"].VR.IP("link set " + blue + " down"))
			r.waitDown(pe.Peer, "blue")
			r.must(pe.Sites["blue"].VR.IP("link set " + blue + " up"))
			r.waitUp("blue")
		}
	}
	cancel()
	traffic.Wait()
	if sent == 0 || received != sent {
		t.Errorf("%d of %d pings were answered", received, sent)
	}
	for _, pe := range r.PEs() {
		if l := r.link(pe, "red"); !isUp(l) || l.Since.String() != since[pe.Name] {
			t.Errorf("red of %s did not stay up: %s", pe.Name, asJSON(l))
		}
	}
	if now := r.peer(r.PE1); now.LocalID != connection.LocalID || now.Since != connection.Since {
		t.Errorf("the connection has changed: %s", asJSON(now))
	}
	for reason, n := range r.dropsByReason(r.PE1) {
		if n > drops[reason] && reason != "protocol not opened" { // blue was down in between
			t.Errorf("%d datagrams were dropped: %s", n-drops[reason], reason)
		}
	}

	// Both PEs now have only the other secret: after a restart they connect with it.
	r.stop(r.PE1)
	r.must(r.PE1.Restart(r.ctx))
	r.waitAllUp()
}

// An invalid configuration and one that requires a restart are refused: nothing changes, and the
// log names the key.
func TestReloadRefusesOtherChanges(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	red := r.link(r.PE1, "red")
	bad := r.PE1.Config().Quick()
	bad.Local.RouterID = "nowhere"
	r.reload(r.PE1, bad, "local.router_id")
	other := r.PE1.Config().Quick()
	other.Local.HostName = "other-name"
	r.reload(r.PE1, other, "local.hostname")
	if now := r.link(r.PE1, "red"); !isUp(now) || now.Since != red.Since {
		t.Errorf("red did not stay up: %s", asJSON(now))
	}
}
