package daemon

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/listen"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/session"
)

// loop is the goroutine that owns all state of one peer and class. All work reaches it through its
// mailbox, as a function to run. The fields are for the loop alone, except those that never change,
// channels and atomic values.
type loop struct {
	daemon *Daemon
	name   loopName
	peer   config.Peer // as it applies to connections of the class
	class  config.IPsec
	remote netip.AddrPort // the peer's address and port as configured at the start; never changes
	static bool           // the peer has no control connection
	local  netip.AddrPort // to send from and to listen at; a zero address: as routed
	log    *zap.Logger

	protection *protection // nil: the class is clear

	pair    *session.Pair
	out     session.Output
	path    path
	links   map[*session.Link]*linkRuntime
	limiter limiter
	taps    []*tap
	mailbox chan func(now time.Time)
	ended   chan struct{} // closed when the goroutine has ended
	cancel  context.CancelCauseFunc
	closing sync.WaitGroup              // jobs that must not outlive the loop
	last    atomic.Pointer[report.View] // the latest view, used while the loop is too busy

	dropped     atomic.Uint64 // messages and frames dropped because the mailbox was full
	tooLong     atomic.Uint64 // messages longer than maxMessage
	unexpected  atomic.Uint64 // control messages of a static peer
	foreignPort atomic.Uint64 // messages dropped because of their source port
}

// maxMessage is the length of the longest accepted control message in octets. No peer has reason to
// send a longer one; the limit bounds the memory of the mailbox.
const maxMessage = 4096

// stopTimeout is how long to wait until the peer has acknowledged the shutdown.
const stopTimeout = 3 * time.Second

// loopName identifies a loop.
type loopName struct {
	peer  string
	class config.IPsec
}

// newLoop returns the loop of a peer and class, which start runs. It needs operators.mu, except
// before the first loop runs.
func newLoop(d *Daemon, cfg *config.Config, peer config.Peer, class config.IPsec) *loop {
	pc := wiring.Pair(cfg, peer, class)
	for i := range pc.Links {
		pc.Links[i].Disabled = d.operations.disabled[linkName{pc.Links[i].VPN, peer.Name}]
	}
	pair := session.NewPair(pc)
	peer = wiring.ForClass(peer, class)
	log := d.log.With(zap.String("peer", peer.Name))
	if class == config.IPsecRequired {
		log = log.With(zap.String("ipsec", string(class)))
	}
	l := &loop{
		daemon:  d,
		name:    loopName{peer.Name, class},
		peer:    peer,
		class:   class,
		remote:  peer.AddrPort(),
		static:  peer.IsStatic(),
		local:   wiring.Local(cfg, &peer, class),
		log:     log,
		pair:    pair,
		path:    path{peer: peer.AddrPort(), retry: timing.Backoff{Min: time.Second, Max: 10 * time.Second}},
		links:   make(map[*session.Link]*linkRuntime),
		limiter: make(limiter),
		mailbox: make(chan func(time.Time), mailboxSize),
		ended:   make(chan struct{}),
	}
	if class == config.IPsecRequired {
		l.protection = &protection{peer: wiring.Protection(cfg, &peer), algorithms: peer.IKE.ESPProposals}
	}
	return l
}

// listenPeer returns the peer in the form that the listeners accept.
func (l *loop) listenPeer() listen.Peer {
	return listen.Peer{Receiver: l, Local: l.local, Remote: l.remote, Excluded: l.protection != nil || l.static}
}

func listenPeers(loops []*loop) []listen.Peer {
	var peers []listen.Peer
	for _, l := range loops {
		peers = append(peers, l.listenPeer())
	}
	return peers
}

// start runs the loop until ctx is done or end is called.
func (l *loop) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancelCause(ctx)
	if l.protection != nil {
		l.daemon.notProtected.Add(1)
	}
	go l.run(ctx)
}

// run is the loop. It ends when ctx is done and the peer has acknowledged that, or after
// stopTimeout.
func (l *loop) run(ctx context.Context) {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.openPath(time.Now())
	l.step(time.Now(), func(now time.Time) { l.pair.Start(now, &l.out) })

	done := ctx.Done()
	var giveUp <-chan time.Time
	for giveUp == nil || !l.pair.Done() {
		if next := l.deadline(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case f := <-l.mailbox:
			l.step(time.Now(), f)
		case <-timer.C:
			l.step(time.Now(), l.advance)
		case <-done:
			done = nil
			giveUp = time.After(stopTimeout)
			l.step(time.Now(), func(now time.Time) {
				if reason, ok := errors.AsType[endReason](context.Cause(ctx)); ok {
					l.pair.Close(now, string(reason), &l.out)
				} else {
					l.pair.Stop(now, &l.out)
				}
			})
		case <-giveUp:
			l.log.Warn("peer did not acknowledge the shutdown in time", zap.Duration("waited", stopTimeout))
			return
		}
	}
}

