package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// fuzzer controls the remote end, the owner and the time by a script of octets.
type fuzzer struct {
	*dialogue
	script         []byte
	stages         stages
	sessions       []*Session // all sessions that the owner knows
	opened         int        // sessions opened by the owner
	circuitChanges int        // made by the owner
}

func (p *fuzzer) octet() byte {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return b
}

var fuzzMessages = [...]l2tp.MessageType{
	l2tp.SCCRQ, l2tp.SCCRP, l2tp.SCCCN, l2tp.StopCCN, l2tp.HELLO, l2tp.ICRQ, l2tp.ICRP, l2tp.ICCN, l2tp.CDN, l2tp.SLI, l2tp.WEN,
	l2tp.OCRQ, l2tp.OCRP, l2tp.OCCN, l2tp.ACK, l2tp.ZLB,
}

// message sends a message that may be valid or not.
func (p *fuzzer) message() {
	t := fuzzMessages[int(p.octet())%len(fuzzMessages)]
	session, shape := p.octet(), p.octet()
	options := []option{ids(uint32(session>>4&3), p.sessionID(session&15)), tieBreaker(uint64(shape) << 56)}
	if t != l2tp.SCCRQ && t != l2tp.ICRQ && t != l2tp.OCRQ {
		options = options[:1]
	}
	options = append(options, func(m *draft) {
		m.RemoteEndID = []byte{session >> 6}
		m.CircuitStatus = l2tp.CircuitStatus(session>>6 | shape>>5<<4)
		if t.IsSession() && m.LocalSessionID == 0 {
			m.LocalSessionID = 1
		}
	})
	switch shape & 31 {
	case 1:
		options = append(options, numbered(p.call.ns+uint16(session>>5)))
	case 2:
		options = append(options, numbered(p.call.ns-1-uint16(session>>5)))
	case 3:
		options = append(options, acking(p.call.nr+1))
	case 4:
		options = append(options, acking(p.call.nr-uint16(session)))
	case 5:
		options = append(options, mandatoryUnknown)
	case 6:
		options = append(options, tail(0x80, 3))
	case 7, 8:
		at, bit := p.octet(), p.octet()
		options = append(options, tampered(func(b []byte) []byte {
			b[int(at)%len(b)] ^= 1 << (bit & 7)
			return b
		}))
	case 9:
		options = append(options, without(l2tp.AVPLocalSessionID))
	case 10:
		options = append(options, without(l2tp.AVPAssignedConnectionID))
	case 11:
		options = append(options, without(l2tp.AVPNonce))
	case 12:
		options = append(options, func(m *draft) { m.ReceiveWindow = uint16(session) })
	}
	p.send(t, options...)
}

// sessionID returns the Peer's ID of a session, or an unknown ID.
func (p *fuzzer) sessionID(n byte) uint32 {
	if i := len(p.sessions) - int(n); n > 0 && i >= 0 {
		return p.sessions[i].ID
	}
	return uint32(n>>3) * 99
}

// playNext performs the action in the next octets of the script.
func (p *fuzzer) playNext() {
	switch what := p.octet(); what & 15 {
	default:
		p.message()
	case 8:
		if len(p.calls) < 50 {
			p.newCall()
		}
	case 9:
		p.call = p.calls[int(what>>4)%len(p.calls)]
	case 10:
		p.wait(time.Duration(p.octet()) * 300 * time.Millisecond)
	case 11, 12:
		s := p.session(what >> 4)
		if s == nil {
			return
		}
		switch p.octet() % 8 {
		default:
			p.accept(s)
			p.connect(s)
		case 2:
			p.stages[s] = stageEnded
			p.close(s)
		case 3:
			s.Connection.DataReceived(p.now)
		case 4:
			p.circuitChanges++
			p.setCircuit(s, l2tp.CircuitStatus(p.octet()))
		case 5:
			p.changeSecrets(p.octet())
		}
	case 13:
		if p.peer.Established() != nil && p.opened < 20 {
			p.opened++
			s := p.open(string([]byte{what >> 6}))
			p.stages[s] = stageOpening
			p.sessions = append(p.sessions, s)
		}
	case 14:
		p.step(func(out *Output) { p.peer.RetryNow(p.now, out) })
	case 15:
		if what&0x10 == 0 {
			p.stop()
		} else {
			p.step(func(out *Output) { p.peer.Start(p.now, out) })
		}
	}
}

