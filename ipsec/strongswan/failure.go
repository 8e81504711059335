package strongswan

import (
	"fmt"
	"regexp"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// failure is what a line of charon's log says about why there is no SA.
type failure struct {
	line *regexp.Regexp
	text string // in our words; %s is the peer
	kind ipsec.Failure
}

// failures are charon's lines that tell of a failure. The first that fits counts.
var failures = []failure{
	{regexp.MustCompile(`received AUTHENTICATION_FAILED`), "%s refused our authentication: AUTHENTICATION_FAILED", ipsec.FailureAuthentication},
	{regexp.MustCompile(`but MAC mismatched`), "the pre-shared key of %s is not ours", ipsec.FailureAuthentication},
	{regexp.MustCompile(`no shared key found`), "there is no pre-shared key for the identity that %s has given", ipsec.FailureAuthentication},
	{regexp.MustCompile(`^no trusted |signature validation failed`), "%s has shown no certificate of a CA that we trust, or not its key", ipsec.FailureAuthentication},
	{regexp.MustCompile(`constraint check failed`), "%s is not whom we want: its identity, CA or method of authentication is another", ipsec.FailureAuthentication},
	{regexp.MustCompile(`no private key found`), "we have no private key for the identity that %s is to see", ipsec.FailureAuthentication},
	{regexp.MustCompile(`no matching peer config found`), "%s has given, or asked for, an identity that is not configured", ipsec.FailureAuthentication},
	{regexp.MustCompile(`received NO_PROPOSAL_CHOSEN`), "%s does not know us, or takes none of our proposals: NO_PROPOSAL_CHOSEN", ipsec.FailureProposal},
	{regexp.MustCompile(`proposals unacceptable|no acceptable proposal`), "we take none of the proposals of %s", ipsec.FailureProposal},
	{regexp.MustCompile(`received TS_UNACCEPTABLE`), "%s is to protect something else between our addresses: TS_UNACCEPTABLE; want the same ports and encapsulation on both sides", ipsec.FailureFlow},
	{regexp.MustCompile(`traffic selectors .*(un|in)acceptable`), "%s wants to protect something else between our addresses; want the same ports and encapsulation on both sides", ipsec.FailureFlow},
	{regexp.MustCompile(`unable to install`), "the kernel takes no security association with %s", ipsec.FailureOther},
	{regexp.MustCompile(`^giving up after \d+ retransmits`), "%s does not answer IKE (UDP ports 500 and 4500)", ipsec.FailureSilent},
}

// failureIn finds what a line of the log says of a failure; ok is false if it tells of none.
func failureIn(line, peer string) (text string, kind ipsec.Failure, ok bool) {
	for _, f := range failures {
		if f.line.MatchString(line) {
			return fmt.Sprintf(f.text, peer), f.kind, true
		}
	}
	return "", "", false
}

// initiatorLine finds the address of a peer that initiates, in the line with which charon begins to look for a configuration.
var initiatorLine = regexp.MustCompile(`^looking for peer configs matching \S+\.\.\.([0-9a-f.:]+)\[`)
