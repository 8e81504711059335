package config

import (
	"regexp"
	"slices"
	"strings"
)

// proposalRules are the requirements of a proposal in addition to encryption and integrity.
type proposalRules struct {
	what  string
	group bool // whether a Diffie-Hellman group is required: an IKE SA has no keys without one
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

// forbidden matches the keywords of algorithms that MUST NOT be used (RFC 8221, sections 5 and 6;
// RFC 8247, section 2), and of those that do not encrypt at all.
var forbidden = regexp.MustCompile(`^(null|des|blowfish[0-9]*|(prf)?md5(_128)?|modp768|modp1024s160|modpnull|modpnone|none|aes[0-9]*gmac)$`)

// checkProposals reports proposals that leave packets without effective protection.
func checkProposals(r *report, key string, proposals []string, rules proposalRules) {
	if len(proposals) == 0 && !r.reported(key) {
		r.add(key, "empty list; expected at least one proposal, or no such key for the default")
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
		case r.reported(at):
		case !proposalText.MatchString(proposal):
			r.add(at, "invalid proposal %q; expected algorithms joined by '-', such as aes256gcm16-prfsha256-ecp256", proposal)
		case bad >= 0:
			r.add(at, "%q uses %s, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar", proposal, words[bad])
		case len(encryption) == 0:
			r.add(at, "%q has no encryption algorithm; add one such as aes256gcm16", proposal)
		case aeads > 0 && aeads < len(encryption):
			r.add(at, "%q mixes AEAD and other encryption algorithms, such as %s (RFC 7296, section 3.3); use a proposal for each kind", proposal, encryption[0])
		case aeads == 0 && !has(isIntegrity):
			r.add(at, "%q encrypts without integrity protection (RFC 8221, section 4); add sha256 or similar, or use aes256gcm16", proposal)
		case rules.group && !has(isGroup):
			r.add(at, "%q has no Diffie-Hellman group; %s needs one such as ecp256", proposal, rules.what)
		}
	}
}
