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

// healthy is a link that is up, and all that it stands on.
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

// noConnection takes the control connection away, and all above it.
func noConnection(v *View) {
	v.Connection = nil
	noSession(&v.Links[0])
}

// noSession takes the session away, and all above it.
func noSession(l *session.LinkStatus) {
	l.Up, l.Since, l.Attempt, l.Ready, l.Open = false, before(12*time.Second), 0, false, 0
	l.Session, l.PPP, l.Interface = nil, nil, vr.Interface{}
}

// failedAttempt is a link that waits for its next attempt.
func failedAttempt(layer session.Layer, reason string) func(*View, *session.LinkStatus) {
	return func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Layer, l.Reason, l.Failures, l.CallAt = layer, reason, 5, explained.Add(4*time.Second)
	}
}

// refusedBy is a session that the peer has refused or ended by a CDN.
func refusedBy(code l2tp.CDNCode, reason string) func(*View, *session.LinkStatus) {
	return func(v *View, l *session.LinkStatus) {
		failedAttempt(session.LayerSession, fmt.Sprintf("refused by pe2: %s (CDN result %d)", reason, code))(v, l)
		l.Refused = code
	}
}

// ended is a control connection that is not there.
func ended(cause control.Cause, result l2tp.Result, text string) func(*View, *session.LinkStatus) {
	return func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Control.Ended, v.Control.Why = true, control.Reason{Cause: cause, Result: result, Text: text}
		v.Control.RetryAt, v.Control.Failures = explained.Add(8*time.Second), 3
	}
}

// calling is a control connection that is being made.
func calling(v *View, retries int) {
	noConnection(v)
	v.Connection = &session.ConnectionStatus{
		State: control.WaitCtlReply, Since: before(3 * time.Second), ID: 1, Counters: control.Counters{Retries: retries},
	}
}

// withoutSignalling makes the link a static one.
func withoutSignalling(v *View, l *session.LinkStatus) {
	v.Connection, v.Static = nil, &session.StaticTunnel{LocalID: 3001, PeerID: 4001}
	v.Config.Signalling = config.SignallingStatic
	v.Path.Stats.LastHeard = before(2 * time.Second)
	l.Config.Static = &session.StaticSession{LocalID: 11, PeerID: 22, LocalCookie: []byte{0x5c, 0xa1, 0xab, 0x1e}}
	l.Session = &session.SessionStatus{State: control.SessionStatic, ID: 11, PeerID: 22}
}

// unansweredStatic is a static link whose PPP has no answer, and something that tells why.
func unansweredStatic(why func(*View, *session.LinkStatus)) func(*View, *session.LinkStatus) {
	return func(v *View, l *session.LinkStatus) {
		withoutSignalling(v, l)
		v.Path.Stats.LastHeard = time.Time{}
		failedAttempt(session.LayerLCP, "the peer did not answer 10 Configure-Requests")(v, l)
		why(v, l)
	}
}

// situation is a link with something the matter.
type situation struct {
	name string
	make func(*View, *session.LinkStatus)
}

