package ppp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// FuzzPacket checks that a packet that is read and written again is the same up to its Length.
func FuzzPacket(f *testing.F) {
	f.Add([]byte{0xc0, 0x21, 1, 1, 0, 4})
	f.Add([]byte{0xff, 0x03, 0x21, 9, 7, 0, 8, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, frame []byte) {
		proto, info, ok := splitFrame(frame)
		if !ok {
			return
		}
		if !bytes.HasSuffix(frame, info) {
			t.Fatalf("information %x is not the end of the frame", info)
		}
		p, ok := parsePacket(info)
		if !ok {
			return
		}
		var out Output
		out.packet(proto, p.code, p.id, p.data)
		want := binary.BigEndian.AppendUint16(nil, uint16(proto))
		want = append(want, info[:headerLen+len(p.data)]...)
		for got := range out.Frames() {
			if !bytes.Equal(got, want) {
				t.Fatalf("read %x, wrote %x", want, got)
			}
		}
	})
}

// FuzzOptions checks that a well-formed list of options is the concatenation of its options.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{1, 4, 5, 0xdc, 7, 2})
	f.Add([]byte{5, 6, 0, 0, 0, 1, 3})
	f.Fuzz(func(t *testing.T, list []byte) {
		if !options(list).wellFormed() {
			return
		}
		var again []byte
		for o := range options(list).all() {
			again = append(again, o.kind(), byte(optionHeaderLen+len(o.data())))
			again = append(again, o.data()...)
			o.uint16()
			o.uint32()
			o.uint64()
			o.addr()
		}
		if !bytes.Equal(again, list) {
			t.Fatalf("read %x, wrote %x", list, again)
		}
		if !options(list).contains(list) {
			t.Fatalf("%x does not contain itself", list)
		}
	})
}

// FuzzLink calls a Link with arbitrary methods, frames and times. Each operation is an octet,
// followed by its arguments.
func FuzzLink(f *testing.F) {
	f.Add(uint16(0), handshake)
	f.Add(uint16(1), append(bytes.Clone(handshake), ipcpHandshake...))
	f.Add(uint16(33), append(bytes.Clone(handshake), 6, 12, 0, 10, 6, 6, 6, 6, 6, 8, 1))
	f.Add(uint16(0x101), append(bytes.Clone(handshake), 11, 25, 0xc2, 0x23, 1, 7, 0, 12, 4, 1, 2, 3, 4, 'p', 'e', '2', 13, 13, 7, 7))
	f.Add(uint16(0x201), append(bytes.Clone(handshake), 13, 7, 7))
	f.Add(uint16(17), []byte{0, 12, 0, 1, 12, 0, 3, 12, 0, 4, 4, 100, 4, 200, 1, 2, 3})
	f.Fuzz(func(t *testing.T, config uint16, ops []byte) {
		c := newChecker(t, config)
		for len(ops) > 0 {
			ops = c.operate(ops)
			c.check()
		}
	})
}

// Operations that open LCP and then IPCP.
var (
	handshake = []byte{
		0,        // up
		12, 0, 2, // the peer's Configure-Ack of the Link's last packet
		11, 12, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 0, 0, 0, 9, // its Configure-Request
	}
	ipcpHandshake = []byte{
		12, 0, 2,
		11, 12, 0x80, 0x21, 1, 1, 0, 10, 3, 6, 10, 0, 0, 2,
	}
)

// Random operations keep the invariants that FuzzLink checks.
func TestRandomCalls(t *testing.T) {
	opened, authenticated := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		c := newChecker(t, uint16(r.Uint32()))
		ops := bytes.Clone(handshake)
		if c.auth != nil {
			ops = append(ops, 13)
		}
		ops = append(ops, ipcpHandshake...)
		for range 100 {
			ops = append(ops, byte(r.Uint32()), byte(r.Uint32N(8)))
		}
		for len(ops) > 0 {
			ops = c.operate(ops)
			c.check()
			if c.v4 || c.v6 {
				opened++
				if c.auth != nil {
					authenticated++
				}
			}
		}
	}
	if opened < 1000 || authenticated < 300 {
		t.Errorf("a network protocol was Opened after only %d calls, %d with authentication", opened, authenticated)
	}
}

