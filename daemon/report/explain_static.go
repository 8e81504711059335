package report

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/l2tpvl/l2tpvl/config"
)

// The layers of a link without signalling, where they differ from those of others. Nothing is
// agreed upon there, so nothing but PPP finds out whether the two ends are configured alike.

func (e explainer) staticPeer(where string) finding {
	heard := e.Path.Stats.LastHeard
	switch {
	case !heard.IsZero():
		return fine("%s, last heard %s", where, ago(e.Now, heard))
	case e.Path.Hint != nil:
		return skipped(fmt.Sprintf("%s, not heard yet; the network said %s: %v", where, ago(e.Now, e.Path.HintAt), e.Path.Hint))
	}
	return skipped(where + ", not heard yet")
}

func (e explainer) staticConnection() finding {
	return skipped(fmt.Sprintf("none (signalling: static); tunnel %s ⇄ %s", idText(e.Static.LocalID), idText(e.Static.PeerID)))
}

func (e explainer) staticSession() finding {
	s := e.l.Config.Static
	text := fmt.Sprintf("static, %s ⇄ %s, cookies %s and %s", idText(s.LocalID), idText(s.PeerID), maskCookie(s.LocalCookie), maskCookie(s.PeerCookie))
	if e.l.Session == nil && e.l.Reason == "" {
		return pending("%s: not begun", text)
	}
	return fine("%s", text)
}

// staticAdvice is what to do about a static link whose PPP has no answer.
func (e explainer) staticAdvice() string {
	s, p := e.l.Config.Static, e.Peer
	switch {
	case e.Stats[e.l.Attempt].RxCookie > 0:
		return fmt.Sprintf("Data messages of %s have a wrong cookie: what it is configured to send must be `static.local_cookie` here.", p)
	case e.Path.Stats.UnknownSession > 0:
		return fmt.Sprintf("%s sends data messages to sessions that are not configured here: what it calls the peer's session ID must be "+
			"`static.local_session_id` here, %d (%s).", p, s.LocalID, idText(s.LocalID))
	case errors.Is(e.Path.Hint, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing has UDP port %d there: make the tunnel on %s, or compare the ports on both.", e.Config.Port, p)
	}
	carrier := fmt.Sprintf("UDP, %s to %s", e.Path.Local, e.Config.Where())
	if e.Config.Encapsulation == config.EncapsulationIP {
		carrier = "IP protocol 115"
	}
	return fmt.Sprintf("Without signalling nobody tells whether both ends are configured alike. Compare with %s: addresses and "+
		"encapsulation (%s), session IDs (ours %d, its %d), cookies; and does something there run PPP in the session?",
		p, carrier, s.LocalID, s.PeerID)
}
