package guard

import (
	"net/netip"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

const port = 1701

// variant is a kind of flow, and of authentication.
type variant struct {
	overIPv6     bool
	overIP       bool // protocol 115
	certificates bool
}

// rig is two routers with a protected flow between them.
type rig struct {
	*labtest.Rig
	variant
	ca    *lab.CA
	sides [2]*side
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Rig: labtest.New(t, labtest.Options{
		Options:     lab.Options{VPNs: []string{"red"}},
		TestTimeout: 15 * time.Minute, WaitTimeout: 2 * time.Minute, LogLines: 80,
	})}
	var flows []lab.ProtectedFlow
	for _, f := range [][2]netip.Addr{
		{r.PE1.Address, r.PE2.Address},
		{r.PE1.Address6, r.PE2.Address6},
		{clearAddress, r.PE2.Address},
		{clearAddress6, r.PE2.Address6},
	} {
		flows = append(flows, lab.ProtectedFlow{A: f[0], B: f[1]}, lab.ProtectedFlow{A: f[0], B: f[1], Ports: []uint16{port}})
	}
	r.WatchLeaks(flows...)
	var err error
	r.ca, err = lab.NewCA("the provider's")
	r.Must(err)
	r.StartCharons()
	for i, pe := range r.Pair() {
		r.sides[i] = newSide(r, pe, r.Charons[i])
	}
	t.Cleanup(func() {
		for _, s := range r.sides {
			s.finish()
		}
	})
	return r
}

// begin starts a part of the test, with protected traffic of that variant.
func (r *rig) begin(t *testing.T, v variant) {
	t.Helper()
	if r.variant != v || !r.sides[0].Started() || !r.sides[1].Started() {
		r.protect(v)
	}
	r.waitTraffic()
	for _, s := range r.sides {
		s.waitOnePair()
	}
	t.Cleanup(r.CheckLeaks)
}

// protect protects a flow on both sides in place of the previous one, and starts traffic on it.
func (r *rig) protect(v variant) {
	r.Helper()
	r.variant = v
	for _, s := range r.sides {
		s.Stop()
		s.peer = r.peer(s.pe)
		r.Must(s.protect(s.peer))
	}
	for _, s := range r.sides {
		s.startTraffic()
	}
}

func (r *rig) address(pe *lab.PE) netip.Addr {
	if r.overIPv6 {
		return pe.Address6
	}
	return pe.Address
}

// peer is what a router protects, with short timers.
func (r *rig) peer(pe *lab.PE) ipsec.Peer {
	p := ipsec.Peer{
		Name:   pe.Peer.Name,
		Flow:   ipsec.Flow{Local: r.address(pe), Remote: r.address(pe.Peer)},
		Auth:   ipsec.Auth{PSK: []byte("a secret of the two")},
		IKE:    ipsec.IKE{Proposals: []string{"aes256gcm16-prfsha384-ecp256"}, Rekey: 4 * time.Hour, DPD: 2 * time.Second},
		Child:  ipsec.Child{Proposals: []string{"aes256gcm16-ecp256"}, Rekey: time.Hour, ReplayWindow: 128},
		Starts: pe.Number == 1,
	}
	if !r.overIP {
		p.Flow.LocalPort, p.Flow.RemotePort = port, port
	}
	if r.certificates {
		certificate, key, err := r.ca.Issue(pe.Name + ".example.net")
		r.Must(err)
		p.Auth = ipsec.Auth{
			LocalID: pe.Name + ".example.net", RemoteID: pe.Peer.Name + ".example.net",
			Certificate: certificate, PrivateKey: key, CAs: [][]byte{r.ca.PEM},
		}
	}
	return p
}

// waitTraffic waits until traffic passes both ways.
func (r *rig) waitTraffic() {
	r.Helper()
	r.WaitTraffic("traffic", labtest.Traffic{r.sides[0].End, r.sides[1].End}, 10, nil)
}

// waitNoTraffic waits until no traffic passes.
func (r *rig) waitNoTraffic() {
	r.Helper()
	r.WaitNoTraffic("traffic", labtest.Traffic{r.sides[0].End, r.sides[1].End}, 200*time.Millisecond)
}
