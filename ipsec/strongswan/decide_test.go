package strongswan

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// testTime is the time of each decision.
var testTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testChild is a CHILD SA of the test's flow.
func testChild(state string) childSA {
	return childSA{
		ChildSA: ipsec.ChildSA{State: state, LocalSPI: "c0000001", RemoteSPI: "c0000002"},
		localTS: []string{"192.0.2.1/32[udp/l2f]"}, remoteTS: []string{"192.0.2.2/32[udp/1703]"},
	}
}

// otherChild is a CHILD SA of another flow with the same peer.
func otherChild(state string) childSA {
	c := testChild(state)
	c.remoteTS = []string{"192.0.2.2/32[udp/l2f]"}
	return c
}

// testSA is an IKE SA that was established at testTime minus age.
func testSA(id, state string, age time.Duration, children ...childSA) ikeSA {
	return ikeSA{id: id, children: children, IKESA: ipsec.IKESA{State: state, Established: testTime.Add(-age)}}
}

// complete is a kernel that has everything testChild needs.
var complete = installed{
	policies: map[string]bool{policyKey(flow.Remote, 17, 1701, 1703): true},
	states:   map[uint32]netlink.XfrmStateStats{0xc0000001: {}, 0xc0000002: {}},
}

// decideCommand returns the command of decide as text, with the number of the IKE SA if it names
// one.
func decideCommand(x *peer, sas []ikeSA, inKernel installed) (command string, at time.Time) {
	act, at := x.decide(sas, inKernel, testTime)
	if act == nil {
		return "", at
	}
	return strings.TrimSpace(act.command + " " + act.fields["ike-id"]), at
}

// Each case is one decision, of the side that starts or of the other one.
func TestDecide(t *testing.T) {
	now, whole := testTime, complete
	sa, child := testSA, testChild
	up := []ikeSA{sa("1", "ESTABLISHED", time.Minute, child("INSTALLED"))}
	for _, tt := range []struct {
		name string
		peer peer
		sas  []ikeSA
		in   installed
		want string // the commands
	}{
		{"no SAs, this side starts", peer{want: ipsec.Peer{Starts: true}}, nil, whole, "initiate"},
		{"no SAs, too early for the next attempt", peer{want: ipsec.Peer{Starts: true}, attempts: 2, nextAt: now.Add(time.Second)}, nil, whole, ""},
		{"an attempt is under way", peer{want: ipsec.Peer{Starts: true}, attempts: 1, askedAt: now.Add(-5 * time.Second)}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, ""},
		{"an attempt without an answer", peer{want: ipsec.Peer{Starts: true}, attempts: 1, askedAt: now.Add(-20 * time.Second)}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, "terminate"},
		{"the peer initiates", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "CONNECTING", 0)}, whole, ""},
		{"an IKE SA without ESP", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute)}, whole, "initiate"},
		{"SAs are up", peer{want: ipsec.Peer{Starts: true}}, up, whole, ""},
		{"SAs are being rekeyed", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute, child("REKEYING"))}, whole, ""},
		{"two IKE SAs", peer{want: ipsec.Peer{Starts: true}}, append([]ikeSA{sa("2", "ESTABLISHED", 10*time.Second, child("INSTALLED"))}, up...), whole, "terminate 1"},
		{"two IKE SAs, and the peer starts", peer{}, append([]ikeSA{sa("2", "ESTABLISHED", 10*time.Second, child("INSTALLED"))}, up...), whole, ""},
		{"another flow is protected", peer{want: ipsec.Peer{Starts: true}}, []ikeSA{sa("1", "ESTABLISHED", time.Minute, otherChild("INSTALLED"))}, whole, "terminate"},
		{"missing in the kernel, once", peer{}, up, installed{}, ""},
		{"missing in the kernel, again", peer{incomplete: true}, up, installed{}, "terminate"},
		{"restart requested", peer{restart: true}, up, whole, "terminate"},
		{"no SAs, the peer starts", peer{}, nil, whole, ""},
		{"no SAs for long, the peer starts", peer{lostAt: now.Add(-time.Minute)}, nil, whole, "initiate"},
		{"no SAs, and the peer is informed", peer{lostAt: now.Add(-time.Minute), hinted: true}, nil, whole, ""},
	} {
		tt.peer.want.Name, tt.peer.want.Flow = "pe2", flow
		got, at := decideCommand(&tt.peer, tt.sas, tt.in)
		if got != tt.want || at.After(now.Add(compareInterval)) {
			t.Errorf("%s: command %q, want %q; next decision in %v", tt.name, got, tt.want, at.Sub(now))
		}
	}
}

