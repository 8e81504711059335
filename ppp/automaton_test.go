package ppp

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

var eventNames = [numEvents]string{
	"Up", "Down", "Open", "Close", "TO+", "TO-", "RCR+", "RCR-", "RCA", "RCN", "RTR", "RTA", "RUC", "RXJ+", "RXJ-", "RXR",
}

var actionNames = map[string]cell{
	"tlu": tlu, "tld": tld, "tls": tls, "tlf": tlf, "irc": irc, "zrc": zrc, "scr": scr,
	"sca": sca, "scn": scn, "str": str, "sta": sta, "scj": scj, "ser": ser,
}

// printedTable reads the table as RFC 1661, section 4.1, prints it: in two halves, with rows "event
// | action,action/state ...", where a dash is an illegal transition and a letter after the state is
// a footnote.
func printedTable(t *testing.T) (table [numEvents][]cell, footnotes map[string]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc1661-4.1.txt")
	if err != nil {
		t.Fatal(err)
	}
	footnotes = map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, row, found := strings.Cut(line, "|")
		ev := -1
		for i, n := range eventNames {
			if n == strings.TrimSpace(name) {
				ev = i
			}
		}
		if !found || ev < 0 {
			continue
		}
		for _, word := range strings.Fields(row) {
			state := State(len(table[ev]))
			c := no
			if word != "-" {
				actions, next, both := strings.Cut(word, "/")
				if !both {
					actions, next = "", word
				}
				digit := strings.TrimRight(next, "prx")
				if digit != next {
					footnotes[eventNames[ev]+" "+state.String()] = next[len(digit):]
				}
				n, err := strconv.Atoi(digit)
				if err != nil {
					t.Fatalf("cell %q: %v", word, err)
				}
				c = cell(n)
				for a := range strings.SplitSeq(actions, ",") {
					if actions == "" {
						break
					}
					bit, ok := actionNames[a]
					if !ok {
						t.Fatalf("cell %q: unknown action", word)
					}
					c |= bit
				}
			}
			table[ev] = append(table[ev], c)
		}
	}
	return table, footnotes
}

func TestTransitionTable(t *testing.T) {
	printed, _ := printedTable(t)
	cells := 0
	for ev, row := range printed {
		if len(row) != numStates {
			t.Fatalf("%s: the RFC's row has %d cells, want %d", eventNames[ev], len(row), numStates)
		}
		for s, want := range row {
			cells++
			if got := transitions[ev][s]; got != want {
				t.Errorf("%s in %v: %s, want %s of the RFC", eventNames[ev], State(s), cellText(got), cellText(want))
			}
		}
	}
	if cells != 160 {
		t.Errorf("compared %d cells, want 160", cells)
	}
}

func cellText(c cell) string {
	if c == no {
		return "-"
	}
	var actions []string
	for name, bit := range actionNames {
		if c.has(bit) {
			actions = append(actions, name)
		}
	}
	return strings.Join(actions, ",") + "/" + c.next().String()
}

// The footnotes mark cells that require a decision. automaton.go, Link.Open and receiveReply must
// describe the same cells.
func TestTransitionTableFootnotes(t *testing.T) {
	_, footnotes := printedTable(t)
	want := map[string]string{
		"Open Stopped": "r", "Open Closing": "r", "Open Stopping": "r", "Open Opened": "r",
		"TO- Req-Sent": "p", "TO- Ack-Rcvd": "p", "TO- Ack-Sent": "p",
		"RCA Ack-Rcvd": "x", "RCA Opened": "x", "RCN Ack-Rcvd": "x", "RCN Opened": "x",
	}
	for cell, note := range want {
		if footnotes[cell] != note {
			t.Errorf("%s: footnote %q, want %q", cell, footnotes[cell], note)
		}
	}
	if len(footnotes) != len(want) {
		t.Errorf("footnotes %v, want %v", footnotes, want)
	}
}

// RFC 1661, section 4.1: the Restart timer runs in the states that have TO events.
func TestTimedStates(t *testing.T) {
	for s := range State(numStates) {
		want := s >= Closing && s <= AckSent
		if s.timed() != want {
			t.Errorf("%v: timed %v, want %v", s, s.timed(), want)
		}
	}
}

// RFC 1661, section 4.1: only scr, str and zrc start the timer. So each transition from a state
// without the timer to a state with it must have one of these actions.
func TestTimerIsStartedOnEntry(t *testing.T) {
	for ev, row := range transitions {
		for s, c := range row {
			if c != no && !State(s).timed() && c.next().timed() && !c.has(scr|str|zrc) {
				t.Errorf("%s in %v enters %v without starting the timer", eventNames[ev], State(s), c.next())
			}
		}
	}
}
