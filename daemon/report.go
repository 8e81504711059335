package daemon

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

func (d *Daemon) status(r *http.Request) (api.Status, error) {
	views, err := d.countedViews(r.Context())
	if err != nil {
		return api.Status{}, err
	}
	drops := d.strangersDrops()
	for _, v := range views {
		for reason, n := range v.drops() {
			drops[reason] += n
		}
		for _, s := range v.Stats {
			drops["wrong cookie"] += s.RxCookie
			drops["out of sequence"] += s.RxSequence
			drops["malformed"] += s.RxMalformed
			drops["protocol not opened"] += s.RxClosed
		}
	}
	return api.Status{
		Version: d.version, HostName: d.cfg().Local.HostName, Started: d.started,
		DataPlane: d.plane.Name(), DataPlaneReason: d.because(), Drops: drops,
	}, nil
}

// strangersDrops are the datagrams dropped before any peer's loop has seen them, by reason.
func (d *Daemon) strangersDrops() map[string]uint64 {
	strays := &d.listeners.strays
	drops := map[string]uint64{
		"stranger":                strays.stranger.Load(),
		"foreign port":            strays.foreignPort.Load(),
		"data without tunnel":     strays.notControl.Load(),
		control.DropRate.String(): d.admission.refused.Load(),
	}
	return drops
}

// drops are the datagrams from the peer that changed nothing, by reason, but for those of its
// sessions.
func (v *view) drops() map[string]uint64 {
	drops := map[string]uint64{
		"unknown session": v.Path.Stats.UnknownSession,
		"overload":        v.Path.Dropped,
		"too long":        v.Path.TooLong,
		"foreign port":    v.Path.ForeignPort,

		"control message of a static peer": v.Path.Unasked,
	}
	if v.IPsec != nil {
		drops["in clear, not sent"] = v.IPsec.DroppedOut
		drops["in clear, not taken"] = v.IPsec.DroppedIn
	}
	for reason, n := range v.Control.Drops {
		drops[control.Drop(reason).String()] += n
	}
	drops[control.DropMalformed.String()] += v.Path.Stats.Malformed
	return drops
}

func (d *Daemon) links(r *http.Request) ([]api.Link, error) {
	views, err := d.views(r.Context())
	if err != nil {
		return nil, err
	}
	links := []api.Link{}
	for _, v := range views {
		for i := range v.Links {
			links = append(links, v.link(&v.Links[i]))
		}
	}
	slices.SortFunc(links, func(a, b api.Link) int {
		return strings.Compare(a.VPN+"\x00"+a.Peer, b.VPN+"\x00"+b.Peer)
	})
	return links, nil
}

func (d *Daemon) peers(r *http.Request) ([]api.Peer, error) {
	views, err := d.views(r.Context())
	if err != nil {
		return nil, err
	}
	peers := []api.Peer{}
	for _, v := range views {
		peers = append(peers, v.peer())
	}
	return peers, nil
}

func (d *Daemon) protections(r *http.Request) ([]api.Protection, error) {
	views, err := d.views(r.Context())
	if err != nil {
		return nil, err
	}
	protections := []api.Protection{}
	for _, v := range views {
		if v.IPsec != nil {
			protections = append(protections, v.protection())
		}
	}
	return protections, nil
}

func (d *Daemon) sessions(r *http.Request) ([]api.Session, error) {
	views, err := d.countedViews(r.Context())
	if err != nil {
		return nil, err
	}
	sessions := []api.Session{}
	for _, v := range views {
		for i := range v.Links {
			sessions = append(sessions, v.session(&v.Links[i]))
		}
	}
	return sessions, nil
}

