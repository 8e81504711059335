package l2tp

import "encoding/binary"

// avpSpec is what RFC 3931 says of one AVP.
type avpSpec struct {
	avp       AVPType
	name      string
	mandatory bool // the M bit as sent: as sections 5.4.1 to 5.4.5 say it should be
	hideable  bool // the AVP may be hidden
	length    lengths
	in        messageSet
	codec     codec
}

// codec reads and writes the value of an AVP. decode is given a value whose length is
// in order, and a Message that has its type. Message Type and Message Digest,
// which have their fixed place, have no append, and the Extended Vendor ID, which
// is not sent, has neither.
type codec struct {
	decode func(m *Message, value []byte) Problem
	append func(dst []byte, m *Message) []byte
}

// lengths are the lengths a value may have: min, min+step and so on up to max.
type lengths struct{ min, max, step int }

func exactly(n int) lengths { return lengths{n, n, 1} }
func atLeast(n int) lengths { return lengths{n, maxAVPValue, 1} }

func (l lengths) allow(n int) bool {
	return n >= l.min && n <= l.max && (n-l.min)%l.step == 0
}

// messageSet has bit 1<<t for each MessageType t in it.
type messageSet uint32

func in(types ...MessageType) (s messageSet) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

func (s messageSet) has(t MessageType) bool { return s&(1<<t) != 0 }

// The lists of messages behind the AVPs' names in RFC 3931, section 5.4.
const inAll = ^messageSet(0)

var (
	inControlSetup = in(SCCRQ, SCCRP)
	inSession      = in(ICRQ, ICRP, ICCN, OCRQ, OCRP, OCCN, CDN, WEN, SLI)
	inSessionSetup = in(ICRQ, ICRP, ICCN, OCRQ, OCRP, OCCN)
	inCallRequest  = in(ICRQ, OCRQ)
)

