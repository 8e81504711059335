package session

import (
	"iter"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Output collects the messages, frames and effects of a Pair, in order. It is reused: Reset keeps
// its memory.
type Output struct {
	Effects []Effect
	Frames  []Frame

	control control.Output
	ppp     ppp.Output
	octets  []byte
}

// Frame is a PPP frame to send on the data plane's session of an attempt, beginning with its
// protocol field. It is valid until Reset.
type Frame struct {
	Link    *Link
	Attempt Attempt
	Octets  []byte
}

// Datagrams yields the control messages to send, in order. The octets are valid until Reset.
func (o *Output) Datagrams() iter.Seq[[]byte] { return o.control.Datagrams }

// Reset empties the output for the next step.
func (o *Output) Reset() {
	clear(o.Effects)
	clear(o.Frames)
	o.Effects, o.Frames, o.octets = o.Effects[:0], o.Frames[:0], o.octets[:0]
	o.control.Reset()
	o.ppp.Reset()
}

func (o *Output) effect(e Effect) { o.Effects = append(o.Effects, e) }

func (o *Output) frame(l *Link, octets []byte) {
	start := len(o.octets)
	o.octets = append(o.octets, octets...)
	o.Frames = append(o.Frames, Frame{l, l.attempt, o.octets[start:]})
}

// Attempt numbers the attempts of a Pair's links to come up. It identifies the data plane's session
// of an attempt, so that a late report about an earlier attempt is recognized.
type Attempt uint64

// Effect is a side effect for the owner of the Pair to carry out: one of the types below. The
// effects of one link must be carried out in order; those of different links may run in parallel.
type Effect interface{ effect() }

type (
	// Create creates the data plane's session and its interface. The result is reported by
	// Pair.Created or Pair.Failed.
	Create struct {
		Link    *Link
		Attempt Attempt
		Session dataplane.SessionConfig // complete except the namespace and the functions
	}

	// Open sets the network protocols that may pass.
	Open struct {
		Link      *Link
		Attempt   Attempt
		Protocols dataplane.Protocols
	}

	// Configure configures the interface of an attempt. The result is reported by Pair.Configured
	// or Pair.Failed.
	Configure struct {
		Link      *Link
		Attempt   Attempt
		Interface vr.Interface
	}

	// Delete removes the session and its interface. No result is reported.
	Delete struct {
		Link    *Link
		Attempt Attempt
	}

	// Forget is the last effect of a removed link: once the earlier ones are carried out, nothing
	// of the link remains.
	Forget struct{ Link *Link }

	// Repath reopens the path to the peer: no messages were received on the old one, and the host's
	// addresses and routes may have changed since it was opened. The links' sessions on it were
	// deleted before.
	Repath struct{}

	// Note is an event for the operator, to be logged.
	Note struct {
		Kind    NoteKind
		Level   NoteLevel
		Link    *Link // nil: the event concerns the peer
		Message string
		Reason  string
	}
)

func (Create) effect()    {}
func (Open) effect()      {}
func (Configure) effect() {}
func (Delete) effect()    {}
func (Forget) effect()    {}
func (Repath) effect()    {}
func (Note) effect()      {}

// NoteKind identifies the event of a Note, for programs.
type NoteKind string

// The kinds.
const (
	LinkUp           NoteKind = "link-up"
	LinkDown         NoteKind = "link-down"     // it was up before
	LinkFailed       NoteKind = "link-failed"   // an attempt to come up has failed
	LinkPartial      NoteKind = "link-partial"  // it is up without one of its network protocols
	LinkDisabled     NoteKind = "link-disabled" // by the operator
	LinkEnabled      NoteKind = "link-enabled"
	LinkReset        NoteKind = "link-reset"
	ConnectionReset  NoteKind = "connection-reset"
	ConnectionUp     NoteKind = "connection-up"
	ConnectionDown   NoteKind = "connection-down"   // closed by this end
	ConnectionFailed NoteKind = "connection-failed" // it has ended, or an attempt has failed
	PeerRestarted    NoteKind = "peer-restarted"    // replaced by a new connection of the peer
	CallRefused      NoteKind = "call-refused"      // a session request of the peer was refused
)

// NoteLevel is the severity of a Note.
type NoteLevel int

// The levels.
const (
	Info NoteLevel = iota
	Warning
)