func fuzzConfig(b uint16) Config {
	cfg := Config{Rand: counter(), MaxConfigure: 3, MaxFailure: 2}
	if b&1 != 0 {
		cfg.IPv4 = &IPv4Config{Mode: AddressMode(b >> 1 & 3 % 3), Local: netip.MustParseAddr("10.0.0.1")}
	}
	if b&8 != 0 && cfg.IPv4 != nil {
		cfg.IPv4.Peer = netip.MustParseAddr("10.0.0.2")
	}
	if b&16 != 0 {
		cfg.IPv6 = &IPv6Config{LocalID: uint64(b >> 7 & 1)}
	}
	if b&32 != 0 {
		cfg.EchoInterval, cfg.EchoFails = time.Second, 2
	}
	if b&64 != 0 {
		cfg.MRU = 1400
	}
	switch b >> 8 & 3 {
	case 1:
		cfg.Auth = mutual().Auth
	case 2:
		cfg.Auth = chapOnly().Auth
		cfg.Auth.Rechallenge = 3 * time.Second
	case 3:
		cfg.Auth = papOnly().Auth
		cfg.Auth.Allow = []Protocol{ProtocolPAP, ProtocolCHAP}
	}
	return cfg
}

// checker checks a Link after each call.
type checker struct {
	t     *testing.T
	link  *Link
	now   time.Time
	out   Output
	input int      // octets received in the last call
	sent  [][]byte // the last frames that the Link sent

	auth        *AuthConfig
	lcp, v4, v6 bool // opened, by the events
}

func newChecker(t *testing.T, config uint16) *checker {
	cfg := fuzzConfig(config)
	return &checker{t: t, link: New(cfg), now: epoch, auth: cfg.Auth}
}

// operate performs the first of the operations and returns the others.
func (c *checker) operate(ops []byte) []byte {
	op := ops[0]
	ops = ops[1:]
	take := func() byte {
		if len(ops) == 0 {
			return 0
		}
		b := ops[0]
		ops = ops[1:]
		return b
	}
	c.input = 0
	switch op % 14 {
	case 0:
		c.link.Up(c.now, &c.out)
	case 1:
		c.link.Down(c.now, &c.out)
	case 2:
		c.link.Open(c.now, &c.out)
	case 3:
		c.link.Close(c.now, "closed", &c.out)
	case 4, 5: // time passes, possibly backwards
		c.now = c.now.Add(time.Duration(int8(take())) * 100 * time.Millisecond)
		c.link.Advance(c.now, &c.out)
	case 6, 7: // time passes until the deadline
		if d := c.link.Deadline(); d.After(c.now) {
			c.now = d
		}
		c.link.Advance(c.now, &c.out)
	case 8, 9, 10: // a frame that the Link sent is looped back
		if n := int(take()); len(c.sent) > 0 {
			c.receive(c.sent[n%len(c.sent)])
		}
	case 11: // any frame
		n := min(int(take()), len(ops))
		c.receive(ops[:n])
		ops = ops[n:]
	case 12: // a frame that the Link sent is looped back with another code
		if n := int(take()); len(c.sent) > 0 {
			frame := bytes.Clone(c.sent[len(c.sent)-1-n%len(c.sent)])
			frame[2] = take() % 16
			if frame[2] == byte(configureRequest) && len(frame) > 6 {
				frame[len(frame)-1] ^= 0x55
			}
			c.receive(frame)
		}
	case 13:
		c.authenticate()
	}
	return ops
}

// authenticate answers the last frame as a peer that knows the secrets.
func (c *checker) authenticate() {
	var out Output
	id := uint8(1)
	if len(c.sent) > 0 {
		last := c.sent[len(c.sent)-1]
		proto, info, _ := splitFrame(last)
		p, _ := parsePacket(info)
		id = p.id
		switch {
		case proto == ProtocolCHAP && p.code == chapChallenge:
			challenge, _, _ := splitValue(p.data)
			hash := chapHash(id, c.auth.PeerSecret, challenge)
			out.text(ProtocolCHAP, chapResponse, id, "\x10"+string(hash[:])+c.auth.PeerName)
		case proto == ProtocolCHAP && p.code == chapResponse:
			out.packet(ProtocolCHAP, chapSuccess, id, nil)
		case proto == ProtocolPAP && p.code == papRequest:
			out.packet(ProtocolPAP, papAck, id, nil)
		}
	}
	if len(out.ends) == 0 && c.auth != nil {
		request := appendCounted(appendCounted(nil, c.auth.PeerName), string(c.auth.PeerSecret))
		out.packet(ProtocolPAP, papRequest, id, request)
	}
	for f := range out.Frames() {
		c.receive(f)
	}
}

