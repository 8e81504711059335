package ppp

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dialogue plays a script between a Link and a peer. After each line that has an effect, the next
// lines must list all frames and events of the Link:
//
//	up, down, open, close REASON   call this method of the Link
//	wait 3s                        let time pass; call Advance at each Deadline
//	> LCP Configure-Request 1 ...  the peer sends this packet
//	< LCP Configure-Ack 1 ...      the Link sends this packet
//	* LCPOpened 1500               the Link reports this event
//	= Opened Req-Sent Initial      check the states of LCP, IPCP and IPV6CP
//	# ...                          a comment
//
// Random numbers are 1, 2, 3, ... and the Restart timer is constant, unless the Config sets them.
func dialogue(t *testing.T, cfg Config, script string) *Link {
	t.Helper()
	if cfg.Rand == nil {
		cfg.Rand = counter()
	}
	if cfg.RestartInitial == 0 {
		cfg.RestartInitial = cmp.Or(cfg.Restart, 3*time.Second)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	d := &player{t: t, link: New(cfg), now: epoch}
	for i, line := range strings.Split(script, "\n") {
		d.where = fmt.Sprintf("line %d, %q", i, strings.TrimSpace(line))
		d.play(strings.TrimSpace(line))
	}
	d.where = "the end"
	d.nothingLeft()
	return d.link
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func counter() func() uint32 {
	n := uint32(0)
	return func() uint32 { n++; return n }
}

type player struct {
	t              *testing.T
	link           *Link
	now            time.Time
	out            Output
	frames, events []string // from the Link, not yet listed by the script
	where          string   // the current line of the script
}

func (d *player) play(line string) {
	d.t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "", "#":
		return
	case "<":
		d.frames = d.next("sends", d.frames, rest)
		return
	case "*":
		d.events = d.next("reports", d.events, rest)
		return
	}
	d.nothingLeft()
	switch verb {
	case "up":
		d.link.Up(d.now, &d.out)
	case "down":
		d.link.Down(d.now, &d.out)
	case "open":
		d.link.Open(d.now, &d.out)
	case "close":
		d.link.Close(d.now, rest, &d.out)
	case ">":
		d.link.Receive(d.now, encode(d.t, rest), &d.out)
	case "wait":
		span, err := time.ParseDuration(rest)
		if err != nil {
			d.t.Fatal(err)
		}
		until := d.now.Add(span)
		for next := d.link.Deadline(); !next.IsZero() && !next.After(until); next = d.link.Deadline() {
			d.now = next
			d.link.Advance(d.now, &d.out)
		}
		d.now = until
	case "=":
		s := d.link.Status()
		if got := fmt.Sprintf("%v %v %v", s.LCP, s.IPCP, s.IPV6CP); got != rest {
			d.t.Fatalf("%s: states are %s", d.where, got)
		}
	default:
		d.t.Fatalf("%s: unknown command", d.where)
	}
	for f := range d.out.Frames() {
		d.frames = append(d.frames, describe(f))
	}
	for _, e := range d.out.Events {
		d.events = append(d.events, describeEvent(e))
	}
	d.out.Reset()
}

// next checks the first of a queue of frames or events and returns the others.
func (d *player) next(verb string, queue []string, want string) []string {
	d.t.Helper()
	if len(queue) == 0 {
		d.t.Fatalf("%s: the Link %s nothing", d.where, verb)
	}
	if queue[0] != want {
		d.t.Fatalf("%s: the Link %s\n     %q", d.where, verb, queue)
	}
	return queue[1:]
}

// nothingLeft checks that the script has listed all frames and events.
func (d *player) nothingLeft() {
	d.t.Helper()
	if len(d.frames)+len(d.events) > 0 {
		d.t.Fatalf("before %s: frames %q and events %q are not in the script", d.where, d.frames, d.events)
	}
}

// describeEvent returns an event in the form of scripts.
func describeEvent(e Event) string {
	addr := func(a netip.Addr) string {
		if !a.IsValid() {
			return "none"
		}
		return a.String()
	}
	switch e := e.(type) {
	case LCPOpened:
		return fmt.Sprintf("LCPOpened %d", e.PeerMRU)
	case LCPClosed:
		return "LCPClosed " + e.Reason
	case IPv4Opened:
		return fmt.Sprintf("IPv4Opened %s %s", addr(e.Local), addr(e.Peer))
	case IPv4Closed:
		return "IPv4Closed " + e.Reason
	case IPv6Opened:
		return fmt.Sprintf("IPv6Opened %x %x", e.LocalID, e.PeerID)
	case IPv6Closed:
		return "IPv6Closed " + e.Reason
	case LinkFailed:
		return "LinkFailed " + e.Reason
	}
	return fmt.Sprintf("unknown event %T", e)
}

// optionNames has the names of options in scripts, by protocol. Other options are written as
// optN=hex.
var optionNames = map[Protocol]map[uint8]string{
	ProtocolLCP:    {1: "mru", 3: "auth", 4: "quality", 5: "magic", 7: "pfc", 8: "acfc"},
	ProtocolIPCP:   {1: "addresses", 2: "compression", 3: "addr", 129: "dns"},
	ProtocolIPV6CP: {1: "id"},
}

// authCodes has the names of the codes of the authentication protocols.
var authCodes = map[Protocol][]string{
	ProtocolCHAP: {chapChallenge: "Challenge", chapResponse: "Response", chapSuccess: "Success", chapFailure: "Failure"},
	ProtocolPAP:  {papRequest: "Authenticate-Request", papAck: "Authenticate-Ack", papNak: "Authenticate-Nak"},
}

// describeAuth returns a packet of an authentication protocol in the form of scripts: a Challenge
// or Response with its Value and Name, an Authenticate-Request with name and password.
func describeAuth(proto Protocol, p packet) string {
	text := string(p.data)
	switch {
	case proto == ProtocolCHAP && p.code <= chapResponse:
		value, name, _ := splitValue(p.data)
		text = fmt.Sprintf("%x %s", value, name)
	case proto == ProtocolPAP:
		first, rest, _ := splitCounted(p.data)
		second, _, _ := splitCounted(rest)
		text = strings.TrimSpace(fmt.Sprintf("%s %s", first, second))
	}
	return strings.TrimSpace(fmt.Sprintf("%v %s %d %s", proto, authCodes[proto][p.code], p.id, text))
}

// encodeAuth is the inverse of describeAuth. It returns the frame.
func encodeAuth(t *testing.T, proto Protocol, words []string) []byte {
	t.Helper()
	c := slices.Index(authCodes[proto], words[1])
	id, err := strconv.ParseUint(words[2], 10, 8)
	if c < 1 || err != nil {
		t.Fatalf("cannot encode %q", words)
	}
	var data []byte
	args := words[3:]
	switch {
	case proto == ProtocolCHAP && code(c) <= chapResponse:
		value := unhex(t, args[0])
		data = append(append([]byte{byte(len(value))}, value...), strings.Join(args[1:], " ")...)
	case proto == ProtocolCHAP:
		data = []byte(strings.Join(args, " "))
	case code(c) == papRequest:
		data = appendCounted(appendCounted(nil, args[0]), args[1])
	default:
		data = appendCounted(nil, strings.Join(args, " "))
	}
	var out Output
	out.packet(proto, code(c), uint8(id), data)
	return out.buf
}

// describe returns a frame in the form of scripts.
func describe(frame []byte) string {
	proto, info, _ := splitFrame(frame)
	p, ok := parsePacket(info)
	if !ok || len(p.data)+headerLen != len(info) {
		return fmt.Sprintf("malformed %x", frame)
	}
	if authCodes[proto] != nil {
		return describeAuth(proto, p)
	}
	words := []string{proto.String(), strings.ReplaceAll(p.code.String(), " ", ""), strconv.Itoa(int(p.id))}
	switch p.code {
	case configureRequest, configureAck, configureNak, configureReject:
		if !options(p.data).wellFormed() {
			return fmt.Sprintf("malformed options %x", frame)
		}
		for o := range options(p.data).all() {
			words = append(words, describeOption(proto, o))
		}
	case terminateRequest, terminateAck:
		if len(p.data) > 0 {
			words = append(words, string(p.data))
		}
	default:
		if len(p.data) > 0 {
			words = append(words, hex.EncodeToString(p.data))
		}
	}
	return strings.Join(words, " ")
}

func describeOption(proto Protocol, o option) string {
	name := optionNames[proto][o.kind()]
	if name == "" {
		name = fmt.Sprintf("opt%d", o.kind())
	}
	value := hex.EncodeToString(o.data())
	switch v, ok := o.uint16(); {
	case len(o.data()) == 0:
		return name
	case name == "mru" && ok:
		value = strconv.Itoa(int(v))
	}
	if a, ok := o.addr(); name == "addr" && ok {
		value = a.String()
	}
	if v, ok := o.uint64(); name == "id" && ok {
		value = strconv.FormatUint(v, 16)
	}
	return name + "=" + value
}

// encode returns the frame that a script describes, or the octets after "frame".
func encode(t *testing.T, text string) []byte {
	t.Helper()
	words := strings.Fields(text)
	if words[0] == "frame" {
		return unhex(t, strings.Join(words[1:], ""))
	}
	for p := range authCodes {
		if p.String() == words[0] {
			return encodeAuth(t, p, words)
		}
	}
	var proto Protocol
	for p := range optionNames {
		if p.String() == words[0] {
			proto = p
		}
	}
	var c code
	for i := range 256 {
		if strings.ReplaceAll(code(i).String(), " ", "") == words[1] {
			c = code(i)
		}
	}
	id, err := strconv.ParseUint(words[2], 10, 8)
	if err != nil || proto == 0 || c == 0 {
		t.Fatalf("cannot encode %q", text)
	}
	var data []byte
	switch args := words[3:]; c {
	case configureRequest, configureAck, configureNak, configureReject:
		for _, w := range args {
			data = append(data, encodeOption(t, proto, w)...)
		}
	case terminateRequest, terminateAck:
		data = []byte(strings.Join(args, " "))
	default:
		data = unhex(t, strings.Join(args, ""))
	}
	var out Output
	out.packet(proto, c, uint8(id), data)
	return out.buf
}

func encodeOption(t *testing.T, proto Protocol, word string) []byte {
	t.Helper()
	name, value, _ := strings.Cut(word, "=")
	var kind uint8
	for k, n := range optionNames[proto] {
		if n == name {
			kind = k
		}
	}
	var data []byte
	switch n, err := strconv.ParseUint(value, 10, 16); {
	case kind == 0:
		n, err := strconv.ParseUint(strings.TrimPrefix(name, "opt"), 10, 8)
		if err != nil {
			t.Fatalf("option %q", word)
		}
		kind, data = uint8(n), unhex(t, value)
	case name == "mru" && err == nil && len(value) > 2:
		data = binary.BigEndian.AppendUint16(nil, uint16(n))
	case name == "addr" && strings.Contains(value, "."):
		a := netip.MustParseAddr(value).As4()
		data = a[:]
	case name == "id":
		n, err := strconv.ParseUint(value, 16, 64)
		if err != nil {
			t.Fatalf("option %q", word)
		}
		data = binary.BigEndian.AppendUint64(nil, n)
	default:
		data = unhex(t, value)
	}
	return append([]byte{kind, byte(len(data) + optionHeaderLen)}, data...)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
