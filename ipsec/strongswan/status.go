package strongswan

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// Status fills in what charon and the kernel know of a peer.
func (m *Manager) Status(name string, status *ipsec.Status) {
	m.mu.Lock()
	session := m.session
	if session != nil {
		status.Manager = m.version
	}
	if m.err != nil {
		status.ManagerError = m.err.Error()
	}
	var flow ipsec.Flow
	x := m.peers[name]
	if x != nil {
		status.LastError, status.LastErrorAt, status.Failure = x.failure, x.failureAt, x.failureKind
		flow = x.want.Flow
		if x.refused != nil {
			status.ManagerError = x.refused.Error()
		}
	}
	m.mu.Unlock()
	if session == nil || x == nil {
		return
	}
	messages, err := session.list(prefix + name)
	if err != nil {
		status.ManagerError = err.Error()
		return
	}
	states, _ := m.kernel.states() // without them the counts are missing
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
	if len(status.Children) > 0 { // what had failed has not any more
		status.LastError, status.LastErrorAt, status.Failure = "", time.Time{}, ipsec.FailureOther
	}
	slices.SortFunc(status.Children, func(a, b ipsec.ChildSA) int { return b.Installed.Compare(a.Installed) })
}

// rank says which of two IKE SAs is to be shown.
func rank(sa ikeSA) int {
	return slices.Index([]string{"CONNECTING", "REKEYED", "REKEYING", "ESTABLISHED"}, sa.State)
}
