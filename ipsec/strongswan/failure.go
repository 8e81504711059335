package strongswan

import (
	"fmt"
	"regexp"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// failure is a reason for missing SAs, as charon's log shows it.
type failure struct {
	line *regexp.Regexp
	text string // with %s for the peer
	kind ipsec.Failure
}

// failures are the lines of charon's log that show a failure. The first match counts.
var failures = []failure{
	{
		regexp.MustCompile(`received AUTHENTICATION_FAILED`),
		"%s refused our authentication: AUTHENTICATION_FAILED", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`but MAC mismatched`),
		"the pre-shared key of %s differs from ours", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`no shared key found`),
		"no pre-shared key for the identity that %s has sent", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`^no trusted |signature validation failed`),
		"%s has no certificate of a configured CA, or not its private key", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`constraint check failed`),
		"%s does not match the configured identity, CA or authentication method", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`no private key found`),
		"no private key for our own identity towards %s", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`no matching peer config found`),
		"%s has sent, or requested, an identity that is not configured", ipsec.FailureAuthentication,
	},
	{
		regexp.MustCompile(`received NO_PROPOSAL_CHOSEN`),
		"%s does not know this router, or accepts none of its proposals: NO_PROPOSAL_CHOSEN", ipsec.FailureProposal,
	},
	{
		regexp.MustCompile(`proposals unacceptable|no acceptable proposal`),
		"none of the proposals of %s is configured here", ipsec.FailureProposal,
	},
	{
		regexp.MustCompile(`received TS_UNACCEPTABLE`),
		"%s protects another flow between the two addresses: TS_UNACCEPTABLE; want the same ports and encapsulation at both ends", ipsec.FailureFlow,
	},
	{
		regexp.MustCompile(`traffic selectors .*(un|in)acceptable`),
		"%s requests another flow between the two addresses; want the same ports and encapsulation at both ends", ipsec.FailureFlow,
	},
	{
		regexp.MustCompile(`unable to install`),
		"the kernel refuses the security association with %s", ipsec.FailureOther,
	},
	{
		regexp.MustCompile(`^giving up after \d+ retransmits`),
		"%s does not answer IKE (UDP ports 500 and 4500)", ipsec.FailureSilent,
	},
}

// failureIn returns the failure that a line of the log shows; ok is false if it shows none.
func failureIn(line, peer string) (text string, kind ipsec.Failure, ok bool) {
	for _, f := range failures {
		if f.line.MatchString(line) {
			return fmt.Sprintf(f.text, peer), f.kind, true
		}
	}
	return "", "", false
}

// initiatorLine is the line that charon logs when it looks for a connection for an IKE SA. The
// group is the initiator's address.
var initiatorLine = regexp.MustCompile(`^looking for peer configs matching \S+\.\.\.([0-9a-f.:]+)\[`)