func (c *checker) receive(frame []byte) {
	c.input = len(frame)
	original := bytes.Clone(frame)
	c.link.Receive(c.now, frame, &c.out)
	if !bytes.Equal(original, frame) {
		c.t.Fatal("Receive changed the frame")
	}
	for i := range frame {
		frame[i] = 0xee // Receive must not keep the frame either
	}
	copy(frame, original)
}

func (c *checker) check() {
	t, s := c.t, c.link.Status()
	frames, octets := 0, 0
	for f := range c.out.Frames() {
		frames++
		octets += len(f)
		proto, info, ok := splitFrame(f)
		p, good := parsePacket(info)
		if !ok || !good || len(p.data)+headerLen != len(info) {
			t.Fatalf("sent a malformed frame %x", f)
		}
		if authCodes[proto] == nil && p.code <= configureReject && p.code >= configureRequest && !options(p.data).wellFormed() {
			t.Fatalf("sent malformed options %x", f)
		}
		c.sent = append(c.sent, bytes.Clone(f))
	}
	c.sent = c.sent[max(0, len(c.sent)-16):]
	if up := c.v4 || c.v6 || s.IPCP > Starting && s.LCP == Opened; up && c.auth != nil {
		// No network protocol runs without the required authentication.
		if s.PeerAuth.Protocol != c.auth.Require || c.auth.Require != 0 && s.PeerAuth.Passed.IsZero() {
			t.Fatalf("a network protocol runs although the peer's authentication is %+v", s.PeerAuth)
		}
	}
	if frames > 6 || octets > 6*128+4*c.input || len(c.out.Events) > 8 {
		t.Fatalf("%d frames of %d octets, %d events after %d octets", frames, octets, len(c.out.Events), c.input)
	}
	for _, e := range c.out.Events {
		c.checkOrder(e)
	}
	c.out.Reset()
	if c.lcp != (s.LCP == Opened) || c.v4 != (s.IPCP == Opened) || c.v6 != (s.IPV6CP == Opened) {
		t.Fatalf("opened by the events: %v %v %v; states: %v %v %v", c.lcp, c.v4, c.v6, s.LCP, s.IPCP, s.IPV6CP)
	}
	if d := c.link.Deadline(); s.LCP <= Stopped && !d.IsZero() {
		t.Fatalf("deadline %v in state %v", d, s.LCP)
	}
	if s.LCP.timed() && c.link.Deadline().IsZero() {
		t.Fatalf("no deadline in state %v", s.LCP)
	}
}

// checkOrder checks that an event is valid after the previous ones.
func (c *checker) checkOrder(e Event) {
	bad := false
	switch e := e.(type) {
	case LCPOpened:
		bad = c.lcp || e.PeerMRU < minMRU
		c.lcp = true
	case LCPClosed:
		bad = !c.lcp || c.v4 || c.v6 || e.Reason == ""
		c.lcp = false
	case IPv4Opened:
		bad = c.v4 || !c.lcp || e.Local == e.Peer && e.Local.IsValid() ||
			e.Local.IsValid() && !unicast(e.Local) || e.Peer.IsValid() && !unicast(e.Peer)
		c.v4 = true
	case IPv4Closed:
		bad = !c.lcp || e.Reason == ""
		c.v4 = false
	case IPv6Opened:
		bad = c.v6 || !c.lcp || e.LocalID == e.PeerID || e.LocalID == 0
		c.v6 = true
	case IPv6Closed:
		bad = !c.lcp || e.Reason == ""
		c.v6 = false
	case LinkFailed:
		bad = c.lcp || e.Reason == ""
	}
	if bad {
		c.t.Fatalf("event %T %+v with LCP %v, IPv4 %v, IPv6 %v", e, e, c.lcp, c.v4, c.v6)
	}
}
