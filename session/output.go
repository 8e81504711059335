package session

import (
	"iter"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Output collects what a Pair wants done, in order. It is reused: Reset keeps its memory.
type Output struct {
	Effects []Effect
	Frames  []Frame

	control control.Output
	ppp     ppp.Output
	octets  []byte
}

// Frame is a PPP frame to send on the data plane's session of an attempt, from its protocol field
// on; valid until Reset.
type Frame struct {
	Link    *Link
	Attempt Attempt
	Octets  []byte
}

// Datagrams yields each control message to send, in order; the octets are valid until Reset.
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

// Attempt numbers the attempts of a Pair's links to be up. It names the session of the data plane
// that an attempt has asked for, so that what is told of one long gone is recognised.
type Attempt uint64

// Effect is something that takes the outside world: one of the types below. Those of one link must
// be carried out in order, those of different links need not.
type Effect interface{ effect() }

type (
	// Create asks for the data plane's session and its interface. The answer is Pair.Created or
	// Pair.Failed.
	Create struct {
		Link    *Link
		Attempt Attempt
		Session dataplane.SessionConfig // complete but for the namespace and the functions
	}

	// Open says which network protocols may pass.
	Open struct {
		Link      *Link
		Attempt   Attempt
		Protocols dataplane.Protocols
	}

	// Configure makes the interface of an attempt be so. The answer is Pair.Configured or
	// Pair.Failed.
	Configure struct {
		Link      *Link
		Attempt   Attempt
		Interface vr.Interface
	}

	// Delete removes the session and its interface. It has no answer.
	Delete struct {
		Link    *Link
		Attempt Attempt
	}

	// Forget says that a link is no more: after what was asked for before there is nothing of it.
	Forget struct{ Link *Link }

	// Repath asks for the path to the peer to be opened anew: nothing came through the old one, and
	// the host's addresses and routes may have changed since it was opened. The links' sessions on
	// it were deleted before.
	Repath struct{}

	// Note is something that the operator should read in the log.
	Note struct {
		Kind    NoteKind
		Level   NoteLevel
		Link    *Link // nil: about the peer
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

// NoteKind is what a Note tells of, for programs.
type NoteKind string

// The kinds.
const (
	LinkUp           NoteKind = "link-up"
	LinkDown         NoteKind = "link-down"     // it was up
	LinkFailed       NoteKind = "link-failed"   // it does not come up
	LinkPartial      NoteKind = "link-partial"  // it goes on without one of its network protocols
	LinkDisabled     NoteKind = "link-disabled" // by the operator
	LinkEnabled      NoteKind = "link-enabled"
	LinkReset        NoteKind = "link-reset"
	ConnectionReset  NoteKind = "connection-reset"
	ConnectionUp     NoteKind = "connection-up"
	ConnectionDown   NoteKind = "connection-down"   // we have closed it
	ConnectionFailed NoteKind = "connection-failed" // it has ended, or does not come up
	PeerRestarted    NoteKind = "peer-restarted"    // the peer has made a new control connection in place of the one there was
	CallRefused      NoteKind = "call-refused"      // the peer has asked for a session that is not to be
)

// NoteLevel is how much a Note matters.
type NoteLevel int

// The levels.
const (
	Info NoteLevel = iota
	Warning
)
