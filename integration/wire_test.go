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

// The life of two PEs from their start to their end, as a wiretap on the provider network sees it:
// tshark dissects every control message and every PPP frame, finds nothing to object to, and the
// digests fit the secret.
func TestTsharkFindsNoProblems(t *testing.T) {
	for _, digest := range []string{"sha1", "md5"} {
		t.Run(digest, func(t *testing.T) {
			r := newRig(t, found)
			c := r.capture(r.PE1.NS, lab.ProviderInterface)
			r.start(r.PE1, withDigest(withRole(r.PE1.Config().Quick(), "passive"), digest))
			r.start(r.PE2, withDigest(withoutHello(r.PE2.Config().Quick()), digest))
			r.liveToTheEnd()
			r.wantFaultless(c)
		})
	}
}

// The same where both PEs call at once, so that the Control Connection Tie Breaker AVP decides (RFC
// 3931 section 5.4.3).
func TestTsharkFindsNoProblemsAfterTie(t *testing.T) {
	r := newRig(t, found)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.must(r.CutProvider())
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, withoutHello(r.PE2.Config().Quick()))
	for _, pe := range r.PEs() {
		r.wait(pe.Name+" to call", func() (bool, string, error) {
			peers, err := pe.Client().Peers(r.ctx)
			return err == nil && peers[0].State == "wait-ctl-reply", asJSON(peers), err
		})
	}
	r.must(r.RestoreProvider())
	r.liveToTheEnd()
	r.wantFaultless(c)
}

// liveToTheEnd has the PEs do all that they do in their lives, and shuts them down.
func (r *rig) liveToTheEnd() {
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

// wantFaultless ends a capture of such lives, and wants all of it there, and faultless.
func (r *rig) wantFaultless(c *lab.Capture) []tshark.Frame {
	r.Helper()
	frames := r.readCapture(c)
	for _, problem := range tshark.Problems(frames) {
		r.Error(problem)
	}
	wantMessages(r, frames)
	wantFrames(r, frames)
	r.wantEndIDs(c.File)
	if r.Failed() {
		r.Log("on the wire, but for user packets:")
		for _, f := range frames {
			if f.Carries() != "ip" {
				r.Log(f)
			}
		}
	}
	return frames
}

// waitHello waits until a PE has sent a Hello: nothing else is new to a peer when all links are up.
// The other PE runs withoutHello.
func (r *rig) waitHello(pe *lab.PE) {
	r.Helper()
	before := r.peer(pe)
	r.wait("a Hello of "+pe.Name, func() (bool, string, error) {
		now, err := pe.Client().Peers(r.ctx)
		if err != nil {
			return false, "", err
		}
		return now[0].Sent > before.Sent, asJSON(now), nil
	})
}

// waitEchoes waits until every link has measured its round trip by LCP echo.
func (r *rig) waitEchoes() {
	r.Helper()
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			r.wait("an LCP echo", func() (bool, string, error) {
				l, err := r.askLink(pe, vpn)
				return l.EchoMS != nil, asJSON(l), err
			})
		}
	}
}

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
			t.Errorf("no %s on the wire, but %v", want, seen)
		}
	}
}

// wantFrames wants every kind of PPP frame that a link has in its life.
func wantFrames(t testing.TB, frames []tshark.Frame) {
	t.Helper()
	seen := map[string]int{}
	for _, f := range frames {
		if carries := f.Carries(); carries != "" {
			seen[fmt.Sprintf("%s %d", carries, f.PPPCode)]++
		}
	}
	for _, want := range []string{ // codes of RFC 1661 section 5
		"lcp 1", "lcp 2", "ipcp 1", "ipcp 2", "ipv6cp 1", "ipv6cp 2", "lcp 9", "lcp 10", "ip 0",
	} {
		if seen[want] == 0 {
			t.Errorf("no %s on the wire, but %v", want, seen)
		}
	}
}

// wantEndIDs wants the 7 octets of each VPN-ID in the Remote End ID AVPs, and nothing else.
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
