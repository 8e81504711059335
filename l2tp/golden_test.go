package l2tp

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// unhex decodes lines of hexadecimal digits, in which "--" begins a comment.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "--")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// golden is a message and its octets, which were computed by hand from RFC 3931, sections 3.2.1,
// 5.1 and 5.4.
type golden struct {
	name    string
	message Message
	wire    string
}

var goldens = []golden{
	{
		name: "SCCRQ with all AVPs",
		message: Message{
			Type: SCCRQ,
			Has: AVPs(AVPMessageType, AVPMessageDigest, AVPNonce, AVPTieBreaker, AVPHostName, AVPRouterID,
				AVPVendorName, AVPAssignedConnectionID, AVPReceiveWindowSize, AVPPseudowireCapabilities, AVPPreferredLanguage),
			NumDigests:           1,
			Digests:              [2]Digest{{DigestHMACMD5, make([]byte, 16)}},
			Nonce:                []byte("0123456789abcdef"),
			TieBreaker:           0x0102030405060708,
			HostName:             []byte("pe1"),
			RouterID:             0xc0000201,
			VendorName:           []byte("l2tpvl"),
			AssignedConnectionID: 0x5f1c22ab,
			ReceiveWindow:        16,
			Pseudowires:          Pseudowires(PseudowirePPP),
			PreferredLanguage:    []byte("en"),
		},
		wire: `
			c803 0090 00000000 0000 0000        -- T, L, S, version 3; length 144; no ID yet; Ns 0, Nr 0
			8008 0000 0000 0001                 -- Message Type: SCCRQ
			8017 0000 003b 00                   -- Message Digest: HMAC-MD5
			  00000000 00000000 00000000 00000000
			8016 0000 0049                      -- Control Message Authentication Nonce
			  30313233 34353637 38396162 63646566
			800e 0000 0005 01020304 05060708    -- Control Connection Tie Breaker
			8009 0000 0007 706531               -- Host Name: pe1
			800a 0000 003c c0000201             -- Router ID: 192.0.2.1
			000c 0000 0008 6c327470766c         -- Vendor Name: l2tpvl
			800a 0000 003d 5f1c22ab             -- Assigned Control Connection ID
			8008 0000 000a 0010                 -- Receive Window Size: 16
			8008 0000 003e 0007                 -- Pseudowire Capabilities List: PPP
			0008 0000 0048 656e                 -- Preferred Language: en`,
	},
	{
		name: "SCCRP",
		message: Message{
			Header: Header{ConnectionID: 0x5f1c22ab, Ns: 0, Nr: 1},
			Type:   SCCRP,
			Has: AVPs(AVPMessageType, AVPNonce, AVPHostName, AVPRouterID, AVPAssignedConnectionID,
				AVPReceiveWindowSize, AVPPseudowireCapabilities),
			Nonce:                []byte("ABCDEFGH"),
			HostName:             []byte("pe2"),
			RouterID:             0xc0000202,
			AssignedConnectionID: 0x0911e0d3,
			ReceiveWindow:        4,
			Pseudowires:          Pseudowires(PseudowireEthernet, PseudowirePPP),
		},
		wire: `
			c803 0051 5f1c22ab 0000 0001
			8008 0000 0000 0002                 -- Message Type: SCCRP
			800e 0000 0049 41424344 45464748    -- Control Message Authentication Nonce
			8009 0000 0007 706532               -- Host Name: pe2
			800a 0000 003c c0000202             -- Router ID: 192.0.2.2
			800a 0000 003d 0911e0d3             -- Assigned Control Connection ID
			8008 0000 000a 0004                 -- Receive Window Size: 4
			800a 0000 003e 0005 0007            -- Pseudowire Capabilities List: Ethernet, PPP`,
	},
	{
		name: "SCCCN",
		message: Message{
			Header: Header{ConnectionID: 0x0911e0d3, Ns: 1, Nr: 1},
			Type:   SCCCN, Has: AVPs(AVPMessageType),
		},
		wire: `c803 0014 0911e0d3 0001 0001
			8008 0000 0000 0003                 -- Message Type: SCCCN`,
	},
	{
		name: "StopCCN without an error code",
		message: Message{
			Header:               Header{ConnectionID: 0x0911e0d3, Ns: 65535, Nr: 9},
			Type:                 StopCCN,
			Has:                  AVPs(AVPMessageType, AVPResultCode, AVPAssignedConnectionID),
			Result:               Result{Code: uint16(StopShuttingDown)},
			AssignedConnectionID: 0x5f1c22ab,
		},
		wire: `
			c803 0026 0911e0d3 ffff 0009
			8008 0000 0000 0004                 -- Message Type: StopCCN
			8008 0000 0001 0006                 -- Result Code: requester is being shut down
			800a 0000 003d 5f1c22ab             -- Assigned Control Connection ID`,
	},
	{
		name: "HELLO",
		message: Message{
			Header: Header{ConnectionID: 0x0911e0d3, Ns: 7, Nr: 8},
			Type:   HELLO, Has: AVPs(AVPMessageType),
		},
		wire: `c803 0014 0911e0d3 0007 0008
			8008 0000 0000 0006                 -- Message Type: HELLO`,
	},
	{
		name: "ACK with two digests",
		message: Message{
			Header:     Header{ConnectionID: 0x0911e0d3, Ns: 2, Nr: 3},
			Type:       ACK,
			Has:        AVPs(AVPMessageType, AVPMessageDigest),
			NumDigests: 2,
			Digests:    [2]Digest{{DigestHMACSHA1, make([]byte, 20)}, {DigestHMACMD5, make([]byte, 16)}},
		},
		wire: `
			c803 0046 0911e0d3 0002 0003
			8008 0000 0000 0014                 -- Message Type: ACK
			801b 0000 003b 01                   -- Message Digest: HMAC-SHA-1
			  00000000 00000000 00000000 00000000 00000000
			8017 0000 003b 00                   -- Message Digest: HMAC-MD5
			  00000000 00000000 00000000 00000000`,
	},
	{
		name:    "ZLB",
		message: Message{Header: Header{ConnectionID: 0x0911e0d3, Ns: 2, Nr: 3}},
		wire:    `c803 000c 0911e0d3 0002 0003`,
	},
	{
		name: "ICRQ with all AVPs",
		message: Message{
			Header: Header{ConnectionID: 0x0911e0d3, Ns: 2, Nr: 1},
			Type:   ICRQ,
			Has: AVPs(AVPMessageType, AVPTieBreaker, AVPLocalSessionID, AVPRemoteSessionID, AVPAssignedCookie,
				AVPSerialNumber, AVPRemoteEndID, AVPPseudowireType, AVPSublayer, AVPDataSequencing,
				AVPTxConnectSpeed, AVPRxConnectSpeed, AVPPhysicalChannelID, AVPCircuitStatus),
			TieBreaker:        0x1112131415161718,
			LocalSessionID:    0x000003e9,
			AssignedCookie:    []byte{0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8},
			SerialNumber:      42,
			RemoteEndID:       []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01},
			PseudowireType:    PseudowirePPP,
			Sublayer:          SublayerDefault,
			DataSequencing:    SequenceNonIP,
			TxSpeed:           10_000_000_000,
			RxSpeed:           1_000_000_000,
			PhysicalChannelID: 9,
			CircuitStatus:     CircuitActive | CircuitNew,
		},
		wire: `
			c803 00a1 0911e0d3 0002 0001
			8008 0000 0000 000a                 -- Message Type: ICRQ
			800e 0000 0005 11121314 15161718    -- Session Tie Breaker
			800a 0000 003f 000003e9             -- Local Session ID: 1001
			800a 0000 0040 00000000             -- Remote Session ID: unknown yet
			800e 0000 0041 a1a2a3a4 a5a6a7a8    -- Assigned Cookie
			000a 0000 000f 0000002a             -- Serial Number: 42
			800d 0000 0042 00005e 00000001      -- Remote End ID: VPN-ID 00005e:00000001
			8008 0000 0044 0007                 -- Pseudowire Type: PPP
			8008 0000 0045 0001                 -- L2-Specific Sublayer: default
			8008 0000 0046 0001                 -- Data Sequencing: non-IP
			000e 0000 004a 00000002 540be400    -- Tx Connect Speed: 10^10
			000e 0000 004b 00000000 3b9aca00    -- Rx Connect Speed: 10^9
			000a 0000 0019 00000009             -- Physical Channel ID: 9
			8008 0000 0047 0003                 -- Circuit Status: new, active`,
	},
	{
		name: "ICRP",
		message: Message{
			Header: Header{ConnectionID: 0x5f1c22ab, Ns: 1, Nr: 3},
			Type:   ICRP,
			Has: AVPs(AVPMessageType, AVPMessageDigest, AVPLocalSessionID, AVPRemoteSessionID,
				AVPAssignedCookie, AVPCircuitStatus),
			NumDigests:      1,
			Digests:         [2]Digest{{DigestHMACSHA1, []byte("....................")}},
			LocalSessionID:  0x000007d2,
			RemoteSessionID: 0x000003e9,
			AssignedCookie:  []byte{0xb1, 0xb2, 0xb3, 0xb4},
			CircuitStatus:   CircuitActive,
		},
		wire: `
			c803 0055 5f1c22ab 0001 0003
			8008 0000 0000 000b                 -- Message Type: ICRP
			801b 0000 003b 01                   -- Message Digest: HMAC-SHA-1
			  2e2e2e2e 2e2e2e2e 2e2e2e2e 2e2e2e2e 2e2e2e2e
			800a 0000 003f 000007d2             -- Local Session ID: 2002
			800a 0000 0040 000003e9             -- Remote Session ID: 1001
			800a 0000 0041 b1b2b3b4             -- Assigned Cookie
			8008 0000 0047 0001                 -- Circuit Status: active`,
	},
	{
		name: "ICCN",
		message: Message{
			Header:          Header{ConnectionID: 0x0911e0d3, Ns: 3, Nr: 2},
			Type:            ICCN,
			Has:             AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitStatus),
			LocalSessionID:  0x000003e9,
			RemoteSessionID: 0x000007d2,
			CircuitStatus:   CircuitReceiveFault | CircuitStandby,
		},
		wire: `
			c803 0030 0911e0d3 0003 0002
			8008 0000 0000 000c                 -- Message Type: ICCN
			800a 0000 003f 000003e9             -- Local Session ID
			800a 0000 0040 000007d2             -- Remote Session ID
			8008 0000 0047 0044                 -- Circuit Status: standby, receive fault (RFC 5641)`,
	},
	{
		name: "OCRQ",
		message: Message{
			Header: Header{ConnectionID: 0x0911e0d3, Ns: 4, Nr: 2},
			Type:   OCRQ,
			Has: AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPAssignedCookie, AVPSerialNumber,
				AVPRemoteEndID, AVPPseudowireType, AVPCircuitStatus),
			LocalSessionID: 0x000003ea,
			AssignedCookie: []byte{},
			SerialNumber:   43,
			RemoteEndID:    []byte("x"),
			PseudowireType: PseudowireEthernet,
			CircuitStatus:  CircuitActive,
		},
		wire: `
			c803 004f 0911e0d3 0004 0002
			8008 0000 0000 0007                 -- Message Type: OCRQ
			800a 0000 003f 000003ea             -- Local Session ID
			800a 0000 0040 00000000             -- Remote Session ID
			8006 0000 0041                      -- Assigned Cookie: empty, no cookie
			000a 0000 000f 0000002b             -- Serial Number
			8007 0000 0042 78                   -- Remote End ID: x
			8008 0000 0044 0005                 -- Pseudowire Type: Ethernet
			8008 0000 0047 0001                 -- Circuit Status: active`,
	},
	{
		name: "OCRP",
		message: Message{
			Header: Header{ConnectionID: 0x5f1c22ab, Ns: 2, Nr: 5},
			Type:   OCRP,
			Has: AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPPhysicalChannelID,
				AVPCircuitStatus),
			LocalSessionID: 0x000007d3, RemoteSessionID: 0x000003ea, PhysicalChannelID: 1,
		},
		wire: `
			c803 003a 5f1c22ab 0002 0005
			8008 0000 0000 0008                 -- Message Type: OCRP
			800a 0000 003f 000007d3             -- Local Session ID
			800a 0000 0040 000003ea             -- Remote Session ID
			000a 0000 0019 00000001             -- Physical Channel ID
			8008 0000 0047 0000                 -- Circuit Status: inactive`,
	},
	{
		name: "OCCN",
		message: Message{
			Header:         Header{ConnectionID: 0x5f1c22ab, Ns: 3, Nr: 5},
			Type:           OCCN,
			Has:            AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPDataSequencing),
			LocalSessionID: 0x000007d3, RemoteSessionID: 0x000003ea, DataSequencing: SequenceAll,
		},
		wire: `
			c803 0030 5f1c22ab 0003 0005
			8008 0000 0000 0009                 -- Message Type: OCCN
			800a 0000 003f 000007d3             -- Local Session ID
			800a 0000 0040 000003ea             -- Remote Session ID
			8008 0000 0046 0002                 -- Data Sequencing: all`,
	},
	{
		name: "CDN with error code and text, and no session ID assigned",
		message: Message{
			Header: Header{ConnectionID: 0x5f1c22ab, Ns: 4, Nr: 6},
			Type:   CDN,
			Has:    AVPs(AVPMessageType, AVPResultCode, AVPLocalSessionID, AVPRemoteSessionID),
			Result: Result{
				Code: uint16(CDNGeneralError), Error: ErrorValue, HasError: true, Message: []byte("no such VPN"),
			},
			RemoteSessionID: 0x000003e9,
		},
		wire: `
			c803 003d 5f1c22ab 0004 0006
			8008 0000 0000 000e                 -- Message Type: CDN
			8015 0000 0001 0002 0003            -- Result Code: general error, value out of range
			  6e6f20737563682056504e            -- no such VPN
			800a 0000 003f 00000000             -- Local Session ID: none was assigned
			800a 0000 0040 000003e9             -- Remote Session ID`,
	},
	{
		name: "WEN",
		message: Message{
			Header:         Header{ConnectionID: 0x5f1c22ab, Ns: 5, Nr: 6},
			Type:           WEN,
			Has:            AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitErrors),
			LocalSessionID: 0x000007d3, RemoteSessionID: 0x000003ea,
			CircuitErrors: CircuitErrors{
				CRC: 1, Framing: 2, HardwareOverruns: 3, BufferOverruns: 4, Timeouts: 5, Alignment: 6,
			},
		},
		wire: `
			c803 0048 5f1c22ab 0005 0006
			8008 0000 0000 000f                 -- Message Type: WEN
			800a 0000 003f 000007d3             -- Local Session ID
			800a 0000 0040 000003ea             -- Remote Session ID
			0020 0000 0022 0000                 -- Circuit Errors: length 32, reserved
			  00000001 00000002 00000003 00000004 00000005 00000006`,
	},
	{
		name: "SLI",
		message: Message{
			Header:         Header{ConnectionID: 0x5f1c22ab, Ns: 6, Nr: 6},
			Type:           SLI,
			Has:            AVPs(AVPMessageType, AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitStatus),
			LocalSessionID: 0x000007d3, RemoteSessionID: 0x000003ea,
		},
		wire: `
			c803 0030 5f1c22ab 0006 0006
			8008 0000 0000 0010                 -- Message Type: SLI
			800a 0000 003f 000007d3             -- Local Session ID
			800a 0000 0040 000003ea             -- Remote Session ID
			8008 0000 0047 0000                 -- Circuit Status: inactive`,
	},
}