// changeSecrets mostly keeps the secret that the script has.
func (p *fuzzer) changeSecrets(to byte) {
	var secret, next []byte
	if p.key != nil || to&0xf0 == 0xf0 {
		secret = []byte("secret")
	}
	if to&1 != 0 {
		next = []byte("next")
	}
	if to&0x0e == 0x0e {
		secret, next = next, secret
	}
	p.step(func(out *Output) { p.peer.SetSecrets(p.now, secret, next, out) })
}

func (p *fuzzer) session(n byte) *Session {
	if i := len(p.sessions) - 1 - int(n); i >= 0 {
		return p.sessions[i]
	}
	return nil
}

// processOutput handles the events of the Peer, and records its numbers, IDs and nonces.
func (p *fuzzer) processOutput() {
	for _, e := range p.events {
		if err := p.stages.event(e); err != nil {
			p.t.Fatal(err)
		}
		if e, ok := e.(CallIncoming); ok {
			p.sessions = append(p.sessions, e.Session)
		}
	}
	p.events = p.events[:0]
	for _, b := range p.sent {
		var m l2tp.Message
		if err := m.Parse(b, nil); err != nil {
			p.t.Fatalf("%s: %v", describe(b), err)
		}
		c := p.call
		for _, other := range p.calls {
			if other.id == m.ConnectionID {
				c = other
			}
		}
		if m.Type == l2tp.SCCRQ || m.Type == l2tp.SCCRP {
			if c.peerID != m.AssignedConnectionID {
				c.peerID, c.peerNonce, c.nr = m.AssignedConnectionID, m.Nonce, m.Ns
			}
		}
		if m.Type != l2tp.ACK && m.Ns == c.nr {
			c.nr++
		}
	}
	p.sent = p.sent[:0]
}

// checkBounds fails the test if the state of the Peer exceeds its bounds.
func (p *fuzzer) checkBounds() {
	peer := p.peer
	if len(peer.incoming) > maxIncoming || len(peer.closing) > maxClosing {
		p.t.Fatalf("%d half-open connections, %d closing", len(peer.incoming), len(peer.closing))
	}
	var room [maxConnections]*Connection
	for _, c := range peer.appendAll(room[:0]) {
		r, n := &c.reliable, len(c.sessions)
		if len(r.early) >= r.window || len(r.queue) > r.limit+p.opened+p.circuitChanges || n > peer.cfg.MaxSessions+p.opened || len(c.byPeer) > n ||
			len(c.waiting) > n || len(c.opening) > 2*n+17 {
			p.t.Fatalf("beyond the bounds: %d messages early, %d queued; %d sessions, %d by the peer's ID, %d waiting, %d opening",
				len(r.early), len(r.queue), n, len(c.byPeer), len(c.waiting), len(c.opening))
		}
		if n > 0 && c.State != Established {
			p.t.Fatalf("%d sessions on a connection in state %s", n, c.State)
		}
		for id, s := range c.sessions {
			if s.ID != id || s.State == SessionIdle || p.stages[s] == stageEnded || p.stages[s] == stageUp && s.State != SessionEstablished {
				p.t.Fatalf("session in state %s at stage %d", s.State, p.stages[s])
			}
		}
	}
}

