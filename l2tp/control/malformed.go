package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// missingError is a message without an AVP that RFC 3931 section 6 demands, which section 7.1 calls malformed.
type missingError struct {
	message l2tp.MessageType
	avp     l2tp.AVPType
}

func (e *missingError) Error() string { return fmt.Sprintf("%s without the %s", e.message, e.avp) }

// check adds to what the decoder has found whether a message lacks an AVP.
func check(m *l2tp.Message, problem error) error {
	if problem == nil {
		if avp, missing := m.Missing(); missing {
			return &missingError{m.Type, avp}
		}
	}
	return problem
}

// ignorable reports whether a problem is a message of an unknown type that the peer does not insist on.
func ignorable(problem error) bool {
	var e *l2tp.AVPError
	return errors.As(problem, &e) && e.Problem == l2tp.UnknownMessageType && !e.Mandatory
}

// resultFor is the result of the StopCCN or CDN that answers a malformed message: 2, a general error, in both.
func resultFor(problem error) l2tp.Result {
	var e *l2tp.AVPError
	if errors.As(problem, &e) {
		return e.Result()
	}
	return cdnError(l2tp.CDNGeneralError, l2tp.ErrorValue, problem.Error())
}

// malformed ends what an invalid or malformed message belongs to: the session if it is one of a session, else the
// connection (RFC 3931 sections 5.2 and 7.1).
func (c *Connection) malformed(now time.Time, m *l2tp.Message, problem error, out *Output) {
	result := resultFor(problem)
	text := fmt.Sprintf("malformed message from the peer: %s", problem)
	if !m.Type.IsSession() || c.State != Established {
		c.end(now, result, Reason{Cause: CauseProtocol, Result: result, Text: text}, out)
		return
	}
	if s := c.lookup(m); s != nil && m.Type != l2tp.ICRQ {
		s.fail(result, CauseProtocol, text, out)
	} else if m.Type != l2tp.CDN {
		c.refuseCall(m, result)
	}
}

func stopError(code l2tp.StopCCNCode, text string) l2tp.Result {
	return l2tp.Result{Code: uint16(code), HasError: true, Message: []byte(text)}
}

func cdnError(code l2tp.CDNCode, e l2tp.ErrorCode, text string) l2tp.Result {
	return l2tp.Result{Code: uint16(code), HasError: true, Error: e, Message: []byte(text)}
}