// situations break each layer once, and more than once where the advice differs.
var situations = []situation{
	{"all is well", func(*View, *session.LinkStatus) {}},
	{"unnumbered, IPv4 alone", func(_ *View, l *session.LinkStatus) {
		l.Config.PPP.IPv6, l.Open, l.Interface = nil, dataplane.IPv4, vr.Interface{MTU: 1452, Up: true}
		l.PPP.IPV6CP, l.PPP.Echo.Measured, l.Session.Initiator = ppp.Initial, false, false
	}},
	{"no address yet", func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Path = Path{
			Err: errors.New("this host has no address 192.0.2.1 (local.address) yet: cannot assign requested address"), RetryAt: explained.Add(2 * time.Second),
		}
	}},
	{"just begun", func(v *View, l *session.LinkStatus) { calling(v, 0) }},
	{"no answer", func(v *View, _ *session.LinkStatus) { calling(v, 2) }},
	{"no answer, and the network says why", func(v *View, _ *session.LinkStatus) {
		calling(v, 2)
		v.Path.Hint, v.Path.HintAt = syscall.ECONNREFUSED, before(time.Second)
	}},
	{"no answer over IP, to a VRF", func(v *View, l *session.LinkStatus) {
		calling(v, 2)
		v.Config.Encapsulation = config.EncapsulationIP
		l.Config.VR = vr.Spec{VRF: "red", Table: 1001}
	}},
	{"no answer over IP, and the network says why", func(v *View, _ *session.LinkStatus) {
		calling(v, 2)
		v.Config.Encapsulation = config.EncapsulationIP
		v.Path.Hint, v.Path.HintAt = syscall.ENOPROTOOPT, before(time.Second)
	}},
	{"given up for now", ended(control.CauseSilent, l2tp.Result{}, "no answer to 11 transmissions in 1m11s")},
	{"passive", func(v *View, _ *session.LinkStatus) {
		noConnection(v)
		v.Config.Role = config.RolePassive
	}},
	{"other secret", func(v *View, _ *session.LinkStatus) {
		calling(v, 2)
		v.Control.RefusedAuth = before(2 * time.Second)
	}},
	{"peer shut down", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, "the peer has shut down")},
	{"not authorized", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopNotAuthorized)}, "StopCCN from the peer: requester is not authorized to establish a control connection")},
	{"refused otherwise", ended(control.CauseRefused, l2tp.Result{Code: uint16(l2tp.StopGeneralError)}, "StopCCN from the peer: general error: insufficient resources to handle this operation now")},
	{"peer stuck", ended(control.CauseTimeout, l2tp.Result{}, "the peer did not complete the connection setup (state wait-ctl-reply)")},
	{"protocol broken", ended(control.CauseProtocol, l2tp.Result{}, "general error: one of the field values was out of range")},
	{"tie", ended(control.CauseTie, l2tp.Result{}, "both ends requested a control connection at the same time, with equal tie breakers")},
	{"control connection on its way", func(v *View, _ *session.LinkStatus) {
		calling(v, 0)
		v.Connection.State = control.WaitCtlConn
	}},
	{"in line behind others", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Queued = true
	}},
	{"left to the peer", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.CallAt = explained.Add(1200 * time.Millisecond)
	}},
	{"asked for", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitReply, Initiator: true, ID: 0x1a}
	}},
	{"answered", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitReply, Initiator: true, ID: 0x1a, PeerID: 0x2b}
	}},
	{"asked for by the peer", func(_ *View, l *session.LinkStatus) {
		noSession(l)
		l.Session = &session.SessionStatus{State: control.WaitConnect, ID: 0x1a, PeerID: 0x2b}
	}},
	{"VPN unknown at the peer", refusedBy(l2tp.CDNPermanentFacilities, `VPN-ID 00005e:00000001 is not configured for peer "pe1"`)},
	{"to be protected at the peer", refusedBy(l2tp.CDNPermanentFacilities, "VPN 00005e:00000001 requires IPsec here, but this connection is clear")},
	{"in clear, and the peer asks under IPsec", func(v *View, l *session.LinkStatus) {
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
	{"interface of the peer not ready from the start", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Paused, l.Open = false, true, 0
		l.PPP.LCP, l.PPP.IPCP, l.PPP.IPV6CP = ppp.ReqSent, ppp.Starting, ppp.Starting
		l.Layer, l.Reason = session.LayerInterface, "the interface at pe2 is not ready: inactive,receive fault"
	}},
	{"peer cannot make its end", refusedBy(l2tp.CDNTemporaryFacilities, "no device left")},
	{"peer has given up", refusedBy(l2tp.CDNLostCarrier, "3 LCP echoes unanswered for 15 s")},
	{"operator of the peer", refusedBy(l2tp.CDNAdministrative, "shutting down")},
	{"refused for another reason", refusedBy(l2tp.CDNUnsupportedPseudowire, "session not established due to unsupported PW type")},
	{"session not finished", failedAttempt(session.LayerSession, "the peer did not complete the session setup (state wait-reply)")},
	{"interface cannot be made", failedAttempt(session.LayerDataPlane, "interface vl-red-pe2: create TUN device: an interface with this name exists: file already exists")},
	{"LCP on its way", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.AckSent}
	}},
	{"beyond the refusal of the last attempt", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason, l.Refused = session.LayerSession, "refused by pe2: no device left (CDN result 4)", l2tp.CDNTemporaryFacilities
	}},
	{"beyond the data plane's failure of the last attempt", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason = session.LayerDataPlane, "interface vl-red-pe2: no device left"
	}},
	{"data path lost", failedAttempt(session.LayerLCP, "3 LCP echoes unanswered for 15 s")},
	{"peer dead, which the control connection has not noticed", func(v *View, l *session.LinkStatus) {
		failedAttempt(session.LayerLCP, "3 LCP echoes unanswered for 15 s")(v, l)
		l.Since, v.Connection.LastHeard = before(6*time.Second), before(21*time.Second)
	}},
	{"data path lost, next attempt", func(v *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
		l.Layer, l.Reason = session.LayerLCP, "the peer did not answer 10 Configure-Requests"
	}},
	{"IPCP on its way", func(_ *View, l *session.LinkStatus) {
		l.Up, l.Open, l.PPP.IPCP, l.PPP.IPV6CP = false, 0, ppp.ReqSent, ppp.AckRcvd
	}},
	{"no IPv4, and IPv6 carries", func(_ *View, l *session.LinkStatus) {
		l.PPP.IPCP, l.Open = ppp.Closed, dataplane.IPv6
		l.Interface.Local, l.Interface.Peer, l.Interface.Routes = netip.Addr{}, netip.Addr{}, nil
		l.Layer, l.Reason = session.LayerIPCP, "the peer requests 10.255.0.0, which is our own address"
	}},
	{"no IPv6, and IPv4 carries", func(_ *View, l *session.LinkStatus) {
		l.PPP.IPV6CP, l.Open, l.Interface.LinkLocal = ppp.Stopped, dataplane.IPv4, 0
		l.Layer, l.Reason = session.LayerIPv6CP, "the peer does not support IPV6CP (Protocol-Reject)"
	}},
	{"no network protocol at all", failedAttempt(session.LayerIPCP, "the peer requests 10.255.0.0, which is our own address")},
	{"interface on its way", func(_ *View, l *session.LinkStatus) { l.Up = false }},
	{"static", withoutSignalling},
	{"static, just begun", func(v *View, l *session.LinkStatus) {
		withoutSignalling(v, l)
		v.Path.Stats.LastHeard = time.Time{}
		l.Up, l.Open, l.PPP = false, 0, &ppp.Status{LCP: ppp.ReqSent}
	}},
	{"static, waiting for a path", func(v *View, l *session.LinkStatus) {
		withoutSignalling(v, l)
		failedAttempt(session.LayerDataPlane, "there is no path to the peer")(v, l)
		v.Path = Path{Err: errors.New("this host has no route to 192.0.2.2: network is unreachable"), RetryAt: explained.Add(2 * time.Second)}
	}},
	{"static, interface cannot be made", func(v *View, l *session.LinkStatus) {
		withoutSignalling(v, l)
		failedAttempt(session.LayerDataPlane, "interface vl-red-pe2: create TUN device: an interface with this name exists: file already exists")(v, l)
	}},
	{"static, nobody answers", unansweredStatic(func(*View, *session.LinkStatus) {})},
	{"static, nobody answers over IP", unansweredStatic(func(v *View, _ *session.LinkStatus) {
		v.Config.Encapsulation, v.Path.Local = config.EncapsulationIP, "192.0.2.1"
	})},
	{"static, and the port is closed", unansweredStatic(func(v *View, _ *session.LinkStatus) {
		v.Path.Hint, v.Path.HintAt = syscall.ECONNREFUSED, before(time.Second)
	})},
	{"static, and the peer has other session IDs", unansweredStatic(func(v *View, _ *session.LinkStatus) { v.Path.Stats.UnknownSession = 7 })},
	{"static, and the peer has another cookie", unansweredStatic(func(v *View, l *session.LinkStatus) {
		l.Session, l.Attempt, l.Ready = &session.SessionStatus{State: control.SessionStatic}, 2, true
		l.PPP, l.CallAt = &ppp.Status{LCP: ppp.ReqSent}, time.Time{}
		v.Stats = map[session.Attempt]dataplane.Stats{2: {RxCookie: 3}}
	})},
	{"virtual router deleted", failedAttempt(session.LayerInterface, "the network namespace red was deleted")},
}

// text is an explanation as a person reads it.
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

// What is explained of each situation is in testdata/explain.txt, to be read.
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
				// What is broken is told with what to do, and nothing above it is believed to work,
				// but for the network protocols, which are beside each other.
				if x.Advice == "" || s.Text == "" {
					t.Errorf("%s: %s is broken, without a word on it or what to do", tt.name, s.Layer)
				}
				for _, above := range x.Steps[i+1:] {
					if above.Mark == api.MarkOK && s.Layer != "IPCP" && s.Layer != "IPV6CP" {
						t.Errorf("%s: %s is broken, and %s above it is fine", tt.name, s.Layer, above.Layer)
					}
				}
			}
		}
		if failed > 1 {
			t.Errorf("%s: %d layers are broken", tt.name, failed)
		}
		if down := x.Link.State == api.LinkDown; down != (failed == 1) && x.Link.State != api.LinkUp {
			t.Errorf("%s: the link is %s, and %d layers are broken", tt.name, x.Link.State, failed)
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
			t.Errorf("got\n%swant (go test ./daemon/report -update writes it anew)\n%s", section, strings.Join(wanted[min(i, len(wanted)):min(i+1, len(wanted))], ""))
		}
	}
}
