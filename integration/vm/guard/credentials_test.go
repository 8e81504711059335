package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// A router can authenticate with its pre-shared key as itself alone. Here pe2, at an address where
// pe3 is expected, claims to be pe3.
func testImpostor(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s, impostor := r.sides[0], r.sides[1]
	named := func(p ipsec.Peer, local, remote string) ipsec.Peer {
		p.Auth.LocalID, p.Auth.RemoteID = local+".example.net", remote+".example.net"
		return p
	}
	r.Must(s.protect(named(s.peer, "pe1", "pe2")))
	r.Must(impostor.protect(named(impostor.peer, "pe2", "pe1")))
	r.waitTraffic() // with their own identities

	r.variant.overIPv6 = true
	pe3, forged := named(r.peer(s.pe), "pe1", "pe3"), named(r.peer(impostor.pe), "pe3", "pe1")
	r.variant.overIPv6 = false
	pe3.Name, pe3.Starts, pe3.Auth.PSK = "pe3", false, []byte("a secret of pe1 and pe3")
	forged.Name, forged.Starts = "forged", true
	since := s.eventCount()
	r.Must(s.protect(pe3))
	r.Must(impostor.protect(forged))
	r.Wait("pe1 to refuse pe2 as pe3", func() (bool, string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.events[since:] {
			if e.Peer == "pe3" && (e.Kind == ipsec.IKEUp || e.Kind == ipsec.ChildUp) {
				return false, "", fmt.Errorf("pe1 accepts pe2 as pe3: %s", e.Text)
			}
		}
		return slices.ContainsFunc(s.events[since:], func(e ipsec.Event) bool {
			return e.Peer == "pe3" && e.Text == "the pre-shared key of pe3 differs from ours"
		}), fmt.Sprintf("%+v", s.events[since:]), nil
	})
	r.Must(s.guard.Release(pe3.Name))
	r.Must(impostor.guard.Release(forged.Name))
	r.waitTraffic()
	r.protect(variant{})
	r.waitTraffic()
}

// left is the configuration that a killed run has left in strongSwan.
const left = `
connections {
	l2tpvl-%[1]s {
		version = 2
		local_addrs = %[2]s
		remote_addrs = %[3]s
		proposals = aes256gcm16-prfsha384-ecp256
		local { auth = psk
			id = %[2]s }
		remote { auth = psk
			id = %[3]s }
		children { l2tpvl-%[1]s {
			mode = transport
			local_ts = dynamic[udp/%[4]d]
			remote_ts = dynamic[udp/%[4]d]
			esp_proposals = aes256gcm16-ecp256
			start_action = start } }
	}
}
secrets {
	ike-left { id = %[3]s
		secret = "a secret of the two" }
}
`

// Security associations of an earlier run, established with credentials that are no longer
// configured, end with the first Protect of the next run.
func testWithdrawn(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	r.Must(s.guard.Close())
	r.waitNoTraffic()
	file := filepath.Join(r.Dir, "left.conf")
	r.Must(os.WriteFile(file, fmt.Appendf(nil, left, s.peer.Name, s.peer.Flow.Local, s.peer.Flow.Remote, port), 0o600))
	out, err := s.charon.Swanctl("--load-all", "--file", file)
	if err != nil {
		r.Fatalf("%v: %s", err, out)
	}
	r.waitTraffic()
	_, err = s.charon.Do("unload-shared", map[string]string{"id": "ike-left"})
	r.Must(err)

	s.newGuard()
	wrong := s.peer
	wrong.Auth.PSK = []byte("the new secret")
	since := s.eventCount()
	r.Must(s.protect(wrong))
	s.waitEvent(since, ipsec.AuthenticationFailed)
	r.waitNoTraffic()
	r.Must(s.protect(s.peer))
	r.waitTraffic()
}

// keys are charon's IDs of its private keys.
func (s *side) keys() []string {
	answer, err := s.charon.Do("get-keys", nil)
	s.r.Must(err)
	names, _ := answer.Get("keys").([]string)
	return names
}

// A private key that another program has loaded too stays when no peer needs it any more. One that
// only we have loaded is unloaded.
func testForeignKey(t *testing.T, r *rig) {
	r.begin(t, variant{certificates: true})
	s := r.sides[0]
	if n := len(s.keys()); n != 1 {
		t.Fatalf("%d private keys, want ours alone", n)
	}
	s.Stop()
	r.Must(s.guard.Release(s.peer.Name))
	if keys := s.keys(); len(keys) != 0 {
		t.Errorf("private keys %q are left", keys)
	}
	answer, err := s.charon.Do("load-key", map[string]string{"type": "any", "data": string(s.peer.Auth.PrivateKey)})
	r.Must(err)
	foreign, _ := answer.Get("id").(string)
	r.Must(s.protect(s.peer))
	s.startTraffic()
	r.waitTraffic()
	s.Stop()
	r.Must(s.guard.Release(s.peer.Name))
	if keys := s.keys(); !slices.Contains(keys, foreign) {
		t.Errorf("private keys %q, want %s, which another program has loaded", strings.Join(keys, " "), foreign)
	}
	_, err = s.charon.Do("unload-key", map[string]string{"id": foreign})
	r.Must(err)
}

// A flow that is released while strongSwan does not answer is removed from it once it answers.
func testReleasedWhileHanging(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	since := s.eventCount()
	r.Must(s.charon.Pause())
	s.waitEvent(since, ipsec.KeyManagerGone)
	s.Stop()
	r.Must(s.guard.Release(s.peer.Name))
	r.Must(s.charon.Resume())
	r.Wait("no configuration of ours in strongSwan", func() (bool, string, error) {
		connections, err := s.charon.Connections()
		return !slices.Contains(connections, s.connection()) && !s.hasSecret(), fmt.Sprintf("%q", connections), err
	})
}