// FuzzPeer runs a Peer with a remote end that sends anything, and an owner that does anything.
func FuzzPeer(f *testing.F) {
	const sccrq, sccrp, scccn, stop, hello, icrq, icrp, iccn, cdn, sli, wen, ocrq = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	f.Add([]byte{0, sccrq, 0, 0, 0, scccn, 0, 0, 0, icrq, 0x10, 0, 11, 0, 0, iccn, 0x11, 0, 0, cdn, 0x11, 0}, byte(0))
	f.Add([]byte{0, sccrq, 0, 0, 0, scccn, 0, 0, 13, 0, icrp, 0x11, 0, 11, 0, 11, 2, 0, hello, 0, 0, 10, 255, 10, 255, 0, stop, 0, 0}, byte(0))
	f.Add([]byte{0, sccrp, 0, 0, 13, 13, 0, icrq, 0x10, 0, 0, icrq, 0x60, 0xff, 8, 0, sccrq, 0, 0, 0, scccn, 0, 0}, byte(1))
	f.Add([]byte{0, sccrq, 0, 0, 0, scccn, 0, 1, 0, icrq, 0x40, 1, 0, icrq, 0x30, 7, 20, 3, 0, scccn, 0, 2, 15, 10, 255, 10, 255}, byte(3))
	f.Add([]byte{0, sccrp, 0, 5, 10, 20, 8, 0, sccrq, 0, 0, 15, 0, stop, 0, 0, 31, 14, 10, 30}, byte(1))
	f.Add([]byte{0, sccrq, 0, 0, 0, scccn, 0, 0, 0, ocrq, 0x10, 0, 11, 0, 0, sli, 0x11, 0xe0, 11, 4, 1, 0, wen, 0x11, 0, 0, ocrq, 0x10, 0}, byte(0))
	f.Add([]byte{0, sccrq, 0, 0, 0, scccn, 0, 0, 13, 11, 5, 1, 0, sli, 0x11, 0x20, 10, 5, 11, 5, 0x0f, 10, 9, 11, 5, 0}, byte(0))
	f.Fuzz(func(t *testing.T, script []byte, kind byte) {
		d := newUncheckedDialogue(t, func(c *Config) {
			c.MaxSessions = 6
			c.Window = 4
			if kind&1 != 0 {
				c.Role = Both
			}
			if kind&2 != 0 {
				c.Secret = nil
			}
		})
		p := &fuzzer{dialogue: d, script: script[:min(len(script), 1000)], stages: make(stages)}
		p.processOutput()
		for len(p.script) > 0 {
			p.playNext()
			p.processOutput()
			p.checkBounds()
		}
		p.stop()
		p.processOutput()
		p.wait(2 * testCycle)
		p.processOutput()
		for s, stage := range p.stages {
			if stage != stageEnded {
				t.Fatalf("no SessionDown for a session in state %s", s.State)
			}
		}
		if !d.peer.Done() || len(d.peer.live())+len(d.peer.closing) != 0 || !d.peer.Deadline().IsZero() {
			t.Fatalf("not done: %d connections, %d closing", len(d.peer.live()), len(d.peer.closing))
		}
	})
}

// FuzzReceive delivers arbitrary octets to a Peer with an established connection without a secret.
func FuzzReceive(f *testing.F) {
	seed := func(t l2tp.MessageType) []byte {
		d := &dialogue{call: &call{id: 0x2001}}
		m := d.draft(t, nil)
		b, err := l2tp.Append(nil, &m.Message)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	for _, m := range fuzzMessages {
		f.Add(seed(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newUncheckedDialogue(t, noSecret)
		c := d.scriptConnects()
		d.deliver(b)
		if len(b) >= l2tp.HeaderLen { // on the connection, in order
			b = append([]byte(nil), b...)
			b[4], b[5], b[6], b[7] = byte(c.ID>>24), byte(c.ID>>16), byte(c.ID>>8), byte(c.ID)
			b[8], b[9], b[10], b[11] = 0, 2, 0, 1
			d.deliver(b)
		}
		d.wait(2 * testCycle)
	})
}
