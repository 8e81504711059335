package session

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Layer is one of the layers that a link needs to be up.
type Layer int

// The layers, in the order in which a link comes up.
const (
	LayerConnection Layer = iota
	LayerSession
	LayerDataPlane
	LayerLCP
	LayerIPCP
	LayerIPv6CP
	LayerInterface
)

// setReason sets why the link is down or incomplete.
func (l *Link) setReason(layer Layer, reason string) {
	l.layer, l.reason, l.refused = layer, reason, 0
}

// fail ends the attempt for a local reason: the peer is sent a CDN, and the link retries later.
func (l *Link) fail(now time.Time, layer Layer, reason string, code l2tp.CDNCode, out *Output) {
	l.setReason(layer, reason)
	l.sendTerminate(now, reason, out)
	l.session.Close(now, result(code, reason), &out.control)
	l.down(now, out)
	l.retry(now, out)
	l.pair.reopenStaticPath(layer, out)
}

// failed handles the report that the data plane or the virtual router could not create something,
// or that it has vanished.
func (l *Link) failed(now time.Time, reason string, out *Output) {
	layer, code := LayerDataPlane, l2tp.CDNTemporaryFacilities
	if l.ready {
		layer, code = LayerInterface, l2tp.CDNLostCarrier
	}
	l.fail(now, layer, reason, code, out)
}

// sessionDown handles the end of the session that the peer or the control protocol has caused.
func (l *Link) sessionDown(now time.Time, why control.Reason, out *Output) {
	switch why.Cause {
	case control.CauseYielded: // the peer's session request follows
		l.down(now, out)
	case control.CauseParent: // connectionDown or connectionUp follows
		l.setReason(LayerConnection, why.Text)
		l.down(now, out)
	default:
		l.setReason(LayerSession, why.Text)
		if why.Cause == control.CauseRefused {
			l.setReason(LayerSession, l.refusal(why.Result))
			l.refused = l2tp.CDNCode(why.Result.Code)
		}
		l.down(now, out)
		l.retry(now, out)
	}
}

// refusal describes the peer's CDN, by the peer's own text if it has sent any.
func (l *Link) refusal(r l2tp.Result) string {
	verb := "refused"
	if l.ppp != nil {
		verb = "ended"
	}
	text := strings.Map(printable, string(r.Message))
	if text == "" {
		text = r.Text(l2tp.CDN)
	}
	return fmt.Sprintf("%s by %s: %s (CDN result %d)", verb, l.pair.cfg.Peer, text, r.Code)
}

// printable drops the runes of a peer's text that could manipulate a terminal.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

// cancelCall cancels a planned session request, because the control connection is down. The next
// connection starts the link again.
func (l *Link) cancelCall() {
	l.callAt = time.Time{}
	l.schedule()
}

// down undoes the attempt. The control session must have ended before.
func (l *Link) down(now time.Time, out *Output) {
	l.setInUse(now, false, out)
	if l.attempt != 0 {
		out.effect(Delete{l, l.attempt})
		delete(l.pair.byAttempt, l.attempt)
	}
	l.requestDone()
	delete(l.pair.bySession, l.session)
	l.session, l.attempt, l.ready = nil, 0, false
	if l.ppp != nil {
		status := l.ppp.Status()
		l.pair.rtts.Merge(&status.Echo.RTTs)
	}
	l.ppp, l.early, l.withoutIPv6 = nil, nil, ""
	l.open, l.wanted = dataplane.Protocols(0), vr.Interface{}
	l.setDown, l.paused = false, false
	l.schedule()
}

// retry plans the next attempt, with back-off. It logs the reason of the failure unless it is the
// one logged last.
func (l *Link) retry(now time.Time, out *Output) {
	l.callAt = now.Add(l.pair.cfg.Retry.Delay(l.failures, l.pair.random32()))
	l.failures++
	l.schedule()
	if l.logged != l.reason {
		l.logged = l.reason
		out.effect(Note{Kind: LinkFailed, Level: Warning, Link: l, Message: "link failed to come up", Reason: l.reason})
	}
}
