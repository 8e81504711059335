package report

import (
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// Sessions returns the sessions of all links. Call View.Count on the views before.
func Sessions(views []View) []api.Session {
	sessions := []api.Session{}
	for _, v := range views {
		for i := range v.Links {
			sessions = append(sessions, v.session(&v.Links[i]))
		}
	}
	return sessions
}

func (v *View) session(l *session.LinkStatus) api.Session {
	s := api.Session{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer,
		State: control.SessionIdle.String(), LCP: ppp.Initial.String(), IPCP: ppp.Initial.String(), IPv6CP: ppp.Initial.String(),
	}
	if !v.canHaveSessions() {
		s.State = "wait-control-conn"
	}
	if c := l.Session; c != nil {
		s.State = c.State.String()
		s.Sublayer = sublayerText(c.Sublayer)
		s.LocalID, s.LocalCookie = idText(c.ID), maskCookie(c.LocalCookie)
		if v.Static == nil {
			s.Role = "responder"
			if c.Initiator {
				s.Role = "initiator"
			}
			s.Circuit, s.RemoteCircuit = c.Circuit.String(), c.PeerCircuit.String()
		}
		if c.PeerID != 0 {
			s.RemoteID, s.RemoteCookie = idText(c.PeerID), maskCookie(c.PeerCookie)
		}
	}
	if p := l.PPP; p != nil {
		s.LCP, s.IPCP, s.IPv6CP = p.LCP.String(), p.IPCP.String(), p.IPV6CP.String()
		s.Echo, s.Discards = echo(&p.Echo), discards(p)
	}
	if n, ok := v.Stats[l.Attempt]; ok {
		s.Counters = api.Counters{
			RxPackets: n.RxPackets, RxOctets: n.RxOctets, TxPackets: n.TxPackets, TxOctets: n.TxOctets,
			RxFrames: n.RxFrames, TxFrames: n.TxFrames,
			Drops: n.RxCookie + n.RxSequence + n.RxMalformed + n.RxClosed + n.RxErrors + n.TxClosed + n.TxErrors,
		}
	}
	return s
}

func echo(e *ppp.EchoStatus) *api.Echo {
	results := &api.Echo{Sent: e.Sent, Lost: e.Lost, History: []*float64{}}
	for result := range e.History.All() {
		var ms *float64
		if !result.Lost {
			ms = new(milliseconds(result.RTT))
		}
		results.History = append(results.History, ms)
	}
	return results
}

// discards returns the number of discarded frames for each reason that has occurred.
func discards(p *ppp.Status) map[string]uint64 {
	counts := make(map[string]uint64)
	for reason, n := range p.Discards {
		if n > 0 {
			counts[ppp.Discard(reason).String()] = n
		}
	}
	return counts
}
