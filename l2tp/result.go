package l2tp

import "fmt"

// Result is the value of the Result Code AVP: why a control connection or session ends (RFC 3931,
// section 5.4.2).
type Result struct {
	// Code is a StopCCNCode in a StopCCN and a CDNCode in a CDN.
	Code uint16
	// Error gives more detail than Code if HasError is set. In a StopCCN with
	// StopUnsupportedVersion it is the highest version that the sender supports.
	Error    ErrorCode
	HasError bool
	// Message is text for people, in UTF-8. On the wire it can only follow an Error; Append writes
	// Error before a Message even if HasError is not set.
	Message []byte
}

// Text describes r in one line. t is the type of the message with r, StopCCN or CDN.
func (r Result) Text(t MessageType) string {
	var text string
	if t == StopCCN {
		text = StopCCNCode(r.Code).String()
	} else {
		text = CDNCode(r.Code).String()
	}
	switch {
	case !r.HasError:
	case t == StopCCN && StopCCNCode(r.Code) == StopUnsupportedVersion:
		text += fmt.Sprintf(" (version %d is)", uint16(r.Error))
	case r.Error != ErrorNone:
		text += ": " + r.Error.String()
	}
	if len(r.Message) > 0 {
		text += fmt.Sprintf(" (%q)", r.Message)
	}
	return text
}

// StopCCNCode is the result code of a StopCCN (RFC 3931, section 5.4.2).
type StopCCNCode uint16

// The result codes of a StopCCN.
const (
	StopGeneral            StopCCNCode = 1
	StopGeneralError       StopCCNCode = 2 // the error code gives the reason
	StopAlreadyExists      StopCCNCode = 3
	StopNotAuthorized      StopCCNCode = 4
	StopUnsupportedVersion StopCCNCode = 5 // the error code is the highest supported version
	StopShuttingDown       StopCCNCode = 6
	StopFSMError           StopCCNCode = 7
)

// String returns the description of the code in RFC 3931.
func (c StopCCNCode) String() string {
	switch c {
	case StopGeneral:
		return "general request to clear control connection"
	case StopGeneralError:
		return "general error"
	case StopAlreadyExists:
		return "control connection already exists"
	case StopNotAuthorized:
		return "requester is not authorized to establish a control connection"
	case StopUnsupportedVersion:
		return "the protocol version of the requester is not supported"
	case StopShuttingDown:
		return "requester is being shut down"
	case StopFSMError:
		return "finite state machine error or timeout"
	}
	return fmt.Sprintf("StopCCN result code %d", uint16(c))
}

// CDNCode is the result code of a CDN (RFC 3931, section 5.4.2).
type CDNCode uint16

// The result codes of a CDN.
const (
	CDNLostCarrier           CDNCode = 1
	CDNGeneralError          CDNCode = 2 // the error code gives the reason
	CDNAdministrative        CDNCode = 3
	CDNTemporaryFacilities   CDNCode = 4
	CDNPermanentFacilities   CDNCode = 5
	CDNLostTie               CDNCode = 13
	CDNUnsupportedPseudowire CDNCode = 14
	CDNSequencingSublayer    CDNCode = 15
	CDNFSMError              CDNCode = 16
)

// String returns the description of the code in RFC 3931.
func (c CDNCode) String() string {
	switch c {
	case CDNLostCarrier:
		return "session disconnected due to loss of carrier or circuit disconnect"
	case CDNGeneralError:
		return "general error"
	case CDNAdministrative:
		return "session disconnected for administrative reasons"
	case CDNTemporaryFacilities:
		return "session establishment failed due to lack of appropriate facilities being available (temporary condition)"
	case CDNPermanentFacilities:
		return "session establishment failed due to lack of appropriate facilities being available (permanent condition)"
	case CDNLostTie:
		return "session not established due to losing tie breaker"
	case CDNUnsupportedPseudowire:
		return "session not established due to unsupported PW type"
	case CDNSequencingSublayer:
		return "session not established, sequencing required without valid L2-Specific Sublayer"
	case CDNFSMError:
		return "finite state machine error or timeout"
	}
	return fmt.Sprintf("CDN result code %d", uint16(c))
}

// ErrorCode is a general error code (RFC 3931, section 5.4.2).
type ErrorCode uint16

// The general error codes.
const (
	ErrorNone                ErrorCode = 0
	ErrorNoControlConnection ErrorCode = 1
	ErrorLength              ErrorCode = 2
	ErrorValue               ErrorCode = 3
	ErrorResources           ErrorCode = 4
	ErrorSessionID           ErrorCode = 5
	ErrorVendor              ErrorCode = 6
	ErrorTryAnother          ErrorCode = 7
	ErrorUnknownAVP          ErrorCode = 8
	ErrorTryAnotherDirected  ErrorCode = 9 // the message lists addresses
)

// String returns the description of the code in RFC 3931.
func (c ErrorCode) String() string {
	switch c {
	case ErrorNone:
		return "no general error"
	case ErrorNoControlConnection:
		return "no control connection exists yet for this pair of LCCEs"
	case ErrorLength:
		return "length is wrong"
	case ErrorValue:
		return "one of the field values was out of range"
	case ErrorResources:
		return "insufficient resources to handle this operation now"
	case ErrorSessionID:
		return "invalid Session ID"
	case ErrorVendor:
		return "a generic vendor-specific error occurred"
	case ErrorTryAnother:
		return "try another"
	case ErrorUnknownAVP:
		return "shut down due to receipt of an unknown AVP with the M bit set"
	case ErrorTryAnotherDirected:
		return "try another directed"
	}
	return fmt.Sprintf("error code %d", uint16(c))
}
