package config

import (
	"regexp"
	"slices"
	"strings"
)

// proposalRules are what a proposal must have, beside an algorithm to encrypt with.
type proposalRules struct {
	what  string
	group bool // a Diffie-Hellman group: without one there are no keys
}

var (
	ikeRules = proposalRules{"an IKE SA", true}
	espRules = proposalRules{"ESP", false}
)

var (
	proposalText = regexp.MustCompile(`^[a-z0-9_]+(-[a-z0-9_]+)*$`)
	encrypts     = regexp.MustCompile(`^(aes|camellia|3des|cast|serpent|twofish|chacha20poly1305)`)
	isAEAD       = regexp.MustCompile(`(gcm|ccm)[0-9]*$|^chacha20poly1305`)
	isIntegrity  = regexp.MustCompile(`^(sha|aesxcbc|aescmac)`)
	isGroup      = regexp.MustCompile(`^(modp|ecp|x25519|x448|curve|ke)`)
)

// forbidden are the keywords of what RFC 8221 sections 5 and 6 and RFC 8247 section 2 say MUST NOT
// be used, and of what does not encrypt at all.
var forbidden = regexp.MustCompile(`^(null|des|blowfish[0-9]*|(prf)?md5(_128)?|modp768|modp1024s160|modpnull|modpnone|none|aes[0-9]*gmac)$`)

// checkProposals reports proposals under which packets would be as good as in clear.
func checkProposals(r *report, key string, proposals []string, rules proposalRules) {
	if len(proposals) == 0 && !r.told(key) {
		r.add(key, "is empty; want at least one proposal, or no such key")
	}
	for i, proposal := range proposals {
		at := element(key, i)
		words := strings.Split(proposal, "-")
		bad := slices.IndexFunc(words, forbidden.MatchString)
		has := func(kind *regexp.Regexp) bool { return slices.ContainsFunc(words, kind.MatchString) }
		encryption := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !encrypts.MatchString(w) || isIntegrity.MatchString(w) })
		aeads := 0
		for _, w := range encryption {
			if isAEAD.MatchString(w) {
				aeads++
			}
		}
		switch {
		case r.told(at):
		case !proposalText.MatchString(proposal):
			r.add(at, "%q is no proposal; want algorithms joined by '-', such as aes256gcm16-prfsha256-ecp256", proposal)
		case bad >= 0:
			r.add(at, "%q has %s, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like", proposal, words[bad])
		case len(encryption) == 0:
			r.add(at, "%q encrypts nothing; want an algorithm such as aes256gcm16 in it", proposal)
		case aeads > 0 && aeads < len(encryption):
			r.add(at, "%q mixes %s with algorithms of another kind (RFC 7296 section 3.3); want a proposal for each", proposal, encryption[0])
		case aeads == 0 && !has(isIntegrity):
			r.add(at, "%q encrypts without integrity (RFC 8221 section 4); want sha256 or the like in it, or aes256gcm16", proposal)
		case rules.group && !has(isGroup):
			r.add(at, "%q has no group; %s needs one such as ecp256", proposal, rules.what)
		}
	}
}
