package l2tp

// avpSpec is the definition of one AVP in RFC 3931, section 5.4.
type avpSpec struct {
	avp    AVPType
	name   string
	bits   uint16 // bitM: should be sent with the M bit; bitH: may be hidden
	length lengths
	in     messageSet
	codec  codec
}

// lengths are the lengths that a value may have: min, min+step, and so on up to max.
type lengths struct{ min, max, step int }

func exactly(n int) lengths { return lengths{n, n, 1} }
func atLeast(n int) lengths { return lengths{n, maxAVPValue, 1} }

func (l lengths) allow(n int) bool {
	return n >= l.min && n <= l.max && (n-l.min)%l.step == 0
}

// messageSet is a set of message types: MessageType t is bit 1<<t.
type messageSet uint32

func in(types ...MessageType) (s messageSet) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

func (s messageSet) has(t MessageType) bool { return s&(1<<t) != 0 }

// The lists of messages that follow the names of AVPs in RFC 3931, section 5.4.
const inAll = ^messageSet(0)

var (
	inControlSetup = in(SCCRQ, SCCRP)
	inSession      = in(ICRQ, ICRP, ICCN, OCRQ, OCRP, OCCN, CDN, WEN, SLI)
	inSessionSetup = in(ICRQ, ICRP, ICCN, OCRQ, OCRP, OCCN)
	inCallRequest  = in(ICRQ, OCRQ)
)

// avpTable has every AVP of RFC 3931 in the order of section 5.4. Append writes the AVPs in this
// order: the Message Type and the Message Digest first, and the Random Vector before all AVPs that
// may be hidden.
var avpTable = [...]avpSpec{
	{AVPMessageType, "Message Type", bitM, exactly(2), inAll, codec{decode: decodeMessageType}},
	{AVPMessageDigest, "Message Digest", bitM, atLeast(1), inAll, codec{decode: decodeDigest}},
	{
		AVPNonce, "Control Message Authentication Nonce", bitM, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.Nonce }),
	},
	{
		AVPRandomVector, "Random Vector", bitM, atLeast(0), inAll,
		octets(func(m *Message) *[]byte { return &m.RandomVector }),
	},
	{AVPExtendedVendorID, "Extended Vendor ID", bitH, atLeast(6), inAll, codec{}},

	{
		AVPResultCode, "Result Code", bitM, atLeast(2), in(StopCCN, CDN),
		codec{decodeResult, appendResult},
	},

	{
		AVPTieBreaker, "Tie Breaker", bitM, exactly(8), in(SCCRQ, ICRQ, OCRQ),
		bits64(func(m *Message) *uint64 { return &m.TieBreaker }),
	},
	{
		AVPHostName, "Host Name", bitM, atLeast(1), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.HostName }),
	},
	{
		AVPRouterID, "Router ID", bitM, exactly(4), inControlSetup,
		bits32(func(m *Message) *uint32 { return &m.RouterID }),
	},
	{
		AVPVendorName, "Vendor Name", bitH, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.VendorName }),
	},
	{
		AVPAssignedConnectionID, "Assigned Control Connection ID", bitM | bitH, exactly(4),
		in(SCCRQ, SCCRP, StopCCN),
		identifier(func(m *Message) *uint32 { return &m.AssignedConnectionID }),
	},
	{
		AVPReceiveWindowSize, "Receive Window Size", bitM, exactly(2), inControlSetup,
		bits16(func(m *Message) *uint16 { return &m.ReceiveWindow }),
	},
	{
		AVPPseudowireCapabilities, "Pseudowire Capabilities List", bitM | bitH,
		lengths{2, maxAVPValue, 2},
		inControlSetup,
		octets(func(m *Message) *PseudowireList { return &m.Pseudowires }),
	},
	{
		AVPPreferredLanguage, "Preferred Language", bitH, atLeast(0), inControlSetup,
		octets(func(m *Message) *[]byte { return &m.PreferredLanguage }),
	},

	{
		AVPLocalSessionID, "Local Session ID", bitM | bitH, exactly(4), inSession,
		identifier(func(m *Message) *uint32 { return &m.LocalSessionID }),
	},
	{
		AVPRemoteSessionID, "Remote Session ID", bitM | bitH, exactly(4), inSession,
		bits32(func(m *Message) *uint32 { return &m.RemoteSessionID }),
	},
	{
		AVPAssignedCookie, "Assigned Cookie", bitM | bitH,
		lengths{0, 8, 4},
		in(ICRQ, ICRP, OCRQ, OCRP),
		octets(func(m *Message) *[]byte { return &m.AssignedCookie }),
	},
	{
		AVPSerialNumber, "Serial Number", bitH, exactly(4), inCallRequest,
		bits32(func(m *Message) *uint32 { return &m.SerialNumber }),
	},
	{
		AVPRemoteEndID, "Remote End ID", bitM | bitH, atLeast(0), inCallRequest,
		octets(func(m *Message) *[]byte { return &m.RemoteEndID }),
	},
	{
		AVPPseudowireType, "Pseudowire Type", bitM | bitH, exactly(2), inCallRequest,
		bits16(func(m *Message) *PseudowireType { return &m.PseudowireType }),
	},
	{
		AVPSublayer, "L2-Specific Sublayer", bitM | bitH, exactly(2), inSessionSetup,
		bits16(func(m *Message) *Sublayer { return &m.Sublayer }),
	},
	{
		AVPDataSequencing, "Data Sequencing", bitM | bitH, exactly(2), inSessionSetup,
		bits16(func(m *Message) *DataSequencing { return &m.DataSequencing }),
	},
	{
		AVPTxConnectSpeed, "Tx Connect Speed", bitH, exactly(8), inSessionSetup,
		bits64(func(m *Message) *uint64 { return &m.TxSpeed }),
	},
	{
		AVPRxConnectSpeed, "Rx Connect Speed", bitH, exactly(8), inSessionSetup,
		bits64(func(m *Message) *uint64 { return &m.RxSpeed }),
	},
	{
		AVPPhysicalChannelID, "Physical Channel ID", bitH, exactly(4), in(ICRQ, ICRP, OCRP),
		bits32(func(m *Message) *uint32 { return &m.PhysicalChannelID }),
	},

	{
		AVPCircuitStatus, "Circuit Status", bitM | bitH, exactly(2), inSessionSetup | in(SLI),
		codec{decodeCircuitStatus, appendCircuitStatus},
	},
	{
		AVPCircuitErrors, "Circuit Errors", bitH,
		lengths{18, 26, 8},
		in(WEN),
		codec{decodeCircuitErrors, appendCircuitErrors},
	},
}

// avpIndex has, for each AVP type, its index in avpTable plus 1, or 0 if it is not in the table.
var avpIndex = func() (index [numAVPTypes]uint8) {
	for i := range avpTable {
		index[avpTable[i].avp] = uint8(i) + 1
	}
	return index
}()

// specOf returns the entry of t in avpTable, or nil if RFC 3931 has no such AVP.
func specOf(t AVPType) *avpSpec {
	if t >= numAVPTypes || avpIndex[t] == 0 {
		return nil
	}
	return &avpTable[avpIndex[t]-1]
}
