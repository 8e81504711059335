package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

var update = flag.Bool("update", false, "write testdata/explain.txt and docs/metrics.md")

var explained = time.Date(2026, 7, 29, 14, 2, 23, 0, time.UTC)

func before(d time.Duration) time.Time { return explained.Add(-d) }

// healthy returns a view with a link that is up.
func healthy() *View {
	four := netip.MustParseAddr
	return &View{
		Now:    explained,
		Class:  config.IPsecNone,
		Config: config.Peer{Name: "pe2", Address: four("192.0.2.2"), Port: 1702},
		Path:   Path{Open: true, Local: "192.0.2.1:1702", MTU: 1500},
		PairStatus: session.PairStatus{
			Peer: "pe2",
			Connection: &session.ConnectionStatus{
				State: control.Established, Since: before(3 * time.Hour), Initiator: true, ID: 0x5f1c22ab, PeerID: 0x0911e0d3,
				LastHeard: before(400 * time.Millisecond), Counters: control.Counters{PeerWindow: 128, Retransmitted: 1},
			},
			Links: []session.LinkStatus{{
				Config: session.LinkConfig{
					VPN: "red", VPNID: endid.New(0x5e, 1), VR: vr.Spec{NetNS: "red"}, Interface: "vl-red-pe2",
					PPP: ppp.Config{IPv4: &ppp.IPv4Config{}, IPv6: &ppp.IPv6Config{}},
				},
				Up: true, Since: before(2 * time.Hour), Attempt: 1, Ready: true, Open: dataplane.IPv4 | dataplane.IPv6,
				Session: &session.SessionStatus{State: control.SessionEstablished, Initiator: true, ID: 0x1a, PeerID: 0x2b},
				PPP: &ppp.Status{
					LCP: ppp.Opened, PeerMRU: 1452, IPCP: ppp.Opened, IPV6CP: ppp.Opened,
					Echo: ppp.EchoStatus{Measured: true, RTT: 800 * time.Microsecond, Sent: 1440, Lost: 2},
				},
				Interface: vr.Interface{
					MTU: 1452, Up: true, Local: four("10.255.0.0"), Peer: four("10.255.0.1"), LinkLocal: 1, PeerLinkLocal: 2,
					Routes: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")},
				},
			}},
		},
	}
}

// noConnection removes the control connection and everything above it.
func noConnection(v *View) {
	v.Connection = nil
	noSession(&v.Links[0])
}

// noSession removes the session and everything above it.
func noSession(l *session.LinkStatus) {
	l.Up, l.Since, l.Attempt, l.Ready, l.Open = false, before(12*time.Second), 0, false, 0
	l.Session, l.PPP, l.Interface = nil, nil, vr.Interface{}
}

// failedAttempt makes the link wait for its next attempt.
func failedAttempt(layer session.Layer, reason string) func(*View, *session.LinkStatus) {
	return func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Layer, l.Reason, l.Failures, l.CallAt = layer, reason, 5, explained.Add(4*time.Second)
	}
}

// refusedBy makes the peer refuse the session, or end it, by a CDN.
func refusedBy(code l2tp.CDNCode, reason string) func(*View, *session.LinkStatus) {
	return func(v *View, l *session.LinkStatus) {
		failedAttempt(session.LayerSession, fmt.Sprintf("refused by pe2: %s (CDN result %d)", reason, code))(v, l)
		l.Refused = code
	}
}

// ended makes the control connection fail.
func ended(cause control.Cause, result l2tp.Result, text string) func(*View, *session.LinkStatus) {
	return func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Control.Ended, v.Control.Why = true, control.Reason{Cause: cause, Result: result, Text: text}
		v.Control.RetryAt, v.Control.Failures = explained.Add(8*time.Second), 3
	}
}

// connecting makes the control connection wait for the peer's answer, after so many
// retransmissions.
func connecting(v *View, retries int) {
	noConnection(v)
	v.Connection = &session.ConnectionStatus{
		State: control.WaitCtlReply, Since: before(3 * time.Second), ID: 1, Counters: control.Counters{Retries: retries},
	}
}

// makeStatic makes the link static.
func makeStatic(v *View, l *session.LinkStatus) {
	v.Connection, v.Static = nil, &session.StaticTunnel{LocalID: 3001, PeerID: 4001}
	v.Config.Signalling = config.SignallingStatic
	v.Path.Stats.LastHeard = before(2 * time.Second)
	l.Config.Static = &session.StaticSession{LocalID: 11, PeerID: 22, LocalCookie: []byte{0x5c, 0xa1, 0xab, 0x1e}}
	l.Session = &session.SessionStatus{State: control.SessionStatic, ID: 11, PeerID: 22}
}