func TestGoldenAppend(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			want := append([]byte("before"), unhex(t, g.wire)...)
			got, err := Append([]byte("before"), &g.message)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("Append:\n got %x\nwant %x", got, want)
			}
		})
	}
}

func TestGoldenParse(t *testing.T) {
	var m Message // reused, to check that Parse overwrites all of it
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			// Octets beyond the Length in the header are not part of the message.
			wire := append(unhex(t, g.wire), 0xff, 0xff)
			if err := m.Parse(wire, nil); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m, g.message) {
				t.Errorf("Parse:\n got %+v\nwant %+v", m, g.message)
			}
			if avp, missing := m.Missing(); missing {
				t.Errorf("Missing: %v", avp)
			}
		})
	}
}

// A datagram that is cut short at any octet has a wrong Length. If its Length is corrected, it is
// either a message with fewer AVPs, or has a badly framed AVP.
func TestGoldenTruncated(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			whole := unhex(t, g.wire)
			boundary := map[int]bool{}
			for rest := whole[HeaderLen:]; ; {
				boundary[len(whole)-len(rest)] = true
				if len(rest) == 0 {
					break
				}
				rest = rest[int(rest[0]&3)<<8|int(rest[1]):]
			}
			var m Message
			for n := range len(whole) {
				cut := bytes.Clone(whole[:n])
				want := error(ErrLength)
				if n < HeaderLen {
					want = ErrTruncated
				}
				if err := m.Parse(cut, nil); err != want {
					t.Fatalf("first %d octets: %v, want %v", n, err, want)
				}
				if n < HeaderLen {
					continue
				}
				cut[2], cut[3] = byte(n>>8), byte(n)
				err := m.Parse(cut, nil)
				if boundary[n] {
					if err != nil {
						t.Fatalf("message of %d octets: %v", n, err)
					}
					continue
				}
				if e, ok := err.(*AVPError); !ok || e.Problem != BadFraming || !e.Mandatory {
					t.Fatalf("message of %d octets: %v, want bad framing", n, err)
				}
			}
		})
	}
}
