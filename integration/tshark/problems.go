package tshark

import "fmt"

// harmless are remarks that tshark makes of what is right.
var harmless = map[string]bool{
	// It takes the Remote End ID for text; ours is binary (RFC 3931 section 5.4.4 leaves the format
	// to the user).
	"Trailing stray characters": true,
}

// Problems are what is wrong with the frames, one line each: none in traffic of two implementations
// that keep to the RFCs. Every frame must be dissected to its end, and nothing be malformed or
// remarked upon.
func Problems(frames []Frame) []string {
	var problems []string
	for _, f := range frames {
		for _, p := range f.problems() {
			problems = append(problems, f.String()+": "+p)
		}
	}
	return problems
}

func (f Frame) problems() (problems []string) {
	if f.Fragment {
		problems = append(problems, "is a fragment")
	}
	switch {
	case f.IsControl() && !f.HasType:
		problems = append(problems, "is a control message without a type")
	case !f.IsControl() && f.SessionID == 0:
		problems = append(problems, "is no data message of a session")
	case !f.IsControl() && (f.Carries() == "" || f.Carries() == "data"):
		problems = append(problems, "is a data message without a PPP frame that tshark knows")
	}
	if f.IncorrectDigest {
		problems = append(problems, "has an incorrect digest")
	}
	for _, e := range f.Expert {
		if e.Severity >= SeverityWarn && !harmless[e.Message] {
			problems = append(problems, fmt.Sprintf("tshark remarks %q", e.Message))
		}
	}
	return problems
}
