package strongswan

import (
	"fmt"
	"regexp"
)

// failure is what a line of charon's log says about why there is no SA.
type failure struct {
	line           *regexp.Regexp
	text           string // in our words; %s is the peer
	authentication bool
}

// failures are charon's lines that tell of a failure. The first that fits counts.
var failures = []failure{
	{regexp.MustCompile(`received AUTHENTICATION_FAILED`), "%s refused our authentication: AUTHENTICATION_FAILED", true},
	{regexp.MustCompile(`but MAC mismatched`), "the pre-shared key of %s is not ours", true},
	{regexp.MustCompile(`no shared key found`), "there is no pre-shared key for the identity that %s has given", true},
	{regexp.MustCompile(`^no trusted `), "the certificate of %s is not of a CA that we trust, or not valid now", true},
	{regexp.MustCompile(`constraint check failed`), "%s is not whom we want: its identity, CA or method of authentication is another", true},
	{regexp.MustCompile(`no private key found`), "we have no private key for the identity that %s is to see", true},
	{regexp.MustCompile(`signature validation failed`), "the signature of %s is wrong", true},
	{regexp.MustCompile(`no matching peer config found`), "%s has given, or asked for, an identity that is not configured", true},
	{regexp.MustCompile(`received NO_PROPOSAL_CHOSEN`), "%s does not know us, or takes none of our proposals: NO_PROPOSAL_CHOSEN", false},
	{regexp.MustCompile(`proposals unacceptable|no acceptable proposal`), "we take none of the proposals of %s", false},
	{regexp.MustCompile(`received TS_UNACCEPTABLE`), "%s is to protect something else between our addresses: TS_UNACCEPTABLE; want the same ports and encapsulation on both sides", false},
	{regexp.MustCompile(`traffic selectors .*(un|in)acceptable`), "%s wants to protect something else between our addresses; want the same ports and encapsulation on both sides", false},
	{regexp.MustCompile(`unable to install`), "the kernel takes no security association with %s", false},
	{regexp.MustCompile(`^giving up after \d+ retransmits`), "%s does not answer IKE (UDP ports 500 and 4500)", false},
}

// failureIn finds what a line of the log says of a failure; ok is false if it tells of none.
func failureIn(line, peer string) (text string, authentication, ok bool) {
	for _, f := range failures {
		if f.line.MatchString(line) {
			return fmt.Sprintf(f.text, peer), f.authentication, true
		}
	}
	return "", false, false
}

// caller finds who calls, in the line with which charon begins to look for a configuration.
var caller = regexp.MustCompile(`^looking for peer configs matching \S+\.\.\.([0-9a-f.:]+)\[`)
