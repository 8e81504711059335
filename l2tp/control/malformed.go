package control

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// missingError reports a message without an AVP that RFC 3931, section 6, requires. Section 7.1
// calls such a message malformed.
type missingError struct {
	message l2tp.MessageType
	avp     l2tp.AVPType
}

func (e *missingError) Error() string {
	return fmt.Sprintf("%s lacks the required %s", e.message, e.avp)
}

// checkRequired returns the problem that the decoder found or, if it found none, a missingError if
// the message lacks a required AVP.
func checkRequired(m *l2tp.Message, problem error) error {
	if problem == nil {
		if avp, missing := m.Missing(); missing {
			return &missingError{m.Type, avp}
		}
	}
	return problem
}

// ignorable reports whether the problem is an unknown message type with the M bit clear.
func ignorable(problem error) bool {
	e, ok := errors.AsType[*l2tp.AVPError](problem)
	return ok && e.Problem == l2tp.UnknownMessageType && !e.Mandatory
}

// resultFor returns the result of the StopCCN or CDN that answers a malformed message. The result
// code is 2, a general error, in both (RFC 3931, sections 5.2 and 7.1).
func resultFor(problem error) l2tp.Result {
	if e, ok := errors.AsType[*l2tp.AVPError](problem); ok {
		return e.Result()
	}
	return cdnError(l2tp.CDNGeneralError, l2tp.ErrorValue, problem.Error())
}

// maxResultText is the maximum length of the text in a sent Result Code AVP, in octets.
const maxResultText = 255

// setResult adds the Result Code AVP to a StopCCN or CDN. It cuts the text to maxResultText,
// between characters.
func setResult(m *l2tp.Message, result l2tp.Result) {
	if len(result.Message) > maxResultText {
		result.Message = bytes.ToValidUTF8(result.Message[:maxResultText], nil)
	}
	m.Result = result
	m.Has.Add(l2tp.AVPResultCode)
}

func stopError(code l2tp.StopCCNCode, text string) l2tp.Result {
	return l2tp.Result{Code: uint16(code), HasError: true, Message: []byte(text)}
}

func cdnError(code l2tp.CDNCode, e l2tp.ErrorCode, text string) l2tp.Result {
	return l2tp.Result{Code: uint16(code), HasError: true, Error: e, Message: []byte(text)}
}
