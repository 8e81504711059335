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
	case e.Path.Err != nil && e.noProtection() == nil:
		return broken(fmt.Sprintf("%s: %v", where, e.Path.Err), fmt.Sprintf("Look at `ip route get %s` and `ip address` on this host. "+
			"l2tpvld goes on by itself once there is a way.", e.Config.Address))
	case e.Static != nil:
		return e.staticPeer(where)
	case e.connected():
		return fine("%s, last heard %s", where, ago(e.Now, later(c.LastHeard, e.Path.Stats.LastHeard)))
	case e.unprotected():
		return skipped(where + ", not called without IPsec")
	case e.refusedAuth():
		return fine("%s, last heard %s", where, ago(e.Now, e.Control.RefusedAuth))
	case e.silence() > 0 || e.Control.Ended && e.Control.Why.Cause == control.CauseSilent:
		return broken(where+": no answer"+e.silenceText(), e.silenceAdvice())
	case e.Control.Ended && e.shutDown():
		return fine("%s, last heard when it shut down", where)
	case e.Control.Ended:
		return fine("%s, it answers", where) // if only to refuse
	case c == nil:
		f := pending("%s: waiting for it to call", where)
		if e.Config.Role == config.RolePassive {
			f.advice = fmt.Sprintf("This host waits for %s to call (role: passive). If %s waits too, nobody calls: "+
				"set `role: both` or `role: active` on one of the two.", e.Peer, e.Peer)
		}
		return f
	}
	return pending("%s: called %s, no answer yet", where, ago(e.Now, c.Since))
}

func (e explainer) silenceText() (text string) {
	if n := e.silence(); n > 0 {
		text = fmt.Sprintf(" to %d transmissions", n+1)
	} else {
		text = e.retryText()
	}
	if e.Path.Hint != nil {
		text += fmt.Sprintf("; the network said %s: %v", ago(e.Now, e.Path.HintAt), e.Path.Hint)
	}
	return text
}

func (e explainer) silenceAdvice() string {
	overIP := e.Config.Encapsulation == config.EncapsulationIP
	switch hint := e.Path.Hint; {
	case overIP && (errors.Is(hint, syscall.ENOPROTOOPT) || errors.Is(hint, syscall.EPROTO)): // for IPv4, for IPv6
		return fmt.Sprintf("The host answers, but no l2tpvld listens for IP protocol 115 there: start it on %s, or compare "+
			"`encapsulation` on both.", e.Peer)
	case errors.Is(hint, syscall.ECONNREFUSED):
		return fmt.Sprintf("The host answers, but no l2tpvld listens at UDP port %d there: start it on %s, or compare `port` and "+
			"`local.port`.", e.Config.Port, e.Peer)
	}
	carrier := fmt.Sprintf("UDP port %d", e.Config.Port)
	if overIP {
		carrier = "IP protocol 115"
	}
	return fmt.Sprintf("Does `ping %s` work? Is l2tpvld running on %s, with a peer of this host's address (%s), the same "+
		"secret, and links with the same `ipsec`? Does %s pass between the two? To a caller with another secret a peer is silent: its log and "+
		"`l2tpvl-ctl explain` there say so.", e.Config.Address, e.Peer, e.Path.Local, carrier)
}

// refusedAuth reports whether the peer calls us with a digest that is wrong.
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
		return broken(fmt.Sprintf("%s calls, and its message digest is wrong", e.Peer),
			fmt.Sprintf("The secrets differ. Compare the file of `peers.%s.secret_file` here with the one for this host on %s: "+
				"they must hold the same octets.", e.Peer, e.Peer))
	case e.Control.Ended:
		return broken(e.Control.Why.Text+e.retryText(), e.connectionAdvice())
	case c != nil:
		return pending("in state %s", c.State)
	}
	return pending("not begun")
}

// shutDown reports whether the peer has ended the control connection because it ends itself.
func (e explainer) shutDown() bool {
	why := &e.Control.Why
	return why.Cause == control.CauseRefused && l2tp.StopCCNCode(why.Result.Code) == l2tp.StopShuttingDown
}

// connectionAdvice is what to do about a control connection that was refused or has ended.
func (e explainer) connectionAdvice() string {
	switch e.Control.Why.Cause {
	case control.CauseRefused:
	case control.CauseTimeout:
		return fmt.Sprintf("%s acknowledges what it is sent, and goes no further. See its log.", e.Peer)
	case control.CauseProtocol:
		return fmt.Sprintf("%s sent what RFC 3931 does not allow, or what cannot be had here. Compare the versions and "+
			"`authentication` on both sides.", e.Peer)
	default:
		return fmt.Sprintf("l2tpvld goes on by itself. If the connection does not come back, see the log of %s.", e.Peer)
	}
	switch l2tp.StopCCNCode(e.Control.Why.Result.Code) {
	case l2tp.StopShuttingDown:
		return fmt.Sprintf("%s was shut down. Start l2tpvld there again; nothing is to be done here.", e.Peer)
	case l2tp.StopNotAuthorized:
		return fmt.Sprintf("%s does not accept this host. Compare `authentication` and the secrets on both sides.", e.Peer)
	}
	return fmt.Sprintf("%s has refused or ended the control connection. See its log.", e.Peer)
}
