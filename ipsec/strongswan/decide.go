package strongswan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// retry spaces the attempts to establish SAs with one peer. Its jitter keeps many peers from
// starting at once.
var retry = timing.Backoff{Min: time.Second, Max: 30 * time.Second}

// survey is what charon and the kernel have of a peer's SAs.
type survey struct {
	sas         []ikeSA // all IKE SAs
	established []ikeSA // those that are established
	up          bool    // a CHILD SA carries the flow
	incomplete  bool    // the kernel lacks an SA or a policy that charon has installed
	foreign     bool    // a CHILD SA carries another flow
}

// inspect compares the SAs that charon has with a peer with its flow and with the kernel.
func (x *peer) inspect(sas []ikeSA, inKernel installed) survey {
	found := survey{sas: sas}
	for _, sa := range sas {
		if sa.State == "ESTABLISHED" {
			found.established = append(found.established, sa)
		}
		for _, c := range sa.children {
			switch {
			case !c.carriesTraffic():
			case !carries(x.want.Flow, c.localTS, c.remoteTS):
				found.foreign = true
			default:
				found.up = true
				found.incomplete = found.incomplete || c.State == "INSTALLED" && !inKernel.has(x.want.Flow, c)
			}
		}
	}
	return found
}

// decide returns the command that the SAs with a peer require, nil if none, and the latest time of
// the next decision. It does no I/O; it records attempts and failures in x.
func (x *peer) decide(sas []ikeSA, inKernel installed, now time.Time) (*action, time.Time) {
	found := x.inspect(sas, inKernel)
	incompleteAgain := found.incomplete && x.incomplete
	x.incomplete = found.incomplete
	if found.incomplete && !incompleteAgain { // charon may be changing the kernel right now
		return nil, now.Add(settleTime)
	}
	if x.restart || found.foreign || incompleteAgain {
		x.restart, x.incomplete, x.attempts, x.nextAt = false, false, 0, time.Time{}
		if len(sas) > 0 {
			return terminate(x.connection()), now
		}
	}
	if found.up {
		return x.keep(found, now)
	}
	if x.lostAt.IsZero() {
		x.lostAt = now
	}
	if x.want.Starts {
		return x.establish(found, now)
	}
	return x.hint(found, now)
}

// connection is the name of the peer's connection and CHILD SA in charon.
func (x *peer) connection() string { return prefix + x.want.Name }

// keep decides while a CHILD SA carries the flow. Two IKE SAs exist if both sides started at the
// same time, or after a restart of one side: the side that starts keeps the newest.
func (x *peer) keep(found survey, now time.Time) (*action, time.Time) {
	x.attempts, x.nextAt, x.lostAt, x.hinted = 0, time.Time{}, time.Time{}, false
	next := now.Add(compareInterval)
	if !x.want.Starts || len(found.established) < 2 {
		return nil, next
	}
	newest := slices.MaxFunc(found.established, func(a, b ikeSA) int { return a.Established.Compare(b.Established) })
	if now.Sub(newest.Established) <= settleTime {
		return nil, next
	}
	older := slices.IndexFunc(found.established, func(sa ikeSA) bool { return sa.id != newest.id })
	if older < 0 {
		return nil, next
	}
	return terminateOne(found.established[older].id), next
}

// hint decides while no CHILD SA carries the flow, on the side that does not start. The side that
// starts does not know if our charon was killed, or restarted with this configuration: it keeps
// SAs that no longer exist here until its dead peer detection finds out. An attempt from this side
// informs it.
func (x *peer) hint(found survey, now time.Time) (*action, time.Time) {
	next := now.Add(compareInterval)
	if x.hinted || len(found.sas) > 0 {
		return nil, next
	}
	if due := x.lostAt.Add(hintDelay); now.Before(due) {
		return nil, timing.Earliest(next, due)
	}
	x.hinted = true
	return initiate(x.connection()), next
}

// establish decides while no CHILD SA carries the flow, on the side that starts.
func (x *peer) establish(found survey, now time.Time) (*action, time.Time) {
	next := now.Add(compareInterval)
	underWay := len(found.sas) > 0 && x.attempts > 0 && now.Sub(x.askedAt) < patience
	connecting := len(found.sas) > len(found.established)
	switch {
	case underWay:
		return nil, next
	case now.Before(x.nextAt):
		return nil, timing.Earliest(next, x.nextAt)
	case connecting && x.attempts == 0: // the peer has started: it has as much time as our attempt
		x.askedAt, x.attempts = now, 1
		return nil, next
	case connecting: // no answer, or one that leads nowhere
		if x.failureAt.Before(x.askedAt) {
			x.fail(now, ipsec.FailureSilent, fmt.Sprintf("%s does not answer IKE at %s (UDP ports 500 and 4500)", x.want.Name, x.want.Flow.Remote))
		}
		return terminate(x.connection()), now
	}
	x.askedAt = now
	x.nextAt = now.Add(retry.Delay(x.attempts, rand.Uint32()))
	x.attempts++
	return initiate(x.connection()), timing.Earliest(next, x.nextAt)
}