// link tells of one link.
func (v *view) link(l *session.LinkStatus) api.Link {
	link := api.Link{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer, VR: l.Config.VR.String(),
		State: v.linkState(l), Since: l.Since, Disabled: l.Config.Disabled, Protocols: []string{}, IPsec: string(v.Class), ESP: v.esp(), Reason: l.Reason,
	}
	if l.Ready {
		link.Interface = l.Config.Interface
	}
	if l.Up {
		link.MTU = l.Interface.MTU
		link.Protocols = protocolNames(l.Open)
		link.Local, link.Remote = addressText(l.Interface.Local), addressText(l.Interface.Peer)
		link.Local6, link.Remote6 = linkLocalText(l.Interface.LinkLocal), linkLocalText(l.Interface.PeerLinkLocal)
	}
	if l.PPP != nil && l.PPP.Echo.Measured {
		link.EchoMS = new(milliseconds(l.PPP.Echo.RTT))
	}
	if link.State != api.LinkUp {
		link.Attempt = l.Failures
		at := l.CallAt
		if !link.Disabled && !v.agreed() {
			link.Reason = v.noConnectionReason()
			at = v.retryAt()
			link.Attempt = v.Control.Failures
		}
		if !at.IsZero() {
			link.RetryAt = &at
		}
	}
	return link
}

// linkState is starting as long as nothing has gone wrong, or the present attempt has got beyond
// what has.
func (v *view) linkState(l *session.LinkStatus) api.LinkState {
	switch {
	case l.Up:
		return api.LinkUp
	case l.Session != nil && (l.Reason == "" || l.Layer < reached(l)):
		return api.LinkStarting
	case l.Reason == "" && v.unprotectedReason() == "" && v.Path.Err == nil && v.Path.Hint == nil && !v.Control.Ended && v.silence() == 0:
		return api.LinkStarting
	}
	return api.LinkDown
}

// reached is the layer that the present attempt of a link is at.
func reached(l *session.LinkStatus) session.Layer {
	switch {
	case l.Session == nil:
		return session.LayerConnection
	case !established(l) && l.Attempt != 0 && !l.Ready:
		return session.LayerDataPlane
	case !established(l):
		return session.LayerSession
	case l.PPP == nil || l.PPP.LCP != ppp.Opened:
		return session.LayerLCP
	case l.Open == 0:
		return session.LayerIPCP
	}
	return session.LayerInterface
}

// established reports whether both ends have what a session is: by its messages or, where there is
// no signalling, ours by its interface.
func established(l *session.LinkStatus) bool {
	return l.Session.State == control.SessionEstablished || l.Session.State == control.SessionStatic && l.Ready
}

// agreed reports whether links can have sessions: there is a control connection, or there need be
// none and there is a path.
func (v *view) agreed() bool {
	if v.Static != nil {
		return v.Path.Err == nil
	}
	return v.connected()
}

// connected reports whether there is a control connection.
func (v *view) connected() bool {
	return v.Connection != nil && v.Connection.State == control.Established
}

// silence is how often the message that the peer should acknowledge was sent again.
func (v *view) silence() int {
	if v.Connection == nil {
		return 0
	}
	return v.Connection.Counters.Retries
}

// retryAt is when the next attempt at a path or a control connection starts; zero: one is under
// way, or none is planned.
func (v *view) retryAt() time.Time {
	if !v.Path.RetryAt.IsZero() {
		return v.Path.RetryAt
	}
	return v.Control.RetryAt
}

// noConnectionReason says in a few words why there is no control connection.
func (v *view) noConnectionReason() string {
	switch reason := v.unprotectedReason(); {
	case reason != "":
		return reason
	case v.Path.Err != nil:
		return v.Path.Err.Error()
	case v.IPsec != nil && !v.IPsec.Up():
		return "waiting for IPsec"
	case v.silence() > 0 && v.Path.Hint != nil:
		return fmt.Sprintf("no answer from %s: %v", v.Peer, v.Path.Hint)
	case v.silence() > 0:
		return "no answer from " + v.Peer
	case v.Control.Ended:
		return v.Control.Why.Text
	case v.Connection == nil:
		return "waiting for " + v.Peer + " to call"
	}
	return "control connection on its way"
}

