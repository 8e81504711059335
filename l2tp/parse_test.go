package l2tp

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
)

// message returns a control message with the AVPs given in hexadecimal. Its header has control
// connection ID 1, Ns 0 and Nr 0.
func message(t testing.TB, avps string) []byte {
	t.Helper()
	b := append(unhex(t, "c8030000 00000001 00000000"), unhex(t, avps)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// Message Type AVPs.
const (
	sccrq   = "8008 0000 0000 0001 "
	scccn   = "8008 0000 0000 0003 "
	stopCCN = "8008 0000 0000 0004 "
	hello   = "8008 0000 0000 0006 "
	icrq    = "8008 0000 0000 000a "
	cdn     = "8008 0000 0000 000e "
	wen     = "8008 0000 0000 000f "
)

// A malformed or unknown AVP is an error if its M bit is set, and is ignored otherwise (RFC 3931,
// sections 5.2 and 7.1). A Serial Number after it is read in both cases.
func TestParseFaultyAVP(t *testing.T) {
	tests := []struct {
		name    string
		start   string // the Message Type AVP
		avp     string // without the first four bits, which the test sets; "!" sets the H bit
		vendor  uint32
		kind    AVPType
		problem Problem
	}{
		{"unknown, RFC 2661's Framing Capabilities", icrq, "00a 0000 0003 00000003", 0, 3, UnknownAVP},
		{"unknown, never assigned", icrq, "006 0000 ffff", 0, 0xffff, UnknownAVP},
		{"vendor's", icrq, "008 0009 0001 0000", 9, 1, UnknownAVP},
		{"Local Session ID too short", icrq, "009 0000 003f 000001", 0, AVPLocalSessionID, BadLength},
		{"Local Session ID too long", icrq, "00b 0000 003f 0000000100", 0, AVPLocalSessionID, BadLength},
		{"Local Session ID zero", icrq, "00a 0000 003f 00000000", 0, AVPLocalSessionID, BadValue},
		{"Rx Connect Speed of RFC 2661", icrq, "00a 0000 004b 00000001", 0, AVPRxConnectSpeed, BadLength},
		{"cookie of 5 octets", icrq, "00b 0000 0041 0102030405", 0, AVPAssignedCookie, BadLength},
		{"cookie of 12 octets", icrq, "012 0000 0041 010203040506070809101112", 0, AVPAssignedCookie, BadLength},
		{"Pseudowire Type of one octet", icrq, "007 0000 0044 07", 0, AVPPseudowireType, BadLength},
		{"Circuit Status of three octets", icrq, "009 0000 0047 000100", 0, AVPCircuitStatus, BadLength},
		{"Tie Breaker hidden", icrq, "!00e 0000 0005 0102030405060708", 0, AVPTieBreaker, HiddenForbidden},
		{"hidden without a secret", icrq, "!00a 0000 003f 00000001", 0, AVPLocalSessionID, HiddenNoKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			avp, hidden := test.avp, byte(0)
			if avp[0] == '!' {
				avp, hidden = avp[1:], 0x40
			}
			const serial = " 000a 0000 000f 0000002a"
			wire := message(t, test.start+"0"+avp+serial)
			var m Message

			at := HeaderLen + len(unhex(t, test.start))
			wire[at] |= 0x80 | hidden
			want := &AVPError{ICRQ, test.vendor, test.kind, true, test.problem}
			if err := m.Parse(wire, nil); !reflect.DeepEqual(err, error(want)) {
				t.Errorf("with M bit: %v, want %v", err, want)
			}
			if m.SerialNumber != 42 || m.Has.Has(test.kind) || m.Ignored.Problem != NoProblem {
				t.Errorf("with M bit: serial number %d, %v present: %t, ignored %v",
					m.SerialNumber, test.kind, m.Has.Has(test.kind), m.Ignored)
			}

			wire[at] &^= 0x80
			want.Mandatory = false
			if err := m.Parse(wire, nil); err != nil {
				t.Errorf("without M bit: %v", err)
			}
			if m.SerialNumber != 42 || m.Has.Has(test.kind) || m.Ignored != *want {
				t.Errorf("without M bit: serial number %d, %v present: %t, ignored %v",
					m.SerialNumber, test.kind, m.Has.Has(test.kind), &m.Ignored)
			}
		})
	}
}

// Errors that depend on the message, or that do not depend on the M bit.
func TestParseErrors(t *testing.T) {
	tests := []struct {
		name string
		avps string
		want AVPError
	}{
		{
			"Host Name empty", sccrq + "8006 0000 0007",
			AVPError{SCCRQ, 0, AVPHostName, true, BadLength},
		},
		{
			"Assigned Control Connection ID zero", sccrq + "800a 0000 003d 00000000",
			AVPError{SCCRQ, 0, AVPAssignedConnectionID, true, BadValue},
		},
		{
			"Pseudowire Capabilities List empty", sccrq + "8006 0000 003e",
			AVPError{SCCRQ, 0, AVPPseudowireCapabilities, true, BadLength},
		},
		{
			"Pseudowire Capabilities List odd", sccrq + "8009 0000 003e 000700",
			AVPError{SCCRQ, 0, AVPPseudowireCapabilities, true, BadLength},
		},
		{
			"Result Code of three octets", stopCCN + "8009 0000 0001 000200",
			AVPError{StopCCN, 0, AVPResultCode, true, BadLength},
		},
		{
			"Circuit Errors with five counters", wen + "801c 0000 0022 0000 0000000000000000000000000000000000000000",
			AVPError{WEN, 0, AVPCircuitErrors, true, BadLength},
		},
		{
			"HMAC-MD5 digest of 15 octets", hello + "8016 0000 003b 00 000000000000000000000000000000",
			AVPError{HELLO, 0, AVPMessageDigest, true, BadLength},
		},
		{
			"Message Digest without a type", hello + "8006 0000 003b",
			AVPError{HELLO, 0, AVPMessageDigest, true, BadLength},
		},
		{
			"two errors: the first is returned", icrq + "800a 0000 003f 00000000 8006 0000 03e7",
			AVPError{ICRQ, 0, AVPLocalSessionID, true, BadValue},
		},
		{
			"ignored AVP before the error", icrq + "0006 0000 03e7 800a 0000 003f 00000000",
			AVPError{ICRQ, 0, AVPLocalSessionID, true, BadValue},
		},

		{"AVP length 5, M bit clear", icrq + "0005 0000 000f", AVPError{ICRQ, 0, AVPSerialNumber, true, BadFraming}},
		{"AVP length beyond the message", icrq + "000b 0000 000f 00000001", AVPError{ICRQ, 0, AVPSerialNumber, true, BadFraming}},
		{"half an AVP header", icrq + "0006 00", AVPError{ICRQ, 0, 0, true, BadFraming}},
		{"first AVP badly framed", "8009 0000 0000 0001", AVPError{ZLB, 0, AVPMessageType, true, BadFraming}},

		{"Message Type not first", "800a 0000 003f 00000001" + icrq, AVPError{ZLB, 0, AVPLocalSessionID, true, NoMessageType}},
		{"Message Type hidden", "c008 0000 0000 0001", AVPError{ZLB, 0, AVPMessageType, true, HiddenForbidden}},
		{"Message Type of three octets", "0009 0000 0000 000100", AVPError{ZLB, 0, AVPMessageType, true, BadLength}},
		{"unknown type, M bit set", "8008 0000 0000 000d" + hello, AVPError{13, 0, AVPMessageType, true, UnknownMessageType}},
		{"unknown type, M bit clear", "0008 0000 0000 001d", AVPError{29, 0, AVPMessageType, false, UnknownMessageType}},
		{"the reserved type 0", "8008 0000 0000 0000", AVPError{ZLB, 0, AVPMessageType, true, UnknownMessageType}},
		{"vendor's type", "0008 0009 0000 0001", AVPError{ZLB, 9, AVPMessageType, false, UnknownMessageType}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m Message
			if err := m.Parse(message(t, test.avps), nil); !reflect.DeepEqual(err, error(&test.want)) {
				t.Errorf("%v, want %v", err, &test.want)
			}
		})
	}
}