// unansweredStatic makes the link static and its PPP unanswered; evidence adds what shows the
// cause.
func unansweredStatic(evidence func(*View, *session.LinkStatus)) func(*View, *session.LinkStatus) {
	return func(v *View, l *session.LinkStatus) {
		makeStatic(v, l)
		v.Path.Stats.LastHeard = time.Time{}
		failedAttempt(session.LayerLCP, "the peer did not answer 10 Configure-Requests")(v, l)
		evidence(v, l)
	}
}

// situation changes a healthy link into one that is not.
type situation struct {
	name string
	make func(*View, *session.LinkStatus)
}

// situations break each layer once, or more than once where the advice differs.
var situations = []situation{
	{"up", func(*View, *session.LinkStatus) {}},
	{"up, unnumbered, without IPv6", func(_ *View, l *session.LinkStatus) {
		l.Config.PPP.IPv6, l.Open, l.Interface = nil, dataplane.IPv4, vr.Interface{MTU: 1452, Up: true}
		l.PPP.IPV6CP, l.PPP.Echo.Measured, l.Session.Initiator = ppp.Initial, false, false
	}},
	{"no local address yet", func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Path = Path{
			Err: errors.New("this host has no address 192.0.2.1 (local.address) yet: cannot assign requested address"), RetryAt: explained.Add(2 * time.Second),
		}
	}},
	{"control connection requested", func(v *View, l *session.LinkStatus) { connecting(v, 0) }},
	{"no answer", func(v *View, _ *session.LinkStatus) { connecting(v, 2) }},
	{"no answer, with an ICMP error", func(v *View, _ *session.LinkStatus) {
		connecting(v, 2)
		v.Path.Hint, v.Path.HintAt = syscall.ECONNREFUSED, before(time.Second)
	}},
	{"no answer over IP, to a VRF", func(v *View, l *session.LinkStatus) {
		connecting(v, 2)
		v.Config.Encapsulation = config.EncapsulationIP
		l.Config.VR = vr.Spec{VRF: "red", Table: 1001}
	}},
	{"no answer over IP, with an ICMP error", func(v *View, _ *session.LinkStatus) {
		connecting(v, 2)
		v.Config.Encapsulation = config.EncapsulationIP
		v.Path.Hint, v.Path.HintAt = syscall.ENOPROTOOPT, before(time.Second)
	}},
	{"attempt failed without an answer", ended(control.CauseSilent, l2tp.Result{}, "no answer to 11 transmissions in 1m11s")},
	{"passive", func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Config.Role = config.RolePassive
	}},
	{"secrets differ", func(v *View, _ *session.LinkStatus) {
		connecting(v, 2)
		v.Control.RefusedAuth = before(2 * time.Second)
	}},
	{"peer shut down", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, "the peer has shut down")},
	{"not authorized", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopNotAuthorized)}, "StopCCN from the peer: requester is not authorized to establish a control connection")},
	{"refused otherwise", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopGeneralError)}, "StopCCN from the peer: general error: insufficient resources to handle this operation now")},
	{"peer does not complete the setup", ended(control.CauseTimeout, l2tp.Result{}, "the peer did not complete the connection setup (state wait-ctl-reply)")},
	{"protocol violated", ended(control.CauseProtocol, l2tp.Result{}, "general error: one of the field values was out of range")},
	{"tie", ended(control.CauseTie, l2tp.Result{}, "both ends requested a control connection at the same time, with equal tie breakers")},
	{"control connection in state wait-ctl-conn", func(v *View, _ *session.LinkStatus) {
		connecting(v, 0)
		v.Connection.State = control.WaitCtlConn
	}},
	{"session request queued", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Queued = true
	}},
	{"peer requests the session first", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.CallAt = explained.Add(1200 * time.Millisecond)
	}},
	{"session requested", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitReply, Initiator: true, ID: 0x1a}
	}},
	{"session request answered", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitReply, Initiator: true, ID: 0x1a, PeerID: 0x2b}
	}},
	{"session requested by the peer", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitConnect, ID: 0x1a, PeerID: 0x2b}
	}},
	{"VPN unknown at the peer", refusedBy(l2tp.CDNPermanentFacilities, `VPN-ID 00005e:00000001 is not configured for peer "pe1"`)},
	{"protected at the peer", refusedBy(l2tp.CDNPermanentFacilities, "VPN 00005e:00000001 requires IPsec here, but this connection is clear")},
	{"clear, peer requests under IPsec", func(v *View, l *session.LinkStatus) {
		refusedBy(l2tp.CDNPermanentFacilities, "VPN 00005e:00000001 requires IPsec here, but this connection is clear")(v, l)
		v.WrongClass = map[endid.VPNID]time.Time{l.Config.VPNID: before(3 * time.Second)}
	}},
	{"interface set down", func(_ *View, l *session.LinkStatus) {
		l.Up, l.SetDown, l.Paused = false, true, true
		l.Layer, l.Reason = session.LayerInterface, "vl-red-pe2 is administratively down"
	}},
	{"interface set down at the peer", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Paused = false, true
		l.Layer, l.Reason = session.LayerInterface, "the interface at pe2 is down"
	}},
	{"interface at the peer not ready from the start", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Paused, l.Open = false, true, 0
		l.PPP.LCP, l.PPP.IPCP, l.PPP.IPV6CP = ppp.ReqSent, ppp.Starting, ppp.Starting
		l.Layer, l.Reason = session.LayerInterface, "the interface at pe2 is not ready: inactive,receive fault"
	}},
	{"peer cannot create its end", refusedBy(l2tp.CDNTemporaryFacilities, "no device left")},
	{"peer lost the link", refusedBy(l2tp.CDNLostCarrier, "3 LCP echoes unanswered for 15 s")},
	{"ended by the operator of the peer", refusedBy(l2tp.CDNAdministrative, "shutting down")},
	{"refused for another reason", refusedBy(l2tp.CDNUnsupportedPseudowire, "session not established due to unsupported PW type")},
	{"session setup not completed", failedAttempt(session.LayerSession, "the peer did not complete the session setup (state wait-reply)")},
	{"interface cannot be created", failedAttempt(session.LayerDataPlane, "interface vl-red-pe2: create TUN device: an interface with this name exists: file already exists")},
	{"LCP in progress", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.AckSent}
	}},
	{"session established after a refusal", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason, l.Refused = session.LayerSession, "refused by pe2: no device left (CDN result 4)", l2tp.CDNTemporaryFacilities
	}},
	{"session established after a failure of the data plane", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason = session.LayerDataPlane, "interface vl-red-pe2: no device left"
	}},
	{"data path lost", failedAttempt(session.LayerLCP, "3 LCP echoes unanswered for 15 s")},
	{"peer dead, not yet detected by the control connection", func(v *View, l *session.LinkStatus) {
		failedAttempt(session.LayerLCP, "3 LCP echoes unanswered for 15 s")(v, l)
		l.Since, v.Connection.LastHeard = before(6*time.Second), before(21*time.Second)
	}},
	{"data path lost, next attempt", func(v *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason = session.LayerLCP, "the peer did not answer 10 Configure-Requests"
	}},
	{"IPCP and IPV6CP in progress", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP.IPCP, l.PPP.IPV6CP = false, 0, ppp.ReqSent, ppp.AckRcvd
	}},
	{"up without IPv4", func(_ *View, l *session.LinkStatus) {
		l.PPP.IPCP, l.Open = ppp.Closed, dataplane.IPv6
		l.Interface.Local, l.Interface.Peer, l.Interface.Routes = netip.Addr{}, netip.Addr{}, nil
		l.Layer, l.Reason = session.LayerIPCP, "the peer requests 10.255.0.0, which is our own address"
	}},
	{"up without IPv6", func(_ *View, l *session.LinkStatus) {
		l.PPP.IPV6CP, l.Open, l.Interface.LinkLocal = ppp.Stopped, dataplane.IPv4, 0
		l.Layer, l.Reason = session.LayerIPv6CP, "the peer does not support IPV6CP (Protocol-Reject)"
	}},
	{"no network protocol", failedAttempt(session.LayerIPCP, "the peer requests 10.255.0.0, which is our own address")},
	{"interface being configured", func(_ *View, l *session.LinkStatus) { l.Up = false }},
	{"static", makeStatic},
	{"static, LCP in progress", func(v *View, l *session.LinkStatus) {
		makeStatic(v, l)
		v.Path.Stats.LastHeard = time.Time{}
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
	}},
	{"static, waiting for a path", func(v *View, l *session.LinkStatus) {
		makeStatic(v, l)
		failedAttempt(session.LayerDataPlane, "no path to the peer")(v, l)
		v.Path = Path{Err: errors.New("this host has no route to 192.0.2.2: network is unreachable"), RetryAt: explained.Add(2 * time.Second)}
	}},
	{"static, interface cannot be created", func(v *View, l *session.LinkStatus) {
		makeStatic(v, l)
		failedAttempt(session.LayerDataPlane, "interface vl-red-pe2: create TUN device: an interface with this name exists: file already exists")(v, l)
	}},
	{"static, no answer", unansweredStatic(func(*View, *session.LinkStatus) {})},
	{"static, no answer over IP", unansweredStatic(func(v *View, _ *session.LinkStatus) {
		v.Config.Encapsulation, v.Path.Local = config.EncapsulationIP, "192.0.2.1"
	})},
	{"static, port closed", unansweredStatic(func(v *View, _ *session.LinkStatus) {
		v.Path.Hint, v.Path.HintAt = syscall.ECONNREFUSED, before(time.Second)
	})},
	{"static, session IDs differ", unansweredStatic(func(v *View, _ *session.LinkStatus) { v.Path.Stats.UnknownSession = 7 })},
	{"static, cookies differ", unansweredStatic(func(v *View, l *session.LinkStatus) {
		l.Session, l.Attempt, l.Ready = &session.SessionStatus{State: control.SessionStatic}, 2, true
		l.PPP, l.CallAt = &ppp.Status{LCP: ppp.ReqSent}, time.Time{}
		v.Stats = map[session.Attempt]dataplane.Stats{2: {RxCookie: 3}}
	})},
	{"virtual router deleted", failedAttempt(session.LayerInterface, "the network namespace red was deleted")},
}

