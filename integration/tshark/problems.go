package tshark

import "fmt"

// harmless are expert infos that tshark adds to valid frames.
var harmless = map[string]bool{
	// tshark reads the Remote End ID as text. Ours is binary; RFC 3931, section 5.4.4, does not
	// define its format.
	"Trailing stray characters": true,
}

// Problems returns the problems of the frames, one line each. Traffic of two implementations that
// conform to the RFCs has none: tshark dissects every frame completely, and adds no expert info of
// severity warning or error.
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
		problems = append(problems, "IP fragment")
	}
	switch {
	case f.IsControl() && !f.HasType:
		problems = append(problems, "control message without a message type")
	case !f.IsControl() && f.SessionID == 0:
		problems = append(problems, "data message without a session ID")
	case !f.IsControl() && (f.Carries() == "" || f.Carries() == "data"):
		problems = append(problems, "data message without a PPP frame that tshark can dissect")
	}
	if f.IncorrectDigest {
		problems = append(problems, "incorrect digest")
	}
	for _, e := range f.Expert {
		if e.Severity >= SeverityWarn && !harmless[e.Message] {
			problems = append(problems, fmt.Sprintf("tshark expert info %q", e.Message))
		}
	}
	return problems
}
