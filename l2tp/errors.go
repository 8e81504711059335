package l2tp

import (
	"fmt"
	"strconv"
)

// HeaderError says why a header cannot be used. A control message with a malformed
// header must be discarded (RFC 3931, section 7.1).
type HeaderError uint8

// What can be wrong with a header.
const (
	ErrTruncated  HeaderError = iota + 1 // shorter than the header
	ErrNotControl                        // T bit clear
	ErrNotData                           // T bit set
	ErrVersion                           // neither version 2 nor 3
	ErrVersion2                          // L2TPv2
	ErrNoLength                          // L bit clear
	ErrNoSequence                        // S bit clear
	ErrLength                            // Length below 12 or beyond the datagram
)

// Error says what is wrong and what would be right.
func (e HeaderError) Error() string {
	switch e {
	case ErrTruncated:
		return "l2tp: shorter than its header"
	case ErrNotControl:
		return "l2tp: T bit clear: not a control message"
	case ErrNotData:
		return "l2tp: T bit set: not a data message"
	case ErrVersion:
		return "l2tp: unknown version: want 3"
	case ErrVersion2:
		return "l2tp: L2TPv2 message: want version 3"
	case ErrNoLength:
		return "l2tp: L bit clear: a control message has a length"
	case ErrNoSequence:
		return "l2tp: S bit clear: a control message has sequence numbers"
	case ErrLength:
		return "l2tp: length in the header is below 12 or beyond the datagram"
	}
	return "l2tp: header error " + strconv.Itoa(int(e))
}

// Problem is what is wrong with an AVP.
type Problem uint8

// Problems that count if the AVP is mandatory.
const (
	NoProblem          Problem = iota
	UnknownAVP                 // an AVP not of RFC 3931
	UnknownMessageType         // a message not of RFC 3931; Mandatory tells whether to ignore it
	NoMessageType              // the first AVP is not the Message Type
	BadFraming                 // Length below 6 or beyond the message; the AVPs behind it are lost
	BadLength                  // a value of a length this AVP cannot have
	BadValue                   // a value out of range
	HiddenForbidden            // H bit on an AVP that must not be hidden
	HiddenNoKey                // hidden, and there is no shared secret
	HiddenNoVector             // hidden without a Random Vector before it
	HiddenLength               // the deciphered length is beyond the value: damaged, or another secret

	// Duplicate, Misplaced and IgnoredVendor are never an error.
	Duplicate     // a second one of its kind
	Misplaced     // an AVP that this message does not take, or not at this place
	IgnoredVendor // an Extended Vendor ID AVP
)

// String describes p as the rest of a sentence about an AVP.
func (p Problem) String() string {
	switch p {
	case NoProblem:
		return "in order"
	case UnknownAVP:
		return "unknown AVP"
	case UnknownMessageType:
		return "unknown message type"
	case NoMessageType:
		return "first AVP is not the Message Type"
	case BadFraming:
		return "AVP length is below 6 or beyond the message"
	case BadLength:
		return "value has a wrong length"
	case BadValue:
		return "value is out of range"
	case HiddenForbidden:
		return "must not be hidden"
	case HiddenNoKey:
		return "hidden, and there is no shared secret"
	case HiddenNoVector:
		return "hidden without a Random Vector AVP before it"
	case HiddenLength:
		return "hidden value deciphers to a wrong length"
	case Duplicate:
		return "second one in the message"
	case Misplaced:
		return "not taken at this place"
	case IgnoredVendor:
		return "vendor is not known"
	}
	return "problem " + strconv.Itoa(int(p))
}

// AVPError is a problem with one AVP of a received message.
type AVPError struct {
	// Message is the type of the message, ZLB if it is not known.
	Message MessageType
	// Vendor and Type name the AVP. Vendor 0 is the IETF.
	Vendor uint32
	Type   AVPType
	// Mandatory is the AVP's M bit as received. It is set as well where there is no
	// recovery: after BadFraming, and if no Message Type could be read.
	Mandatory bool
	Problem   Problem
}

// Error names the message, the AVP and the problem.
func (e *AVPError) Error() string {
	avp := e.Type.String()
	if e.Vendor != 0 {
		avp = fmt.Sprintf("vendor %d AVP %d", e.Vendor, uint16(e.Type))
	}
	if e.Message == ZLB {
		return fmt.Sprintf("l2tp: %s: %s", avp, e.Problem)
	}
	return fmt.Sprintf("l2tp: %s: %s: %s", e.Message, avp, e.Problem)
}

// ErrorCode is the general error code for a StopCCN or CDN that answers e (RFC 3931,
// section 5.4.2). An AVP that cannot be deciphered is as good as unknown (section 7.1).
func (e *AVPError) ErrorCode() ErrorCode {
	switch e.Problem {
	case BadFraming, BadLength, HiddenLength:
		return ErrorLength
	case BadValue, HiddenForbidden, NoMessageType, UnknownMessageType:
		return ErrorValue
	case UnknownAVP, HiddenNoKey, HiddenNoVector:
		return ErrorUnknownAVP
	}
	return ErrorNone
}

// Result is the Result Code AVP for the StopCCN or CDN that answers e: result code 2,
// which means a general error in both, with the AVP named in the text as error
// code 8 wants it (RFC 3931, sections 5.2 and 5.4.2).
func (e *AVPError) Result() Result {
	return Result{
		Code:     uint16(StopGeneralError),
		Error:    e.ErrorCode(),
		HasError: true,
		Message:  []byte(e.Error()[len("l2tp: "):]),
	}
}