// Each case is one decision, with the time of the next one and the state of the peer after it.
func TestDecideTimesAndState(t *testing.T) {
	now, past := testTime, func(d time.Duration) time.Time { return testTime.Add(-d) }
	starter := func(x peer) peer { x.want.Starts = true; return x }
	up := []ikeSA{testSA("1", "ESTABLISHED", time.Minute, testChild("INSTALLED"))}
	newer := testSA("2", "ESTABLISHED", 10*time.Second, testChild("INSTALLED"))
	connecting := []ikeSA{testSA("1", "CONNECTING", 0)}
	silent := "pe2 does not answer IKE at 192.0.2.2 (UDP ports 500 and 4500)"
	for _, tt := range []struct {
		name     string
		peer     peer
		sas      []ikeSA
		in       installed
		want     string        // the command
		wait     time.Duration // until the next decision; -1: until the next attempt
		wantPeer peer
	}{
		{
			"a CHILD SA carries traffic: what was noted of failures is cleared",
			starter(peer{attempts: 3, askedAt: past(time.Second), nextAt: now.Add(time.Hour), lostAt: past(time.Minute), hinted: true}),
			up, complete, "", compareInterval,
			starter(peer{askedAt: past(time.Second)}),
		},
		{
			"a restart ends the SAs and clears the attempts",
			starter(peer{restart: true, attempts: 3, nextAt: now.Add(time.Hour), lostAt: past(time.Hour)}),
			up, complete, "terminate", 0,
			starter(peer{lostAt: past(time.Hour)}),
		},
		{
			"a restart without SAs starts at once, even if the next attempt was planned later",
			starter(peer{restart: true, attempts: 9, nextAt: now.Add(time.Hour)}),
			nil, complete, "initiate", -1,
			starter(peer{attempts: 1, askedAt: now, lostAt: now}),
		},
		{
			"a restart without SAs of the other side waits for the peer",
			peer{restart: true, attempts: 9},
			nil, complete, "", compareInterval,
			peer{lostAt: now},
		},
		{
			"missing in the kernel for the first time: compare again soon",
			starter(peer{attempts: 1, restart: true}), up,
			installed{},
			"", settleTime,
			starter(peer{attempts: 1, restart: true, incomplete: true}),
		},
		{
			"missing in the kernel again: restart",
			starter(peer{attempts: 1, incomplete: true}), up,
			installed{},
			"terminate", 0,
			starter(peer{}),
		},
		{
			"missing once, and present again",
			peer{incomplete: true},
			up, complete, "", compareInterval,
			peer{},
		},
		{
			"a policy is missing in the kernel",
			peer{},
			up,
			installed{states: complete.states},
			"", settleTime,
			peer{incomplete: true},
		},
		{
			"charon is rekeying, so the kernel is not asked for the old SA",
			peer{},
			[]ikeSA{testSA("1", "ESTABLISHED", time.Minute, testChild("REKEYED"))},
			installed{},
			"", compareInterval,
			peer{},
		},
		{
			"a CHILD SA of another flow that is being set up is left alone",
			peer{lostAt: past(time.Second)},
			[]ikeSA{testSA("1", "ESTABLISHED", time.Minute, otherChild("CREATED"))},
			complete, "", compareInterval,
			peer{lostAt: past(time.Second)},
		},
		{
			"a CHILD SA of another flow beside the right one",
			peer{},
			[]ikeSA{testSA("1", "ESTABLISHED", time.Minute, testChild("INSTALLED"), otherChild("INSTALLED"))},
			complete, "terminate", 0,
			peer{},
		},
		{
			"two IKE SAs: the older ends",
			starter(peer{}), append([]ikeSA{newer}, up...), complete, "terminate 1", compareInterval,
			starter(peer{}),
		},
		{
			"two IKE SAs, the newest established just now",
			starter(peer{}), append([]ikeSA{testSA("2", "ESTABLISHED", time.Second/2, testChild("INSTALLED"))}, up...), complete, "", compareInterval,
			starter(peer{}),
		},
		{
			"the other side notes since when there are no SAs",
			peer{},
			nil, complete, "", compareInterval,
			peer{lostAt: now},
		},
		{
			"the other side waits until the hint is due",
			peer{lostAt: past(hintDelay - time.Second)},
			nil, complete, "", time.Second,
			peer{lostAt: past(hintDelay - time.Second)},
		},
		{
			"the other side gives one hint",
			peer{lostAt: past(hintDelay)},
			nil, complete, "initiate", compareInterval,
			peer{lostAt: past(hintDelay), hinted: true},
		},
		{
			"the other side gives no hint while the peer initiates",
			peer{lostAt: past(time.Hour)},
			connecting, complete, "", compareInterval,
			peer{lostAt: past(time.Hour)},
		},
		{
			"the first attempt",
			starter(peer{}), nil, complete, "initiate", -1,
			starter(peer{attempts: 1, askedAt: now, lostAt: now}),
		},
		{
			"an attempt is under way",
			starter(peer{attempts: 2, askedAt: past(patience - time.Second), lostAt: past(time.Minute)}), connecting, complete, "", compareInterval,
			starter(peer{attempts: 2, askedAt: past(patience - time.Second), lostAt: past(time.Minute)}),
		},
		{
			"an established IKE SA without a CHILD SA: charon has time to make one",
			starter(peer{attempts: 1, askedAt: past(time.Second), lostAt: past(time.Minute)}),
			[]ikeSA{testSA("1", "ESTABLISHED", time.Second)},
			complete, "", compareInterval,
			starter(peer{attempts: 1, askedAt: past(time.Second), lostAt: past(time.Minute)}),
		},
		{
			"before the next attempt is due",
			starter(peer{attempts: 2, nextAt: now.Add(time.Second), lostAt: past(time.Minute)}), nil, complete, "", time.Second,
			starter(peer{attempts: 2, nextAt: now.Add(time.Second), lostAt: past(time.Minute)}),
		},
		{
			"the next attempt is due later than the next comparison",
			starter(peer{attempts: 2, nextAt: now.Add(time.Hour), lostAt: past(time.Minute)}), nil, complete, "", compareInterval,
			starter(peer{attempts: 2, nextAt: now.Add(time.Hour), lostAt: past(time.Minute)}),
		},
		{
			"the peer initiates: it has as much time as an attempt of ours",
			starter(peer{}), connecting, complete, "", compareInterval,
			starter(peer{attempts: 1, askedAt: now, lostAt: now}),
		},
		{
			"an attempt without an answer",
			starter(peer{attempts: 1, askedAt: past(patience), nextAt: past(time.Second), lostAt: past(time.Minute)}), connecting, complete, "terminate", 0,
			starter(peer{
				attempts: 1, askedAt: past(patience), nextAt: past(time.Second), lostAt: past(time.Minute),
				failure: silent, failureKind: ipsec.FailureSilent, failureAt: now,
			}),
		},
		{
			"an attempt that has failed for a reason in charon's log",
			starter(peer{attempts: 1, askedAt: past(patience), lostAt: past(time.Minute), failure: "log", failureAt: past(time.Second)}), connecting, complete, "terminate", 0,
			starter(peer{attempts: 1, askedAt: past(patience), lostAt: past(time.Minute), failure: "log", failureAt: past(time.Second)}),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, want := tt.peer, tt.wantPeer
			x.want.Name, x.want.Flow = "pe2", flow
			want.want.Name, want.want.Flow = "pe2", flow
			command, at := decideCommand(&x, tt.sas, tt.in)
			if command != tt.want {
				t.Errorf("command %q, want %q", command, tt.want)
			}
			if tt.wait < 0 { // an attempt: the next one is due after a back-off with jitter
				if pause := x.nextAt.Sub(now); pause < time.Second/2 || pause >= time.Second || !at.Equal(x.nextAt) {
					t.Errorf("next attempt in %v and next decision in %v, want both in 0.5 s to 1 s", pause, at.Sub(now))
				}
				want.nextAt = x.nextAt
			} else if at.Sub(now) != tt.wait {
				t.Errorf("next decision in %v, want %v", at.Sub(now), tt.wait)
			}
			if !reflect.DeepEqual(x, want) {
				t.Errorf("the peer is\n%+v, want\n%+v", x, want)
			}
		})
	}
}
