package l2tp

import (
	"fmt"
	"strconv"
)

// HeaderError says why a message header is invalid. A control message with a malformed header must
// be discarded (RFC 3931, section 7.1).
type HeaderError uint8

// The errors of a message header.
const (
	ErrTruncated  HeaderError = iota + 1 // message shorter than the header
	ErrNotControl                        // T bit clear
	ErrNotData                           // T bit set
	ErrVersion                           // neither version 2 nor 3
	ErrVersion2                          // version 2: L2TPv2
	ErrNoLength                          // L bit clear
	ErrNoSequence                        // S bit clear
	ErrLength                            // Length below 12 or beyond the end of the datagram
)

// Error describes the error and says what is expected.
func (e HeaderError) Error() string {
	switch e {
	case ErrTruncated:
		return "l2tp: message shorter than its header"
	case ErrNotControl:
		return "l2tp: T bit clear: not a control message"
	case ErrNotData:
		return "l2tp: T bit set: not a data message"
	case ErrVersion:
		return "l2tp: unknown version, want 3"
	case ErrVersion2:
		return "l2tp: L2TPv2 message, want version 3"
	case ErrNoLength:
		return "l2tp: L bit clear: a control message must have a Length"
	case ErrNoSequence:
		return "l2tp: S bit clear: a control message must have Ns and Nr"
	case ErrLength:
		return "l2tp: Length in the header is below 12 or beyond the end of the datagram"
	}
	return "l2tp: header error " + strconv.Itoa(int(e))
}

// Problem says why an AVP is not accepted.
type Problem uint8

// The problems of AVPs. Those before Duplicate are errors if the M bit of the AVP is set.
const (
	NoProblem          Problem = iota
	UnknownAVP                 // not an AVP of RFC 3931
	UnknownMessageType         // not a message of RFC 3931; it may be ignored if its M bit is clear
	NoMessageType              // the first AVP is not the Message Type
	BadFraming                 // Length below 6 or beyond the message; later AVPs cannot be read
	BadLength                  // a length that the value of this AVP cannot have
	BadValue                   // a value out of range
	HiddenForbidden            // H bit on an AVP that must not be hidden
	HiddenNoKey                // hidden, but there is no shared secret
	HiddenNoVector             // hidden, but no Random Vector precedes it
	HiddenLength               // deciphered length beyond the value: damaged, or other secret

	// Duplicate, Misplaced and IgnoredVendor are never errors.
	Duplicate     // not the first AVP of its type in the message
	Misplaced     // not allowed in this message, or not at this place
	IgnoredVendor // an Extended Vendor ID AVP
)

// String describes the problem in a few words, which can follow the name of an AVP and a colon.
func (p Problem) String() string {
	switch p {
	case NoProblem:
		return "no problem"
	case UnknownAVP:
		return "unknown AVP"
	case UnknownMessageType:
		return "unknown message type"
	case NoMessageType:
		return "first AVP is not the Message Type"
	case BadFraming:
		return "AVP length is below 6 or beyond the end of the message"
	case BadLength:
		return "value has a wrong length"
	case BadValue:
		return "value is out of range"
	case HiddenForbidden:
		return "H bit set, but this AVP must not be hidden"
	case HiddenNoKey:
		return "hidden, but no shared secret is known"
	case HiddenNoVector:
		return "hidden, but no Random Vector AVP precedes it"
	case HiddenLength:
		return "hidden value is damaged or was hidden with another secret"
	case Duplicate:
		return "duplicate AVP"
	case Misplaced:
		return "not allowed in this message or at this place"
	case IgnoredVendor:
		return "unknown vendor"
	}
	return "problem " + strconv.Itoa(int(p))
}

// AVPError is a problem with one AVP of a received message.
type AVPError struct {
	// Message is the type of the message, ZLB if it is unknown.
	Message MessageType
	// Vendor and Type identify the AVP. Vendor 0 is the IETF.
	Vendor uint32
	Type   AVPType
	// Mandatory is the M bit of the AVP as received. It is also set where parsing cannot go on:
	// with BadFraming, and if the Message Type could not be read.
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

// ErrorCode returns the general error code of the StopCCN or CDN that answers e (RFC 3931, section
// 5.4.2). An AVP that cannot be deciphered is treated as an unknown one (section 7.1).
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

// Result returns the Result Code AVP of the StopCCN or CDN that answers e. The result code is 2,
// general error, in both messages. The text names the AVP, as RFC 3931, sections 5.2 and 5.4.2,
// recommends with error code 8.
func (e *AVPError) Result() Result {
	return Result{
		Code:     uint16(StopGeneralError),
		Error:    e.ErrorCode(),
		HasError: true,
		Message:  []byte(e.Error()[len("l2tp: "):]),
	}
}
