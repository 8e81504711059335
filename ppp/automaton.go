package ppp

// State is a state of the option negotiation automaton (RFC 1661, section 4.2), with the RFC's
// number.
type State uint8

// The states of the automaton.
const (
	Initial State = iota
	Starting
	Closed
	Stopped
	Closing
	Stopping
	ReqSent
	AckRcvd
	AckSent
	Opened

	numStates = iota
)

// String returns the state's name as in the table of RFC 1661, section 4.1.
func (s State) String() string {
	return [numStates]string{
		"Initial", "Starting", "Closed", "Stopped", "Closing", "Stopping",
		"Req-Sent", "Ack-Rcvd", "Ack-Sent", "Opened",
	}[s]
}

// timed reports whether the Restart timer runs in the state: the table has TO events for it.
func (s State) timed() bool { return transitions[evTOMinus][s] != no }

// negotiating reports whether Configure-Requests are being exchanged.
func (s State) negotiating() bool { return s >= ReqSent && s <= AckSent }

// event is an event of the automaton (RFC 1661, section 4.3).
type event uint8

const (
	evUp event = iota
	evDown
	evOpen
	evClose
	evTOPlus
	evTOMinus
	evRCRPlus
	evRCRMinus
	evRCA
	evRCN
	evRTR
	evRTA
	evRUC
	evRXJPlus
	evRXJMinus
	evRXR

	numEvents = iota
)

// cell is one cell of the table: the actions, one bit each, and the next state in the lowest four
// bits.
type cell uint32

// The actions (RFC 1661, section 4.4), in the order in which a machine performs them. A request is
// sent before a reply, because then a peer in Ack-Sent opens once instead of twice.
const (
	tld cell = 1 << (iota + 4) // This-Layer-Down
	irc                        // Initialize-Restart-Count
	zrc                        // Zero-Restart-Count
	scr                        // Send-Configure-Request
	sca                        // Send-Configure-Ack
	scn                        // Send-Configure-Nak/Rej
	str                        // Send-Terminate-Request
	sta                        // Send-Terminate-Ack
	scj                        // Send-Code-Reject
	ser                        // Send-Echo-Reply
	tlu                        // This-Layer-Up
	tls                        // This-Layer-Started
	tlf                        // This-Layer-Finished

	no cell = 1 << 31 // illegal transition, '-' in the RFC
)

func (c cell) next() State { return State(c & 0xf) }

func (c cell) has(action cell) bool { return c&action != 0 }

// transitions is the table of RFC 1661, section 4.1. The RFC's irc,scr/6 is irc | scr | 6 here, and
// tlf/0 is tlf. Of the footnotes, [r] is Link.Open, [p] (passive waiting) is not used, and [x]
// requires no action.
var transitions = [numEvents][numStates]cell{
	// Columns: 0 Initial, 1 Starting, 2 Closed, 3 Stopped, 4 Closing, 5 Stopping, 6 Req-Sent,
	// 7 Ack-Rcvd, 8 Ack-Sent, 9 Opened.
	evUp:    {2, irc | scr | 6, no, no, no, no, no, no, no, no},
	evDown:  {no, no, 0, tls | 1, 0, 1, 1, 1, 1, tld | 1},
	evOpen:  {tls | 1, 1, irc | scr | 6, 3, 5, 5, 6, 7, 8, 9},
	evClose: {0, tlf, 2, 2, 4, 4, irc | str | 4, irc | str | 4, irc | str | 4, tld | irc | str | 4},

	evTOPlus:  {no, no, no, no, str | 4, str | 5, scr | 6, scr | 6, scr | 8, no},
	evTOMinus: {no, no, no, no, tlf | 2, tlf | 3, tlf | 3, tlf | 3, tlf | 3, no},

	evRCRPlus:  {no, no, sta | 2, irc | scr | sca | 8, 4, 5, sca | 8, sca | tlu | 9, sca | 8, tld | scr | sca | 8},
	evRCRMinus: {no, no, sta | 2, irc | scr | scn | 6, 4, 5, scn | 6, scn | 7, scn | 6, tld | scr | scn | 6},
	evRCA:      {no, no, sta | 2, sta | 3, 4, 5, irc | 7, scr | 6, irc | tlu | 9, tld | scr | 6},
	evRCN:      {no, no, sta | 2, sta | 3, 4, 5, irc | scr | 6, scr | 6, irc | scr | 8, tld | scr | 6},

	evRTR: {no, no, sta | 2, sta | 3, sta | 4, sta | 5, sta | 6, sta | 6, sta | 6, tld | zrc | sta | 5},
	evRTA: {no, no, 2, 3, tlf | 2, tlf | 3, 6, 6, 8, tld | scr | 6},

	evRUC:      {no, no, scj | 2, scj | 3, scj | 4, scj | 5, scj | 6, scj | 7, scj | 8, scj | 9},
	evRXJPlus:  {no, no, 2, 3, 4, 5, 6, 6, 8, 9},
	evRXJMinus: {no, no, tlf | 2, tlf | 3, tlf | 2, tlf | 3, tlf | 3, tlf | 3, tlf | 3, tld | irc | str | 5},

	evRXR: {no, no, 2, 3, 4, 5, 6, 7, 8, ser | 9},
}