// avpTable has every AVP of RFC 3931 in the order of its section 5.4, in which
// Append writes them: Message Type and Message Digest first, and the Random Vector
// before all AVPs that may be hidden.
var avpTable = [...]avpSpec{
	{AVPMessageType, "Message Type", true, false, exactly(2), inAll, codec{decode: decodeMessageType}},
	{AVPMessageDigest, "Message Digest", true, false, atLeast(1), inAll, codec{decode: decodeDigest}},
	{
		AVPNonce, "Control Message Authentication Nonce", true, false, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.Nonce }),
	},
	{
		AVPRandomVector, "Random Vector", true, false, atLeast(0), inAll,
		octets(func(m *Message) *[]byte { return &m.RandomVector }),
	},
	{AVPExtendedVendorID, "Extended Vendor ID", false, true, atLeast(6), inAll, codec{}},

	{
		AVPResultCode, "Result Code", true, false, atLeast(2), in(StopCCN, CDN),
		codec{decodeResult, appendResult},
	},

	{
		AVPTieBreaker, "Tie Breaker", true, false, exactly(8), in(SCCRQ, ICRQ, OCRQ),
		bits64(func(m *Message) *uint64 { return &m.TieBreaker }),
	},
	{
		AVPHostName, "Host Name", true, false, atLeast(1), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.HostName }),
	},
	{
		AVPRouterID, "Router ID", true, false, exactly(4), inControlSetup,
		bits32(func(m *Message) *uint32 { return &m.RouterID }),
	},
	{
		AVPVendorName, "Vendor Name", false, true, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.VendorName }),
	},
	{
		AVPAssignedConnectionID, "Assigned Control Connection ID", true, true, exactly(4),
		in(SCCRQ, SCCRP, StopCCN),
		identifier(func(m *Message) *uint32 { return &m.AssignedConnectionID }),
	},
	{
		AVPReceiveWindowSize, "Receive Window Size", true, false, exactly(2), inControlSetup,
		bits16(func(m *Message) *uint16 { return &m.ReceiveWindow }),
	},
	{
		AVPPseudowireCapabilities, "Pseudowire Capabilities List", true, true,
		lengths{2, maxAVPValue, 2},
		inControlSetup,
		octets(func(m *Message) *PseudowireList { return &m.Pseudowires }),
	},
	{
		AVPPreferredLanguage, "Preferred Language", false, true, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.PreferredLanguage }),
	},

	{
		AVPLocalSessionID, "Local Session ID", true, true, exactly(4), inSession,
		identifier(func(m *Message) *uint32 { return &m.LocalSessionID }),
	},
	{
		AVPRemoteSessionID, "Remote Session ID", true, true, exactly(4), inSession,
		bits32(func(m *Message) *uint32 { return &m.RemoteSessionID }),
	},
	{
		AVPAssignedCookie, "Assigned Cookie", true, true,
		lengths{0, 8, 4},
		in(ICRQ, ICRP, OCRQ, OCRP),
		octets(func(m *Message) *[]byte { return &m.AssignedCookie }),
	},
	{
		AVPSerialNumber, "Serial Number", false, true, exactly(4), inCallRequest,
		bits32(func(m *Message) *uint32 { return &m.SerialNumber }),
	},
	{
		AVPRemoteEndID, "Remote End ID", true, true, atLeast(0), inCallRequest,
		octets(func(m *Message) *[]byte { return &m.RemoteEndID }),
	},
	{
		AVPPseudowireType, "Pseudowire Type", true, true, exactly(2), inCallRequest,
		bits16(func(m *Message) *PseudowireType { return &m.PseudowireType }),
	},
	{
		AVPSublayer, "L2-Specific Sublayer", true, true, exactly(2), inSessionSetup,
		bits16(func(m *Message) *Sublayer { return &m.Sublayer }),
	},
	{
		AVPDataSequencing, "Data Sequencing", true, true, exactly(2), inSessionSetup,
		bits16(func(m *Message) *DataSequencing { return &m.DataSequencing }),
	},
	{
		AVPTxConnectSpeed, "Tx Connect Speed", false, true, exactly(8), inSessionSetup,
		bits64(func(m *Message) *uint64 { return &m.TxSpeed }),
	},
	{
		AVPRxConnectSpeed, "Rx Connect Speed", false, true, exactly(8), inSessionSetup,
		bits64(func(m *Message) *uint64 { return &m.RxSpeed }),
	},
	{
		AVPPhysicalChannelID, "Physical Channel ID", false, true, exactly(4), in(ICRQ, ICRP, OCRP),
		bits32(func(m *Message) *uint32 { return &m.PhysicalChannelID }),
	},

	{
		AVPCircuitStatus, "Circuit Status", true, true, exactly(2), inSessionSetup | in(SLI),
		codec{decodeCircuitStatus, appendCircuitStatus},
	},
	{
		AVPCircuitErrors, "Circuit Errors", false, true,
		lengths{18, 26, 8},
		in(WEN),
		codec{decodeCircuitErrors, appendCircuitErrors},
	},
}

// avpIndex is one more than the place of each AVP type in avpTable, 0 for none.
var avpIndex = func() (index [numAVPTypes]uint8) {
	for i := range avpTable {
		index[avpTable[i].avp] = uint8(i) + 1
	}
	return index
}()

// specOf returns the entry of t, nil if RFC 3931 has no such AVP.
func specOf(t AVPType) *avpSpec {
	if t >= numAVPTypes || avpIndex[t] == 0 {
		return nil
	}
	return &avpTable[avpIndex[t]-1]
}

// octets is a value taken as it is.
func octets[T ~[]byte](field func(*Message) *T) codec {
	return codec{
		decode: func(m *Message, v []byte) Problem {
			*field(m) = T(v)
			return NoProblem
		},
		append: func(dst []byte, m *Message) []byte { return append(dst, *field(m)...) },
	}
}

// bits16 is a number of two octets.
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

// bits32 is a number of four octets.
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

// identifier is a number of four octets that must not be zero. A StopCCN or CDN may
// have it zero: one that refuses a request has often nothing assigned, and a
// teardown must not fail for it.
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

// bits64 is a number of eight octets.
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

// decodeDigest takes any length with a type it does not know: a sender on its way
// to a new hash sends that and an old one (RFC 3931, section 5.4.1).
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

// appendResult writes an error code if there is text, too, since text without one
// has no form.
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

// decodeCircuitErrors skips the two reserved octets that align the counters.
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