// AVPs that RFC 3931 does not call errors are ignored even with the M bit set, because the M bit of
// a known AVP has no effect (section 5.2).
func TestParseIgnored(t *testing.T) {
	tests := []struct {
		name string
		avps string
		want AVPError
	}{
		{
			"not allowed in this message", scccn + "8009 0000 0007 706531",
			AVPError{SCCCN, 0, AVPHostName, false, Misplaced},
		},
		{
			"not allowed in this message, and malformed", scccn + "8009 0000 003f 706531",
			AVPError{SCCCN, 0, AVPLocalSessionID, false, Misplaced},
		},
		{
			"duplicate", icrq + "000a 0000 000f 00000001 800a 0000 000f 00000002",
			AVPError{ICRQ, 0, AVPSerialNumber, false, Duplicate},
		},
		{"second Message Type", icrq + cdn, AVPError{ICRQ, 0, AVPMessageType, false, Duplicate}},
		{
			"Extended Vendor ID", icrq + "800e 0000 003a 00012345 0001 0000",
			AVPError{ICRQ, 0, AVPExtendedVendorID, false, IgnoredVendor},
		},
		{
			"Message Digest not directly after the Message Type",
			icrq + "000a 0000 000f 00000001 8017 0000 003b 00 00000000000000000000000000000000",
			AVPError{ICRQ, 0, AVPMessageDigest, false, Misplaced},
		},
		{
			"two ignored AVPs: the first is reported", icrq + "8006 0000 003a 0006 0000 03e7",
			AVPError{ICRQ, 0, AVPExtendedVendorID, false, IgnoredVendor},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m Message
			if err := m.Parse(message(t, test.avps), nil); err != nil || m.Ignored != test.want {
				t.Errorf("%v, ignored %v; want %v", err, &m.Ignored, &test.want)
			}
		})
	}
	t.Run("first value is kept", func(t *testing.T) {
		var m Message
		_ = m.Parse(message(t, icrq+"000a 0000 000f 00000001 000a 0000 000f 00000002"), nil)
		if m.SerialNumber != 1 {
			t.Errorf("serial number %d, want 1", m.SerialNumber)
		}
	})
	t.Run("third Message Digest", func(t *testing.T) {
		const digest = "8017 0000 003b 00 00000000000000000000000000000000 "
		var m Message
		err := m.Parse(message(t, hello+digest+digest+digest), nil)
		if err != nil || m.NumDigests != 2 || m.Ignored.Problem != Misplaced {
			t.Errorf("%v, %d digests, ignored %v", err, m.NumDigests, &m.Ignored)
		}
	})
}

