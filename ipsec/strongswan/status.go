package strongswan

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// Status fills in the SAs with a peer, and what is known of charon. It queries charon and the
// kernel.
func (m *KeyManager) Status(name string, status *ipsec.Status) {
	m.mu.Lock()
	session := m.session
	if session != nil {
		status.KeyManager = m.version
	}
	if m.err != nil {
		status.KeyManagerError = m.err.Error()
	}
	var flow ipsec.Flow
	x := m.peers[name]
	if x != nil {
		status.LastError, status.LastErrorAt, status.Failure = x.failure, x.failureAt, x.failureKind
		flow = x.want.Flow
		if x.refused != nil {
			status.KeyManagerError = x.refused.Error()
		}
	}
	m.mu.Unlock()
	if session == nil || x == nil {
		return
	}
	messages, err := session.list(prefix + name)
	if err != nil {
		status.KeyManagerError = err.Error()
		return
	}
	states, _ := m.kernel.states() // without them the counters are zero
	var newest *ikeSA
	for _, message := range messages {
		for _, sa := range parse(message, time.Now()) {
			if newest == nil || rank(sa) >= rank(*newest) {
				newest = &sa
			}
			for _, c := range sa.children {
				if !c.carriesTraffic() || !carries(flow, c.localTS, c.remoteTS) {
					continue
				}
				if s, ok := states[spi(c.LocalSPI)]; ok {
					c.Replays, c.IntegrityFailures = uint64(s.Replay)+uint64(s.ReplayWindow), uint64(s.Failed)
				}
				status.Children = append(status.Children, c.ChildSA)
			}
		}
	}
	if newest != nil {
		status.IKE = &newest.IKESA
	}
	if len(status.Children) > 0 { // the last failure is over
		status.LastError, status.LastErrorAt, status.Failure = "", time.Time{}, ipsec.FailureOther
	}
	slices.SortFunc(status.Children, func(a, b ipsec.ChildSA) int { return b.Installed.Compare(a.Installed) })
}

// rank orders IKE SAs: Status shows the last one of the highest rank.
func rank(sa ikeSA) int {
	return slices.Index([]string{"CONNECTING", "REKEYED", "REKEYING", "ESTABLISHED"}, sa.State)
}
