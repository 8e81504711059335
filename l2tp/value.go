package l2tp

import "encoding/binary"

// codec reads and writes the value of an AVP. decode is called with a value of a valid length, and
// with a Message whose Type is set. The Message Type and the Message Digest have no append, because
// they are written before the table's AVPs. The Extended Vendor ID, which is ignored and never
// sent, has neither function.
type codec struct {
	decode func(m *Message, value []byte) Problem
	append func(dst []byte, m *Message) []byte
}

// octets is the codec of a value that is stored as received.
func octets[T ~[]byte](field func(*Message) *T) codec {
	return codec{
		decode: func(m *Message, v []byte) Problem {
			*field(m) = T(v)
			return NoProblem
		},
		append: func(dst []byte, m *Message) []byte { return append(dst, *field(m)...) },
	}
}

// bits16 is the codec of a number of two octets.
func bits16[T ~uint16](field func(*Message) *T) codec {
	return codec{
		decode: func(m *Message, v []byte) Problem {
			*field(m) = T(binary.BigEndian.Uint16(v))
			return NoProblem
		},
		append: func(dst []byte, m *Message) []byte {
			return binary.BigEndian.AppendUint16(dst, uint16(*field(m)))
		},
	}
}

// bits32 is the codec of a number of four octets.
func bits32(field func(*Message) *uint32) codec {
	return codec{
		decode: func(m *Message, v []byte) Problem {
			*field(m) = binary.BigEndian.Uint32(v)
			return NoProblem
		},
		append: func(dst []byte, m *Message) []byte {
			return binary.BigEndian.AppendUint32(dst, *field(m))
		},
	}
}

// identifier is the codec of a number of four octets that must not be zero. It may be zero in a
// StopCCN or CDN: the sender of a refusal has often assigned no ID, and a teardown must not fail
// because of that.
func identifier(field func(*Message) *uint32) codec {
	number := bits32(field)
	return codec{
		decode: func(m *Message, v []byte) Problem {
			if binary.BigEndian.Uint32(v) == 0 && m.Type != StopCCN && m.Type != CDN {
				return BadValue
			}
			return number.decode(m, v)
		},
		append: number.append,
	}
}

// bits64 is the codec of a number of eight octets.
func bits64(field func(*Message) *uint64) codec {
	return codec{
		decode: func(m *Message, v []byte) Problem {
			*field(m) = binary.BigEndian.Uint64(v)
			return NoProblem
		},
		append: func(dst []byte, m *Message) []byte {
			return binary.BigEndian.AppendUint64(dst, *field(m))
		},
	}
}

func decodeMessageType(m *Message, v []byte) Problem {
	m.Type = MessageType(binary.BigEndian.Uint16(v))
	if !m.Type.known() {
		return UnknownMessageType
	}
	return NoProblem
}

// decodeDigest accepts any length of a digest of an unknown type: a peer that changes over to a new
// hash algorithm sends a new digest beside an old one (RFC 3931, section 5.4.1).
func decodeDigest(m *Message, v []byte) Problem {
	d := Digest{DigestType(v[0]), v[1:]}
	if size := d.Type.Size(); size != 0 && size != len(d.Sum) {
		return BadLength
	}
	m.Digests[m.NumDigests] = d
	m.NumDigests++
	return NoProblem
}

func decodeResult(m *Message, v []byte) Problem {
	m.Result.Code = binary.BigEndian.Uint16(v)
	switch {
	case len(v) == 2:
		return NoProblem
	case len(v) < 4:
		return BadLength
	}
	m.Result.HasError = true
	m.Result.Error = ErrorCode(binary.BigEndian.Uint16(v[2:]))
	m.Result.Message = v[4:]
	return NoProblem
}

// appendResult writes an error code also before a text without one, because the wire format has no
// text without an error code.
func appendResult(dst []byte, m *Message) []byte {
	dst = binary.BigEndian.AppendUint16(dst, m.Result.Code)
	if !m.Result.HasError && len(m.Result.Message) == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Result.Error))
	return append(dst, m.Result.Message...)
}

func decodeCircuitStatus(m *Message, v []byte) Problem {
	m.CircuitStatus = CircuitStatus(binary.BigEndian.Uint16(v)) & circuitBits
	return NoProblem
}

func appendCircuitStatus(dst []byte, m *Message) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(m.CircuitStatus&circuitBits))
}

// decodeCircuitErrors skips the two reserved octets at the start, which align the counters.
func decodeCircuitErrors(m *Message, v []byte) Problem {
	e := &m.CircuitErrors
	counters := v[2:]
	if len(v) == 26 {
		e.CRC = binary.BigEndian.Uint32(counters)
		e.Framing = binary.BigEndian.Uint32(counters[4:])
		counters = counters[8:]
	}
	e.HardwareOverruns = binary.BigEndian.Uint32(counters)
	e.BufferOverruns = binary.BigEndian.Uint32(counters[4:])
	e.Timeouts = binary.BigEndian.Uint32(counters[8:])
	e.Alignment = binary.BigEndian.Uint32(counters[12:])
	return NoProblem
}

func appendCircuitErrors(dst []byte, m *Message) []byte {
	e := &m.CircuitErrors
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, e.CRC)
	dst = binary.BigEndian.AppendUint32(dst, e.Framing)
	dst = binary.BigEndian.AppendUint32(dst, e.HardwareOverruns)
	dst = binary.BigEndian.AppendUint32(dst, e.BufferOverruns)
	dst = binary.BigEndian.AppendUint32(dst, e.Timeouts)
	return binary.BigEndian.AppendUint32(dst, e.Alignment)
}