func TestParseLiberal(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		want func(m *Message) bool
	}{
		{
			"reserved bits of header and AVPs", // sections 3.2.1 and 5.1
			unhex(t, "fff30014 00000001 00000000"+"bc08 0000 0000 0006"),
			func(m *Message) bool { return m.Type == HELLO && m.ConnectionID == 1 },
		},
		{"M bits of known AVPs", message(t, icrq+"000a 0000 003f 00000007 800a 0000 000f 00000008"), func(m *Message) bool {
			return m.LocalSessionID == 7 && m.SerialNumber == 8
		}},
		{"CDN with Local Session ID 0", message(t, cdn+"800a 0000 003f 00000000"), func(m *Message) bool {
			return m.Has.Has(AVPLocalSessionID)
		}},
		{"StopCCN with Assigned Control Connection ID 0", message(t, stopCCN+"800a 0000 003d 00000000"), func(m *Message) bool {
			return m.Has.Has(AVPAssignedConnectionID)
		}},
		{"unassigned circuit status bits", message(t, icrq+"8008 0000 0047 ff81"), func(m *Message) bool {
			return m.CircuitStatus == CircuitActive
		}},
		{
			"Circuit Errors with the four counters of RFC 3931",
			message(t, wen+"0018 0000 0022 ffff 00000003 00000004 00000005 00000006"),
			func(m *Message) bool {
				return m.CircuitErrors == CircuitErrors{HardwareOverruns: 3, BufferOverruns: 4, Timeouts: 5, Alignment: 6}
			},
		},
		{
			"digest of an unknown type",
			message(t, hello+"8008 0000 003b 09 ff 8017 0000 003b 00 00000000000000000000000000000000"),
			func(m *Message) bool { return m.NumDigests == 2 && m.Digests[0].Type == 9 },
		},
		{"result code with error code and no text", message(t, cdn+"800a 0000 0001 0002 0000"), func(m *Message) bool {
			return m.Result.Code == 2 && m.Result.HasError && m.Result.Error == ErrorNone && len(m.Result.Message) == 0
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m Message
			if err := m.Parse(test.wire, nil); err != nil || m.Ignored.Problem != NoProblem || !test.want(&m) {
				t.Errorf("%v, ignored %v, message %+v", err, &m.Ignored, m)
			}
		})
	}
}

func TestParseHeaderErrors(t *testing.T) {
	tests := []struct {
		name string
		wire string
		want error
	}{
		{"valid", "c803 000c 00000001 0000 0000", nil},
		{"11 octets", "c803 000b 00000001 0000 00", ErrTruncated},
		{"data message", "0003 0000 00000001 0000 0000", ErrNotControl},
		{"L bit clear", "8803 000c 00000001 0000 0000", ErrNoLength},
		{"S bit clear", "c003 000c 00000001 0000 0000", ErrNoSequence},
		{"L2TPv2", "c802 000c 0001 0000 0000 0000", ErrVersion2},
		{"L2TPv2 data", "0002 0001 0001 0000 0000 0000", ErrNotControl},
		{"L2F", "c801 000c 00000001 0000 0000", ErrVersion},
		{"version 4", "c804 000c 00000001 0000 0000", ErrVersion},
		{"length 11", "c803 000b 00000001 0000 0000", ErrLength},
		{"length beyond the datagram", "c803 000d 00000001 0000 0000", ErrLength},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wire := unhex(t, test.wire)
			if _, _, err := ParseHeader(wire); err != test.want {
				t.Errorf("ParseHeader: %v, want %v", err, test.want)
			}
			var m Message
			if err := m.Parse(wire, nil); err != test.want {
				t.Errorf("Parse: %v, want %v", err, test.want)
			}
		})
	}
}

