package l2tp

// AVP is one AVP of a message that was looked at by Dissect.
type AVP struct {
	// Vendor is the Vendor ID, 0 for the IETF.
	Vendor uint32
	Type   AVPType
	// Mandatory and Hidden are its M and H bits as received.
	Mandatory, Hidden bool
	// Value is the Attribute Value, in clear if it was hidden and could be deciphered, and else as
	// it came.
	Value []byte
	// Problem says why the AVP was not taken, NoProblem if it was.
	Problem Problem
}

// Dissect is Parse for one who looks at a message, rather than acting on it: it appends each AVP,
// with what is wrong with it, to avps. They alias what m's fields alias. An AVP of an impossible
// length is the last, and so is a Message Type that is not known.
func (m *Message) Dissect(b []byte, key *HidingKey, avps []AVP) ([]AVP, error) {
	err := m.parse(b, key, &avps)
	return avps, err
}

// told is the AVP as Dissect tells of it.
func (a *avp) told(p Problem) AVP {
	return AVP{Vendor: a.vendor, Type: a.kind, Mandatory: a.mandatory, Hidden: a.hidden, Value: a.value, Problem: p}
}
