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

// Layer is one of the things that a link needs, from below.
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

// note remembers why the link is not as it should be.
func (l *Link) note(layer Layer, reason string) {
	l.layer, l.reason, l.refused = layer, reason, 0
}

// fail ends the attempt for a reason on our side: the peer gets a CDN, and we try again later.
func (l *Link) fail(now time.Time, layer Layer, reason string, code l2tp.CDNCode, out *Output) {
	l.note(layer, reason)
	l.bidFarewell(now, reason, out)
	l.session.Close(now, result(code, reason), &out.control)
	l.down(now, out)
	l.retry(now, out)
	l.pair.repathStatic(layer, out)
}

// failed takes the word of the data plane or the virtual router that something cannot be had, or
// has vanished.
func (l *Link) failed(now time.Time, reason string, out *Output) {
	layer, code := LayerDataPlane, l2tp.CDNTemporaryFacilities
	if l.ready {
		layer, code = LayerInterface, l2tp.CDNLostCarrier
	}
	l.fail(now, layer, reason, code, out)
}

// sessionDown takes the end of the session that came from the peer or the protocol.
func (l *Link) sessionDown(now time.Time, why control.Reason, out *Output) {
	switch why.Cause {
	case control.CauseYielded: // the peer's call follows
		l.down(now, out)
	case control.CauseParent: // connectionDown or connectionUp follows
		l.note(LayerConnection, why.Text)
		l.down(now, out)
	default:
		l.note(LayerSession, why.Text)
		if why.Cause == control.CauseRefused {
			l.note(LayerSession, l.refusal(why.Result))
			l.refused = l2tp.CDNCode(why.Result.Code)
		}
		l.down(now, out)
		l.retry(now, out)
	}
}

// refusal is the peer's CDN in plain words: its own, if it has sent any.
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

// printable drops what could disturb a terminal.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

// noConnection says that there is no control connection; a new one calls the link again.
func (l *Link) noConnection() {
	l.callAt = time.Time{}
	l.schedule()
}

// down undoes the attempt. The control session is over by now.
func (l *Link) down(now time.Time, out *Output) {
	l.setInUse(now, false, out)
	if l.attempt != 0 {
		out.effect(Delete{l, l.attempt})
		delete(l.pair.byAttempt, l.attempt)
	}
	l.asked()
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

// retry plans the next attempt, with back-off. The log is told why the last one has failed, but not
// of the same again.
func (l *Link) retry(now time.Time, out *Output) {
	l.callAt = now.Add(l.pair.cfg.Retry.Delay(l.failures, l.pair.random32()))
	l.failures++
	l.schedule()
	if l.told != l.reason {
		l.told = l.reason
		out.effect(Note{Kind: LinkFailed, Level: Warning, Link: l, Message: "link does not come up", Reason: l.reason})
	}
}