// text formats an explanation for testdata/explain.txt.
func text(x api.Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s ⇄ %s is %s", x.Link.VPN, x.Link.Peer, x.Link.State)
	if x.Link.Reason != "" {
		fmt.Fprintf(&b, ": %s", x.Link.Reason)
	}
	if x.Link.RetryAt != nil {
		fmt.Fprintf(&b, " (attempt %d, next in %v)", x.Link.Attempt, x.Link.RetryAt.Sub(x.Now))
	}
	b.WriteByte('\n')
	signs := map[api.Mark]string{api.MarkOK: "✓", api.MarkFailed: "✗", api.MarkPending: "…", api.MarkSkipped: "·"}
	for _, s := range x.Steps {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %s %-19s%s", signs[s.Mark], s.Layer, s.Text), " ") + "\n")
	}
	if x.Advice != "" {
		fmt.Fprintf(&b, "  What to do: %s\n", x.Advice)
	}
	return b.String()
}

// testdata/explain.txt has the explanation of each situation. Read it after each change.
func TestExplain(t *testing.T) {
	var all bytes.Buffer
	for _, tt := range slices.Concat(situations, situationsOfIPsec) {
		v := healthy()
		tt.make(v, &v.Links[0])
		x := explainLink(v, &v.Links[0])
		fmt.Fprintf(&all, "# %s\n%s\n", tt.name, text(x))

		steps := 9
		if v.Class == config.IPsecRequired {
			steps++
		}
		if len(x.Steps) != steps {
			t.Errorf("%s: %d steps, want %d", tt.name, len(x.Steps), steps)
		}
		failed := 0
		for i, s := range x.Steps {
			if s.Mark == api.MarkFailed {
				failed++
				// A broken layer has a text and advice. No layer above it is up, except that IPCP
				// and IPV6CP are independent.
				if x.Advice == "" || s.Text == "" {
					t.Errorf("%s: %s is broken, without a text or without advice", tt.name, s.Layer)
				}
				for _, above := range x.Steps[i+1:] {
					if above.Mark == api.MarkOK && s.Layer != "IPCP" && s.Layer != "IPV6CP" {
						t.Errorf("%s: %s is broken, but %s above it is fine", tt.name, s.Layer, above.Layer)
					}
				}
			}
		}
		if failed > 1 {
			t.Errorf("%s: %d layers are broken, want at most 1", tt.name, failed)
		}
		if down := x.Link.State == api.LinkDown; down != (failed == 1) && x.Link.State != api.LinkUp {
			t.Errorf("%s: the link is %s, but %d layers are broken", tt.name, x.Link.State, failed)
		}
	}
	const golden = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(golden, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for i, section := range strings.SplitAfter(all.String(), "\n\n") {
		if wanted := strings.SplitAfter(string(want), "\n\n"); i >= len(wanted) || section != wanted[i] {
			t.Errorf("got\n%swant (go test ./daemon/report -update rewrites it)\n%s", section, strings.Join(wanted[min(i, len(wanted)):min(i+1, len(wanted))], ""))
		}
	}
}
