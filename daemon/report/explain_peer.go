package report

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

func (e explainer) peer() finding {
	where := fmt.Sprintf("%s %s", e.Peer, e.Config.Where())
	c := e.Connection
	switch {
	case e.Path.Err != nil && e.Path.NotProtected == nil:
		return broken(fmt.Sprintf("%s: %v", where, e.Path.Err), fmt.Sprintf("Check `ip route get %s` and `ip address` on this host. "+
			"l2tpvld continues by itself once a path to the peer exists.", e.Config.Address))
	case e.Static != nil:
		return e.staticPeer(where)
	case e.connected():
		return fine("%s, last message %s", where, ago(e.Now, later(c.LastHeard, e.Path.Stats.LastHeard)))
	case e.awaitsIPsec():
		return skipped(where + ", not contacted until IPsec is up")
	case e.refusedAuth():
		return fine("%s, last message %s", where, ago(e.Now, e.Control.RefusedAuth))
	case e.unanswered() > 0 || e.Control.Ended && e.Control.Why.Cause == control.CauseSilent:
		return broken(where+": no answer"+e.noAnswerText(), e.noAnswerAdvice())
	case e.Control.Ended && e.shutDown():
		return fine("%s, last message when it shut down", where)
	case e.Control.Ended:
		return fine("%s, responds", where) // if only to refuse
	case c == nil:
		f := pending("%s: waiting for it to request a control connection", where)
		if e.Config.Role == config.RolePassive {
			f.advice = fmt.Sprintf("This host waits for %s to request the control connection (`role: passive`). If %s "+
				"waits too, neither requests it: set `role: both` or `role: active` on one of the two.", e.Peer, e.Peer)
		}
		return f
	}
	return pending("%s: control connection requested %s, no answer yet", where, ago(e.Now, c.Since))
}

// noAnswerText returns the end of a text: how often the peer was contacted, and the network's
// reply.
func (e explainer) noAnswerText() (text string) {
	if n := e.unanswered(); n > 0 {
		text = fmt.Sprintf(" to %d transmissions", n+1)
	} else {
		text = e.retryText()
	}
	if e.Path.Hint != nil {
		text += e.hintText()
	}
	return text
}

// hintText returns the network's last error as the end of a text.
func (e explainer) hintText() string {
	return fmt.Sprintf("; ICMP error %s: %v", ago(e.Now, e.Path.HintAt), e.Path.Hint)
}

// noAnswerAdvice returns what to do about a peer that does not answer.
func (e explainer) noAnswerAdvice() string {
	overIP := e.Config.Encapsulation == config.EncapsulationIP
	switch hint := e.Path.Hint; {
	case overIP && (errors.Is(hint, syscall.ENOPROTOOPT) || errors.Is(hint, syscall.EPROTO)):
		// IPv4 reports ENOPROTOOPT, IPv6 EPROTO.
		return fmt.Sprintf("The host responds, but no l2tpvld listens for IP protocol 115 there: start l2tpvld on %s, or compare "+
			"`encapsulation` on both.", e.Peer)
	case errors.Is(hint, syscall.ECONNREFUSED):
		return fmt.Sprintf("The host responds, but no l2tpvld listens at UDP port %d there: start l2tpvld on %s, or compare `port` here "+
			"with `local.port` there.", e.Config.Port, e.Peer)
	}
	carrier := fmt.Sprintf("UDP port %d", e.Config.Port)
	if overIP {
		carrier = "IP protocol 115"
	}
	return fmt.Sprintf("Check that `ping %s` works, that l2tpvld runs on %s and has a peer with this host's address (%s), the same secret "+
		"and links with the same `ipsec`, and that %s passes between the two hosts. A peer with another secret does not answer; its log and "+
		"`l2tpvl-ctl explain` there report the wrong secret.", e.Config.Address, e.Peer, e.Path.Local, carrier)
}

// refusedAuth reports whether the peer has requested a control connection with a wrong digest in
// the last 2 minutes.
func (e explainer) refusedAuth() bool {
	return !e.Control.RefusedAuth.IsZero() && e.Now.Sub(e.Control.RefusedAuth) < 2*time.Minute
}

func (e explainer) connection() finding {
	c := e.Connection
	switch {
	case e.Static != nil:
		return e.staticConnection()
	case e.connected():
		return fine("%s ⇄ %s, up %s, window %d, %s", idText(c.ID), idText(c.PeerID),
			api.DurationText(e.Now.Sub(c.Since)), c.Counters.PeerWindow, Plural(c.Counters.Retransmitted, "retransmission"))
	case e.refusedAuth():
		return broken(fmt.Sprintf("%s requests a control connection with a wrong message digest", e.Peer),
			fmt.Sprintf("The secrets differ. Compare the file of `peers.%s.secret_file` here with the one for this host on %s: "+
				"both must contain the same octets.", e.Peer, e.Peer))
	case e.Control.Ended:
		return broken(e.Control.Why.Text+e.retryText(), e.connectionAdvice())
	case c != nil:
		return pending("in state %s", c.State)
	}
	return pending("not started")
}

// shutDown reports whether the peer has ended the control connection because it shut down.
func (e explainer) shutDown() bool {
	why := &e.Control.Why
	return why.Cause == control.CauseRefused && l2tp.StopCCNCode(why.Result.Code) == l2tp.StopShuttingDown
}

// connectionAdvice returns what to do about a control connection that was refused or has ended.
func (e explainer) connectionAdvice() string {
	switch e.Control.Why.Cause {
	case control.CauseRefused:
	case control.CauseTimeout:
		return fmt.Sprintf("%s acknowledges control messages, but does not complete the connection setup. Check its log.", e.Peer)
	case control.CauseProtocol:
		return fmt.Sprintf("%s sent a message that RFC 3931 does not allow or that l2tpvld does not support. Compare the versions and "+
			"`authentication` on both sides.", e.Peer)
	default:
		return fmt.Sprintf("l2tpvld tries again by itself. If the connection is not established, check the log of %s.", e.Peer)
	}
	switch l2tp.StopCCNCode(e.Control.Why.Result.Code) {
	case l2tp.StopShuttingDown:
		return fmt.Sprintf("%s was shut down. Start l2tpvld there again; there is nothing to do on this host.", e.Peer)
	case l2tp.StopNotAuthorized:
		return fmt.Sprintf("%s does not accept this host. Compare `authentication` and the secrets on both sides.", e.Peer)
	}
	return fmt.Sprintf("%s has refused or ended the control connection. Check its log.", e.Peer)
}
