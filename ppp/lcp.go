package ppp

import "fmt"

// LCP's Configuration Options (RFC 1661, section 6).
const (
	optionMRU            = 1
	optionAuthentication = 3
	optionMagicNumber    = 5
	optionPFC            = 7
	optionACFC           = 8
)

// lcp negotiates LCP's options. It acknowledges PFC and ACFC when the peer requests them: they
// permit us to compress, which we never do.
type lcp struct {
	cfg     *Config
	mru     uint16 // ours; defaultMRU: no option
	magic   uint32 // ours; zero: the peer rejected the option
	lastNak uint32 // the magic number in our last Configure-Nak

	localAuth Protocol // by which we are to authenticate ourselves, as acknowledged
	suggested bool     // we suggested our preferred protocol in a Configure-Nak
	unmet     string   // why we refused the authentication that the peer requested last

	peerMRU   uint16
	peerMagic uint32 // zero: the peer has not negotiated one
}

func (l *lcp) reset() {
	*l = lcp{cfg: l.cfg, mru: l.cfg.MRU, magic: l.newMagic(), peerMRU: defaultMRU}
}

// newMagic returns a random magic number that differs from ours and from zero.
func (l *lcp) newMagic() uint32 {
	m := l.cfg.Rand()
	for m == 0 || m == l.magic {
		m++
	}
	return m
}

func (l *lcp) appendRequest(b []byte) []byte {
	if l.mru != defaultMRU {
		b = appendUint16Option(b, optionMRU, l.mru)
	}
	if p := l.cfg.Auth.required(); p != 0 {
		b = appendAuthOption(b, p)
	}
	if l.magic != 0 {
		b = appendUint32Option(b, optionMagicNumber, l.magic)
	}
	return b
}

func (l *lcp) judge(o option, r *reply) {
	switch o.kind() {
	case optionMRU:
		l.judgeMRU(o, r)
	case optionMagicNumber:
		l.judgeMagic(o, r)
	case optionPFC, optionACFC:
		if len(o.data()) != 0 { // a boolean option must not be Nak'd (RFC 1661, section 5.3)
			r.reject(o)
		}
	case optionAuthentication:
		l.judgeAuth(o, r)
	default:
		r.reject(o)
	}
}

// judgeMRU refuses an MRU that is too small for our messages or for IPv6.
func (l *lcp) judgeMRU(o option, r *reply) {
	least := l.cfg.leastMRU()
	v, ok := o.uint16()
	switch {
	case ok && v >= least:
	case r.final:
		r.reject(o)
	case ok:
		r.naks = appendUint16Option(r.naks, optionMRU, least)
	default:
		r.naks = appendUint16Option(r.naks, optionMRU, defaultMRU)
	}
}

// judgeMagic refuses our own magic number. If the peer sends it again and again the link is looped
// back: a collision by chance ends after one or two Naks (RFC 1661, section 6.4).
func (l *lcp) judgeMagic(o option, r *reply) {
	v, ok := o.uint32()
	switch {
	case ok && v != 0 && v != l.magic:
	case ok && v != 0 && r.final:
		r.failure = fmt.Sprintf("the link is looped back: %d Configure-Requests carried our own magic numbers", l.cfg.MaxFailure+1)
	case r.final:
		r.reject(o)
	default:
		l.lastNak = l.newMagic()
		r.naks = appendUint32Option(r.naks, optionMagicNumber, l.lastNak)
	}
}

// judgeAuth acknowledges a protocol by which we may authenticate ourselves. If it is not the
// preferred one, that one is suggested first (RFC 1334, section 2).
func (l *lcp) judgeAuth(o option, r *reply) {
	p, known := o.auth()
	preferred := l.cfg.Auth.preferred()
	switch {
	case preferred == 0:
		l.unmet = fmt.Sprintf("it requires us to authenticate by %s, which is not configured here", authName(o))
		r.reject(o)
	case known && p == preferred:
	case known && l.suggested && l.cfg.Auth.allows(p):
	default:
		l.unmet = fmt.Sprintf("it requires us to authenticate by %s, but only %v is allowed here", authName(o), preferred)
		if r.final {
			r.reject(o)
			return
		}
		l.suggested = true
		r.naks = appendAuthOption(r.naks, preferred)
	}
}

func (l *lcp) judgeAbsent(options, *reply) {}

func (l *lcp) commit(request options) {
	l.peerMRU, l.peerMagic, l.unmet = defaultMRU, 0, ""
	l.localAuth, _ = request.find(optionAuthentication).auth()
	if v, ok := request.find(optionMRU).uint16(); ok {
		l.peerMRU = v
	}
	if v, ok := request.find(optionMagicNumber).uint32(); ok {
		l.peerMagic = v
	}
}

func (l *lcp) acked() string { return "" }

// refused adopts a smaller MRU, because we can receive less than we announced, and a new magic
// number: the suggested one, unless we suggested it ourselves, as on a link that is looped back.
func (l *lcp) refused(suggestions options, _ bool) string {
	for o := range suggestions.all() {
		switch o.kind() {
		case optionMRU:
			if v, ok := o.uint16(); ok && v >= l.cfg.leastMRU() && v < l.mru {
				l.mru = v
			}
		case optionAuthentication:
			p, _ := o.auth()
			if required := l.cfg.Auth.required(); required != 0 && p != required {
				return fmt.Sprintf("the peer offers %s instead of %v, which is required here", authName(o), required)
			}
		case optionMagicNumber:
			if l.magic == 0 {
				continue
			}
			if v, ok := o.uint32(); ok && v != 0 && v != l.lastNak {
				l.magic = v
			} else {
				l.magic = l.newMagic()
			}
		}
	}
	return ""
}

func (l *lcp) rejected(request options) string {
	for o := range request.all() {
		switch o.kind() {
		case optionMRU:
			l.mru = defaultMRU
		case optionAuthentication:
			return fmt.Sprintf("the peer rejects authentication by %v, which is required here", l.cfg.Auth.required())
		case optionMagicNumber:
			// The reject proves that the link is not looped back (RFC 1661, section 6.4).
			l.magic = 0
		}
	}
	return ""
}