// RFC 3931, section 4.7.3: an SCCRQ of version 2 may be from a peer that supports both versions,
// and is then handled as one of version 3. AVPs of RFC 2661 in it are ignored.
func TestParseVersion2(t *testing.T) {
	const (
		v2 = "8008 0000 0002 0100 " + // Protocol Version
			"800a 0000 0003 00000003 " + // Framing Capabilities
			"8008 0000 0009 0001 " // Assigned Tunnel ID
		v3 = "8009 0000 0007 706531 " + // Host Name
			"000a 0000 003c c0000201 " + // Router ID
			"000a 0000 003d 5f1c22ab " + // Assigned Control Connection ID
			"0008 0000 003e 0007 " // Pseudowire Capabilities List
	)
	tests := []struct {
		name string
		avps string
		want error
	}{
		{"peer with both versions", sccrq + v2 + v3, nil},
		{"peer with L2TPv2 only", sccrq + v2 + "8009 0000 0007 706531", ErrVersion2},
		{"not an SCCRQ", hello, ErrVersion2},
		{"no AVPs", "", ErrVersion2},
		{
			"peer with both versions, and a vendor's AVP", sccrq + v2 + v3 + "8006 0009 0001",
			&AVPError{SCCRQ, 9, 1, true, UnknownAVP},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wire := message(t, test.avps)
			wire[1] = 2
			var m Message
			err := m.Parse(wire, nil)
			if !reflect.DeepEqual(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if m.Fallback != (err != ErrVersion2) {
				t.Errorf("Fallback %t with %v", m.Fallback, err)
			}
		})
	}
	t.Run("unknown AVPs of version 3", func(t *testing.T) {
		var m Message
		want := &AVPError{SCCRQ, 0, 2, true, UnknownAVP}
		if err := m.Parse(message(t, sccrq+v2+v3), nil); !reflect.DeepEqual(err, error(want)) || m.Fallback {
			t.Errorf("%v, want %v", err, want)
		}
	})
}

// Each message with all AVPs that RFC 3931, section 6, requires, and without one of them.
func TestMissing(t *testing.T) {
	setup := []AVPType{AVPHostName, AVPRouterID, AVPAssignedConnectionID, AVPPseudowireCapabilities}
	ids := []AVPType{AVPLocalSessionID, AVPRemoteSessionID}
	request := slices.Concat(ids, []AVPType{AVPSerialNumber, AVPPseudowireType, AVPRemoteEndID, AVPCircuitStatus})
	reply := slices.Concat(ids, []AVPType{AVPCircuitStatus})
	for _, test := range []struct {
		message  MessageType
		section  string
		required []AVPType
	}{
		{SCCRQ, "6.1", setup},
		{SCCRP, "6.2", setup},
		{SCCCN, "6.3", nil},
		{StopCCN, "6.4", []AVPType{AVPResultCode}},
		{HELLO, "6.5", nil},
		{ICRQ, "6.6", request},
		{ICRP, "6.7", reply},
		{ICCN, "6.8", ids},
		{OCRQ, "6.9", request},
		{OCRP, "6.10", reply},
		{OCCN, "6.11", ids},
		{CDN, "6.12", slices.Concat(ids, []AVPType{AVPResultCode})},
		{WEN, "6.13", slices.Concat(ids, []AVPType{AVPCircuitErrors})},
		{SLI, "6.14", ids},
		{ACK, "6.15", nil},
		{ZLB, "6.15", nil},
	} {
		all := AVPs(test.required...)
		m := Message{Type: test.message, Has: all}
		if avp, missing := m.Missing(); missing {
			t.Errorf("%v (section %s) with all required AVPs: %v is missing", test.message, test.section, avp)
		}
		for _, want := range test.required {
			m.Has = all
			m.Has.Remove(want)
			if avp, missing := m.Missing(); !missing || avp != want {
				t.Errorf("%v (section %s) without %v: %v, %t", test.message, test.section, want, avp, missing)
			}
		}
	}
}