// step runs f, and then carries out what the machines have appended to their output.
func (l *loop) step(now time.Time, f func(now time.Time)) {
	f(now)
	l.returnHome(now)
	for message := range l.out.Datagrams() {
		l.tapSent(now, message)
		l.path.send(message)
	}
	for _, frame := range l.out.Frames {
		l.sendFrame(frame)
	}
	for i := 0; i < len(l.out.Effects); i++ { // executing one may append others
		l.execute(now, l.out.Effects[i])
	}
	l.out.Reset()
}

// advance handles the timers that are due.
func (l *loop) advance(now time.Time) {
	if timing.Due(l.path.retryAt, now) {
		l.openPath(now)
		if l.path.tunnel != nil {
			l.pair.RetryNow(now, &l.out)
		}
	}
	if at := l.path.lastReceived(); !at.IsZero() {
		l.pair.DataReceived(at)
	}
	for link := range l.pair.Due(now) {
		if x := l.links[link]; x != nil {
			if p := x.present.Load(); p != nil {
				l.pair.DataReceivedOn(p.attempt, p.session.LastHeard())
			}
		}
	}
	l.pair.Advance(now, &l.out)
}

// deadline returns when advance must be called next; zero: never.
func (l *loop) deadline() time.Time {
	return timing.Earliest(l.pair.Deadline(), l.path.retryAt)
}

// Receive accepts a control message that arrived from a port of the peer's address. It implements
// listen.Receiver; the callbacks of the tunnels call it, too.
func (l *loop) Receive(message []byte, from netip.AddrPort) {
	if l.static {
		l.unexpected.Add(1)
		return
	}
	if len(message) > maxMessage {
		l.tooLong.Add(1)
		return
	}
	if !l.daemon.admission.Admit(message) {
		return
	}
	message = bytes.Clone(message)
	l.offer(func(now time.Time) { l.handleMessage(now, message, from) })
}

// handleMessage passes a control message to the machines.
func (l *loop) handleMessage(now time.Time, message []byte, from netip.AddrPort) {
	if l.path.tunnel == nil && now.Sub(l.path.errAt) >= l.path.retry.Min {
		l.openPath(now) // the message shows that there is a path now
	}
	l.tapReceived(now, message, from)
	if from != l.path.peer {
		l.handleForeignPort(now, message, from)
		return
	}
	l.path.receivedAt = now
	l.pair.Receive(now, message, &l.out)
}

// removal is a link that is being removed.
type removal struct {
	done             <-chan struct{} // closed when nothing of the link exists any more
	becomesProtected bool            // as in configuredLink
}

// remove removes links. It returns those that still exist in the data plane.
func (l *loop) remove(now time.Time, links []configuredLink) []removal {
	runtimes := make(map[string]*linkRuntime) // by VPN
	for link, x := range l.links {
		runtimes[link.VPN] = x
	}
	var removed []removal
	for _, lc := range links {
		if x := runtimes[lc.vpn.Name]; x != nil {
			removed = append(removed, removal{x.gone, lc.becomesProtected})
		}
		l.pair.RemoveLink(now, lc.vpn.VPNID, lc.reason, &l.out)
	}
	return removed
}

// change applies the loop's part of a new configuration, except for the removals, which were done
// before.
func (l *loop) change(now time.Time, cfg *config.Config, w *work) {
	i := slices.IndexFunc(cfg.Peers, func(p config.Peer) bool { return p.Name == l.name.peer })
	peer := cfg.Peers[i]
	if was := l.peer; !bytes.Equal(was.Secret, peer.Secret) || !bytes.Equal(was.NextSecret, peer.NextSecret) {
		l.publish(api.Event{Kind: api.EventSecretsChanged, Message: "secrets changed"}, zap.Bool("next_secret", peer.NextSecret != nil))
	}
	l.peer = wiring.ForClass(peer, l.class)
	pc := wiring.Pair(cfg, peer, l.class)
	l.pair.Reconfigure(now, pc.Control, pc.OtherClass, &l.out)
	links := make(map[string]session.LinkConfig)
	for _, lc := range pc.Links {
		links[lc.VPN] = lc
	}
	for _, lc := range w.change {
		l.pair.ChangeLink(now, links[lc.vpn.Name], &l.out)
	}
	for _, lc := range w.add {
		added := links[lc.vpn.Name]
		added.Disabled = lc.disabled
		l.pair.AddLink(now, added, &l.out)
	}
}

// endReason is why a loop ends while the daemon continues. It is the cause of the loop's context.
type endReason string

func (r endReason) Error() string { return string(r) }

// end takes everything of the loop down and sends the peer the reason. It returns when nothing of
// the loop exists any more.
func (l *loop) end(reason string) {
	l.cancel(endReason(reason))
	<-l.ended
	for _, x := range l.links {
		l.daemon.interfaces.remove(x)
		idle := make(chan struct{})
		x.queue.add(func() { close(idle) })
		<-idle
	}
	l.closePath()
	l.closing.Wait()
	l.unprotect()
}
