package l2tp

import (
	"math/bits"
	"strconv"
)

// AVPType is the Attribute Type of an IETF AVP (RFC 3931, sections 5.4 and 10.1).
type AVPType uint16

// The AVPs of RFC 3931.
const (
	AVPMessageType            AVPType = 0
	AVPResultCode             AVPType = 1
	AVPTieBreaker             AVPType = 5 // Control Connection Tie Breaker, Session Tie Breaker
	AVPHostName               AVPType = 7
	AVPVendorName             AVPType = 8
	AVPReceiveWindowSize      AVPType = 10
	AVPSerialNumber           AVPType = 15
	AVPPhysicalChannelID      AVPType = 25
	AVPCircuitErrors          AVPType = 34
	AVPRandomVector           AVPType = 36
	AVPExtendedVendorID       AVPType = 58
	AVPMessageDigest          AVPType = 59
	AVPRouterID               AVPType = 60
	AVPAssignedConnectionID   AVPType = 61
	AVPPseudowireCapabilities AVPType = 62
	AVPLocalSessionID         AVPType = 63
	AVPRemoteSessionID        AVPType = 64
	AVPAssignedCookie         AVPType = 65
	AVPRemoteEndID            AVPType = 66
	AVPPseudowireType         AVPType = 68
	AVPSublayer               AVPType = 69
	AVPDataSequencing         AVPType = 70
	AVPCircuitStatus          AVPType = 71
	AVPPreferredLanguage      AVPType = 72
	AVPNonce                  AVPType = 73
	AVPTxConnectSpeed         AVPType = 74
	AVPRxConnectSpeed         AVPType = 75

	numAVPTypes = 76
)

// Name returns the name of the AVP in RFC 3931, such as "Host Name". It returns "AVP 67" for an AVP
// that RFC 3931 does not define.
func (t AVPType) Name() string {
	if s := specOf(t); s != nil {
		return s.name
	}
	return "AVP " + strconv.Itoa(int(t))
}

// String returns the name and the number of the AVP, such as "Host Name AVP (7)". It returns "AVP
// 67" for an AVP that RFC 3931 does not define.
func (t AVPType) String() string {
	if s := specOf(t); s != nil {
		return s.name + " AVP (" + strconv.Itoa(int(t)) + ")"
	}
	return "AVP " + strconv.Itoa(int(t))
}

// AVPSet is a set of AVPs of RFC 3931. The zero value is the empty set. Sets can be compared with
// ==.
type AVPSet struct {
	bits [2]uint64 // AVP type t is bit t%64 of word t/64
}

// AVPs returns the set of these types.
func AVPs(types ...AVPType) AVPSet {
	var s AVPSet
	s.Add(types...)
	return s
}

// Has reports whether t is in the set.
func (s AVPSet) Has(t AVPType) bool {
	return t < numAVPTypes && s.bits[t/64]&(1<<(t%64)) != 0
}

// Add adds types to the set. It ignores types above 75, the highest one of RFC 3931.
func (s *AVPSet) Add(types ...AVPType) {
	for _, t := range types {
		if t < numAVPTypes {
			s.bits[t/64] |= 1 << (t % 64)
		}
	}
}

// Remove removes types from the set.
func (s *AVPSet) Remove(types ...AVPType) {
	for _, t := range types {
		if t < numAVPTypes {
			s.bits[t/64] &^= 1 << (t % 64)
		}
	}
}

// minus returns the AVPs that are in s and not in o.
func (s AVPSet) minus(o AVPSet) AVPSet {
	return AVPSet{[2]uint64{s.bits[0] &^ o.bits[0], s.bits[1] &^ o.bits[1]}}
}

// first returns the AVP with the lowest number in s, or false if s is empty.
func (s AVPSet) first() (AVPType, bool) {
	for i, word := range s.bits {
		if word != 0 {
			return AVPType(64*i + bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}
