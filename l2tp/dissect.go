package l2tp

// AVP is one AVP of a control message, as Dissect reports it.
type AVP struct {
	// Vendor is the Vendor ID, 0 for the IETF.
	Vendor uint32
	Type   AVPType
	// Mandatory and Hidden are its M and H bits as received.
	Mandatory, Hidden bool
	// Value is the Attribute Value. That of a hidden AVP is deciphered if possible, otherwise as
	// received.
	Value []byte
	// Problem says why Parse did not accept the AVP. It is NoProblem if it did.
	Problem Problem
}

// Dissect is like Parse, and also appends every AVP of the message, with its problem, to avps. It
// is for programs that show messages rather than act on them. The AVPs alias the same memory as the
// fields of m. Dissect stops after an AVP of an impossible length, and after a first AVP that is
// not a known Message Type.
func (m *Message) Dissect(b []byte, key *HidingKey, avps []AVP) ([]AVP, error) {
	err := m.parse(b, key, &avps)
	return avps, err
}

// dissected returns the AVP as Dissect reports it.
func (a *avp) dissected(p Problem) AVP {
	return AVP{Vendor: a.vendor, Type: a.kind, Mandatory: a.mandatory, Hidden: a.hidden, Value: a.value, Problem: p}
}
