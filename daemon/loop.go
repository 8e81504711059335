package daemon

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/internal/listen"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/session"
)

// loop is the goroutine that owns all state of one peer, or of one class of it. Everything that
// happens comes through its mailbox.
type loop struct {
	daemon *Daemon
	name   loopName
	peer   config.Peer // as those of this class find it; for the loop alone
	class  config.IPsec
	from   netip.AddrPort // where the peer is configured to be
	static bool           // the peer has no control messages
	local  netip.AddrPort // where we send from and listen at; the zero address leaves it to the routing table
	log    *zap.Logger

	protection *protection // nil: the class is in clear

	pair    *session.Pair
	out     session.Output
	path    path
	links   map[*session.Link]*execution
	limiter limiter
	taps    []*tap
	mailbox chan func(now time.Time)
	over    chan struct{} // closed when the loop has ended
	cancel  context.CancelCauseFunc
	closing sync.WaitGroup              // tunnels that are being closed, and what else is not to outlive the loop
	last    atomic.Pointer[report.View] // the latest that the loop has told of itself

	dropped atomic.Uint64 // messages and frames that found the mailbox full
	tooLong atomic.Uint64 // messages longer than any that a peer has reason to send
	unasked atomic.Uint64 // control messages of a static peer

	foreignPort atomic.Uint64 // messages from another port than the peer's
}

// mailboxSize is how much may wait for the loop before messages from the network are dropped. It
// holds some bursts of a full receive window.
const mailboxSize = 1024

// maxMessage bounds a control message in octets, and so the memory that the mailbox may take.
const maxMessage = 4096

// stopTimeout is how long a peer may take to acknowledge that we stop.
const stopTimeout = 3 * time.Second

// loopName is what tells a loop from the daemon's others.
type loopName struct {
	peer  string
	class config.IPsec
}

// newLoop makes the loop of a peer and class; only one of the operators may call it, or the start.
func newLoop(d *Daemon, cfg *config.Config, peer config.Peer, class config.IPsec) *loop {
	pc := wiring.Pair(cfg, peer, class)
	for i := range pc.Links {
		pc.Links[i].Disabled = d.operators.disabled[linkName{pc.Links[i].VPN, peer.Name}]
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
		from:    peer.AddrPort(),
		static:  peer.IsStatic(),
		local:   wiring.Local(cfg, &peer, class),
		log:     log,
		pair:    pair,
		path:    path{peer: peer.AddrPort(), retry: timing.Backoff{Min: time.Second, Max: 10 * time.Second}},
		links:   make(map[*session.Link]*execution),
		limiter: make(limiter),
		mailbox: make(chan func(time.Time), mailboxSize),
		over:    make(chan struct{}),
	}
	if class == config.IPsecRequired {
		l.protection = &protection{peer: wiring.Protection(cfg, &peer), algorithms: peer.IKE.ESPProposals}
	}
	return l
}

// listenPeer returns the peer as the listeners know it.
func (l *loop) listenPeer() listen.Peer {
	return listen.Peer{Receiver: l, Local: l.local, Remote: l.from, Excluded: l.protection != nil || l.static}
}

func listenPeers(loops []*loop) []listen.Peer {
	var peers []listen.Peer
	for _, l := range loops {
		peers = append(peers, l.listenPeer())
	}
	return peers
}

// post has f run in the loop, and waits for room to say so. It does nothing once the loop is over.
func (l *loop) post(f func(now time.Time)) {
	select {
	case l.mailbox <- f:
	case <-l.over:
	}
}

// offer is post for what the network brings: it does not wait, and drops what finds no room.
func (l *loop) offer(f func(now time.Time)) {
	select {
	case l.mailbox <- f:
	default:
		l.dropped.Add(1)
	}
}

// run is the loop, until ctx is done and the peer knows.
func (l *loop) run(ctx context.Context) {
	defer close(l.over)
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
				if why, ok := errors.AsType[leaving](context.Cause(ctx)); ok {
					l.pair.Close(now, string(why), &l.out)
				} else {
					l.pair.Stop(now, &l.out)
				}
			})
		case <-giveUp:
			l.log.Warn("the peer did not acknowledge the end in time", zap.Duration("waited", stopTimeout))
			return
		}
	}
}

// step does f and then what the pair wants done.
func (l *loop) step(now time.Time, f func(now time.Time)) {
	f(now)
	l.goHome(now)
	for message := range l.out.Datagrams() {
		l.tapSent(now, message)
		l.path.send(message)
	}
	for _, frame := range l.out.Frames {
		l.sendFrame(frame)
	}
	for i := 0; i < len(l.out.Effects); i++ { // one may cause others
		l.execute(now, l.out.Effects[i])
	}
	l.out.Reset()
}

func (l *loop) advance(now time.Time) {
	if timing.Due(l.path.retryAt, now) {
		l.openPath(now)
		if l.path.tunnel != nil {
			l.pair.RetryNow(now, &l.out)
		}
	}
	if heard := l.path.lastHeard(); !heard.IsZero() {
		l.pair.DataReceived(heard)
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

func (l *loop) deadline() time.Time {
	return timing.Earliest(l.pair.Deadline(), l.path.retryAt)
}

// Receive accepts a control message that arrived from a port of the peer's address. It implements
// listen.Receiver; the tunnels call it, too.
func (l *loop) Receive(message []byte, from netip.AddrPort) {
	if l.static {
		l.unasked.Add(1)
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
	l.offer(func(now time.Time) {
		if l.path.tunnel == nil && now.Sub(l.path.errAt) >= l.path.retry.Min {
			l.openPath(now) // the peer has found its way to us
		}
		l.receiveFrom(now, message, from)
	})
}

var errOver = errors.New("the daemon is shutting down")

// ask runs f in the loop and waits for its answer.
func ask[T any](ctx context.Context, l *loop, f func(now time.Time) T) (answer T, err error) {
	answered := make(chan T, 1) // the loop does not wait for one who has gone
	select {
	case l.mailbox <- func(now time.Time) { answered <- f(now) }:
	case <-l.over:
		return answer, errOver
	case <-ctx.Done():
		return answer, ctx.Err()
	}
	select {
	case answer = <-answered:
		return answer, nil
	case <-l.over:
		return answer, errOver
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}
