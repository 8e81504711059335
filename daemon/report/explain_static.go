package report

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/l2tpvl/l2tpvl/config"
)

// This file has the layers that differ for a link without signalling. The ends of such a link
// negotiate nothing before PPP, so only PPP detects that they are configured differently.

func (e explainer) staticPeer(where string) finding {
	last := e.Path.Stats.LastHeard
	switch {
	case !last.IsZero():
		return fine("%s, last message %s", where, ago(e.Now, last))
	case e.Path.Hint != nil:
		return skipped(where + ", nothing received yet" + e.hintText())
	}
	return skipped(where + ", nothing received yet")
}

func (e explainer) staticConnection() finding {
	return skipped(fmt.Sprintf("none (signalling: static); tunnel %s ⇄ %s", idText(e.Static.LocalID), idText(e.Static.PeerID)))
}

func (e explainer) staticSession() finding {
	s := e.l.Config.Static
	text := fmt.Sprintf("static, %s ⇄ %s, cookies %s ⇄ %s", idText(s.LocalID), idText(s.PeerID), maskCookie(s.LocalCookie), maskCookie(s.PeerCookie))
	if e.l.Session == nil && e.l.Reason == "" {
		return pending("%s: not started", text)
	}
	return fine("%s", text)
}

// staticAdvice returns what to do about a static link whose PPP gets no answer.
func (e explainer) staticAdvice() string {
	s, p := e.l.Config.Static, e.Peer
	switch {
	case e.Stats[e.l.Attempt].RxCookie > 0:
		return fmt.Sprintf("Data messages from %s have a wrong cookie: the cookie that it is configured to send must be `static.local_cookie` here.", p)
	case e.Path.Stats.UnknownSession > 0:
		return fmt.Sprintf("%s sends data messages for sessions that are not configured here: the session ID that it is configured to send "+
			"must be `static.local_session_id` here, which is %d (%s).", p, s.LocalID, idText(s.LocalID))
	case errors.Is(e.Path.Hint, syscall.ECONNREFUSED):
		return fmt.Sprintf("UDP port %d of %s is closed: create the tunnel there, or compare the ports on both.", e.Config.Port, p)
	}
	carrier := fmt.Sprintf("UDP, %s to %s", e.Path.Local, e.Config.Where())
	if e.Config.Encapsulation == config.EncapsulationIP {
		carrier = "IP protocol 115"
	}
	return fmt.Sprintf("Without signalling, the two ends cannot detect that they are configured differently. Compare with %s: the addresses and "+
		"encapsulation (%s), the session IDs (local %d, peer %d) and the cookies. Check that PPP runs in the session there.",
		p, carrier, s.LocalID, s.PeerID)
}
