package ppp

import "fmt"

// optionInterfaceID is the only option of IPV6CP that we negotiate (RFC 5072, section 4.1).
const optionInterfaceID = 1

// universalBit is the "u" bit of an interface identifier: zero if the identifier is not derived
// from an IEEE identifier (RFC 5072, section 4.1).
const universalBit = 1 << 57

// ipv6cp negotiates the interface identifiers of both ends.
type ipv6cp struct {
	rand       func() uint32
	configured uint64 // zero: random
	local      uint64 // ours
	lastNak    uint64 // the identifier in our last Configure-Nak
	peer       uint64 // the peer's, as acknowledged; zero: none
	requested  bool   // we suggested an identifier because the peer's request had no option
}

func newIPV6CP(cfg *IPv6Config, rand func() uint32) *ipv6cp {
	c := &ipv6cp{rand: rand, configured: cfg.LocalID}
	c.local = c.newID()
	return c
}

func (c *ipv6cp) opened() Event { return IPv6Opened{c.local, c.peer} }

func (c *ipv6cp) closed(reason string) Event { return IPv6Closed{reason} }

// reset keeps a random identifier, which should not change from one negotiation to the next (RFC
// 5072, section 4.1).
func (c *ipv6cp) reset() {
	if c.configured != 0 {
		c.local = c.configured
	}
	c.lastNak, c.peer, c.requested = 0, 0, false
}

// newID returns a random identifier that differs from ours and from zero.
func (c *ipv6cp) newID() uint64 {
	id := (uint64(c.rand())<<32 | uint64(c.rand())) &^ universalBit
	for id == 0 || id == c.local {
		id = (id + 1) &^ universalBit
	}
	return id
}

func (c *ipv6cp) appendRequest(b []byte) []byte {
	return appendUint64Option(b, optionInterfaceID, c.local)
}

func (c *ipv6cp) judge(o option, r *reply) {
	if o.kind() != optionInterfaceID {
		r.reject(o)
		return
	}
	id, _ := o.uint64()
	switch {
	case id != 0 && id != c.local:
	case id != 0 && r.final:
		r.failure = fmt.Sprintf("the peer insists on interface identifier %016x, which is our own", id)
	case r.final:
		r.reject(o)
	default:
		c.suggest(r)
	}
}

// judgeAbsent suggests an identifier if the peer's request has none, but only once: a peer that
// still sends none does not know the option (RFC 5072, section 4.1).
func (c *ipv6cp) judgeAbsent(request options, r *reply) {
	if c.requested || len(r.rejects) > 0 || request.find(optionInterfaceID) != nil {
		return
	}
	c.requested = true
	c.suggest(r)
}

func (c *ipv6cp) suggest(r *reply) {
	c.lastNak = c.newID()
	r.naks = appendUint64Option(r.naks, optionInterfaceID, c.lastNak)
}

func (c *ipv6cp) commit(request options) {
	c.peer, _ = request.find(optionInterfaceID).uint64()
}

func (c *ipv6cp) acked() string { return "" }

// refused adopts the suggested identifier, unless it is the one that we suggested to the peer or
// the peer's own: then it chooses a new one.
func (c *ipv6cp) refused(suggestions options, _ bool) string {
	o := suggestions.find(optionInterfaceID)
	if o == nil {
		return ""
	}
	if id, _ := o.uint64(); id != 0 && id != c.lastNak && id != c.peer {
		c.local = id
	} else {
		c.local = c.newID()
	}
	return ""
}

func (c *ipv6cp) rejected(options) string {
	return "the peer rejected our interface identifier"
}
