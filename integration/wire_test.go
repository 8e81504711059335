package integration

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// All packets of two PEs on the provider network, from their start to their end: tshark dissects
// every control message and every PPP frame without a problem, and the digests match the secret.
func TestTsharkFindsNoProblems(t *testing.T) {
	for _, digest := range []string{"sha1", "md5"} {
		t.Run(digest, func(t *testing.T) {
			r := newRig(t, existingVRs)
			c := r.capture(r.PE1.NS, lab.ProviderInterface)
			r.start(r.PE1, withDigest(withRole(r.PE1.Config().Quick(), "passive"), digest))
			r.start(r.PE2, withDigest(withoutHello(r.PE2.Config().Quick()), digest))
			r.runAndShutDown()
			r.wantNoProblems(c)
		})
	}
}

// The same if both PEs start the control connection at the same time, so that the Control
// Connection Tie Breaker AVP decides (RFC 3931, section 5.4.3).
func TestTsharkFindsNoProblemsAfterTie(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.must(r.CutProvider())
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, withoutHello(r.PE2.Config().Quick()))
	for _, pe := range r.PEs() {
		r.wait("SCCRQ of "+pe.Name, func() (bool, string, error) {
			peers, err := pe.Client().Peers(r.ctx)
			return err == nil && peers[0].State == "wait-ctl-reply", asJSON(peers), err
		})
	}
	r.must(r.RestoreProvider())
	r.runAndShutDown()
	r.wantNoProblems(c)
}

// runAndShutDown makes the PEs exchange all kinds of messages and frames, and shuts them down.
func (r *rig) runAndShutDown() {
	r.Helper()
	r.waitAllUp()
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
	_, err := r.PE1.Sites["red"].Transfer(r.ctx, r.PE2.Sites["red"], 1<<18)
	r.must(err)
	r.waitHello(r.PE1)
	r.waitEchoes()
	r.stop(r.PE1)
	r.stop(r.PE2)
}

// wantNoProblems ends a capture of runAndShutDown, and checks that it has all kinds of messages and
// frames, and no problems.
func (r *rig) wantNoProblems(c *lab.Capture) []tshark.Frame {
	r.Helper()
	frames := r.readCapture(c)
	for _, problem := range tshark.Problems(frames) {
		r.Error(problem)
	}
	wantMessages(r, frames)
	wantFrames(r, frames)
	r.wantEndIDs(c.File)
	if r.Failed() {
		r.Log("packets on the wire, without user packets:")
		for _, f := range frames {
			if f.Carries() != "ip" {
				r.Log(f)
			}
		}
	}
	return frames
}

// waitHello waits until a PE has sent a HELLO: when all links are up it sends no other new control
// message. The other PE must run withoutHello.
func (r *rig) waitHello(pe *lab.PE) {
	r.Helper()
	before := r.peer(pe)
	r.wait("HELLO of "+pe.Name, func() (bool, string, error) {
		now, err := pe.Client().Peers(r.ctx)
		if err != nil {
			return false, "", err
		}
		return now[0].Sent > before.Sent, asJSON(now), nil
	})
}

// waitEchoes waits until every link has measured its round-trip time by an LCP echo.
func (r *rig) waitEchoes() {
	r.Helper()
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			r.wait("an LCP echo of "+vpn+" at "+pe.Name, func() (bool, string, error) {
				l, err := r.queryLink(pe, vpn)
				return l.EchoMS != nil, asJSON(l), err
			})
		}
	}
}

// wantMessages checks that every type of control message was captured.
func wantMessages(t testing.TB, frames []tshark.Frame) {
	t.Helper()
	seen := map[l2tp.MessageType]int{}
	for _, f := range frames {
		if f.HasType {
			seen[f.Type]++
		}
	}
	for _, want := range []l2tp.MessageType{
		l2tp.SCCRQ, l2tp.SCCRP, l2tp.SCCCN, l2tp.HELLO, l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN, l2tp.CDN, l2tp.StopCCN, l2tp.ACK,
	} {
		if seen[want] == 0 {
			t.Errorf("no %s on the wire, only %v", want, seen)
		}
	}
}

// wantFrames checks that every kind of PPP frame was captured.
func wantFrames(t testing.TB, frames []tshark.Frame) {
	t.Helper()
	seen := map[string]int{}
	for _, f := range frames {
		if carries := f.Carries(); carries != "" {
			seen[fmt.Sprintf("%s %d", carries, f.PPPCode)]++
		}
	}
	for _, want := range []string{ // codes of RFC 1661, section 5
		"lcp 1", "lcp 2", "ipcp 1", "ipcp 2", "ipv6cp 1", "ipv6cp 2", "lcp 9", "lcp 10", "ip 0",
	} {
		if seen[want] == 0 {
			t.Errorf("no %s on the wire, only %v", want, seen)
		}
	}
}

// wantEndIDs checks that the Remote End ID AVPs have the 7 octets of each VPN-ID, and no other
// value.
func (r *rig) wantEndIDs(file string) {
	r.Helper()
	ids, err := tshark.RemoteEndIDs(r.ctx, file, r.tsharkOptions())
	r.must(err)
	slices.SortFunc(ids, bytes.Compare)
	ids = slices.CompactFunc(ids, bytes.Equal)
	var want [][]byte
	for place := range r.VPNs {
		want = append(want, []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, byte(place + 1)})
	}
	if !slices.EqualFunc(ids, want, bytes.Equal) {
		r.Errorf("Remote End IDs %x on the wire, want %x", ids, want)
	}
}