func (v *view) peer() api.Peer {
	p := api.Peer{
		Name: v.Peer, Address: v.Config.Where(), IPsec: string(v.Class), State: control.Idle.String(),
		Authentication: v.authentication(), Links: len(v.Links), PathMTU: v.Path.MTU, ESP: v.esp(),
	}
	if v.IPsec != nil {
		p.IKE = ikeState(v.IPsec)
	}
	for _, l := range v.Links {
		if l.Up {
			p.LinksUp++
		}
	}
	if c := v.Connection; c != nil {
		p.State, p.Since = c.State.String(), c.Since
		p.LocalID = idText(c.ID)
		if c.PeerID != 0 {
			p.RemoteID = idText(c.PeerID)
		}
		p.HostName, p.Vendor = c.HostName, c.VendorName
		if c.RouterID != 0 {
			p.RouterID = routerIDText(c.RouterID)
		}
		if !c.LastHeard.IsZero() {
			p.LastHeard = &c.LastHeard
		}
		p.Window = c.Counters.PeerWindow
		p.Sent, p.Received, p.Retransmissions = c.Counters.Sent, c.Counters.Received, c.Counters.Retransmitted
	}
	if t := v.Static; t != nil {
		p.State, p.LocalID, p.RemoteID = "static", idText(t.LocalID), idText(t.PeerID)
		if heard := v.Path.Stats.LastHeard; !heard.IsZero() {
			p.LastHeard = &heard
		}
	}
	if !v.agreed() {
		p.Reason = v.noConnectionReason()
		if at := v.retryAt(); !at.IsZero() {
			p.RetryAt = &at
		}
	}
	return p
}

func (v *view) authentication() string {
	if len(v.Config.Secret) == 0 {
		return "none"
	}
	return "hmac-" + string(v.Config.Digest)
}

func (v *view) session(l *session.LinkStatus) api.Session {
	s := api.Session{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer,
		State: control.SessionIdle.String(), LCP: ppp.Initial.String(), IPCP: ppp.Initial.String(), IPv6CP: ppp.Initial.String(),
	}
	if !v.agreed() {
		s.State = "wait-control-conn"
	}
	if c := l.Session; c != nil {
		s.State = c.State.String()
		s.Sublayer = sublayerWords(c.Sublayer)
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
	told := &api.Echo{Sent: e.Sent, Lost: e.Lost, History: []*float64{}}
	for result := range e.History.All() {
		var ms *float64
		if !result.Lost {
			ms = new(milliseconds(result.RTT))
		}
		told.History = append(told.History, ms)
	}
	return told
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// discards are those that there were.
func discards(p *ppp.Status) map[string]uint64 {
	told := make(map[string]uint64)
	for reason, n := range p.Discards {
		if n > 0 {
			told[ppp.Discard(reason).String()] = n
		}
	}
	return told
}

func protocolNames(p dataplane.Protocols) []string {
	names := []string{}
	if p.Has(dataplane.IPv4) {
		names = append(names, "ipv4")
	}
	if p.Has(dataplane.IPv6) {
		names = append(names, "ipv6")
	}
	return names
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func linkLocalText(id uint64) string {
	if id == 0 {
		return ""
	}
	b := [16]byte{0: 0xfe, 1: 0x80}
	for i := range 8 {
		b[15-i] = byte(id >> (8 * i))
	}
	return netip.AddrFrom16(b).String()
}

func routerIDText(id uint32) string {
	return netip.AddrFrom4([4]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}).String()
}

func idText(id uint32) string { return fmt.Sprintf("0x%08x", id) }

// maskCookie shows enough of a cookie to compare it, and too little to forge it.
func maskCookie(c []byte) string {
	if len(c) == 0 {
		return "none"
	}
	return fmt.Sprintf("%02x… (%d octets)", c[0], len(c))
}

// sublayerWords is the L2-Specific Sublayer of data messages for people; empty: none.
func sublayerWords(s dataplane.Sublayer) string {
	switch {
	case s == dataplane.NoSublayer:
		return ""
	case s.Sequenced():
		return "default, sequence numbers"
	}
	return "default"
}
