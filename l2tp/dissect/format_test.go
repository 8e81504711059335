package dissect

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

func TestFormatAVP(t *testing.T) {
	for _, test := range []struct {
		avp  l2tp.AVPType
		m    l2tp.Message
		want string
	}{
		{l2tp.AVPMessageType, l2tp.Message{Type: l2tp.SLI}, "SLI (16)"},
		{l2tp.AVPNonce, l2tp.Message{Nonce: []byte{0xab, 1}}, "ab01"},
		{
			l2tp.AVPResultCode,
			l2tp.Message{Type: l2tp.StopCCN, Result: l2tp.Result{Code: 6}},
			"result 6: requester is being shut down",
		},
		{
			l2tp.AVPResultCode,
			l2tp.Message{Type: l2tp.CDN, Result: l2tp.Result{Code: 2, HasError: true, Error: 5, Message: []byte("7")}},
			`result 2, error 5: general error: invalid Session ID ("7")`,
		},
		{l2tp.AVPTieBreaker, l2tp.Message{TieBreaker: 1}, "0x0000000000000001"},
		{l2tp.AVPHostName, l2tp.Message{HostName: []byte("pe1")}, `"pe1"`},
		{l2tp.AVPHostName, l2tp.Message{HostName: []byte("pe\x1b")}, "70651b"},
		{l2tp.AVPHostName, l2tp.Message{HostName: []byte{0xff}}, "ff"},
		{l2tp.AVPRouterID, l2tp.Message{RouterID: 0xc0000201}, "192.0.2.1"},
		{l2tp.AVPVendorName, l2tp.Message{VendorName: []byte("Müller")}, `"Müller"`},
		{l2tp.AVPAssignedConnectionID, l2tp.Message{AssignedConnectionID: 0xa}, "0x0000000a"},
		{l2tp.AVPReceiveWindowSize, l2tp.Message{ReceiveWindow: 16}, "16"},
		{
			l2tp.AVPPseudowireCapabilities,
			l2tp.Message{Pseudowires: l2tp.Pseudowires(l2tp.PseudowirePPP, l2tp.PseudowireEthernet, 99)},
			"PPP, Ethernet, pseudowire type 99",
		},
		{l2tp.AVPPreferredLanguage, l2tp.Message{PreferredLanguage: []byte("en")}, `"en"`},
		{l2tp.AVPLocalSessionID, l2tp.Message{LocalSessionID: 1}, "0x00000001"},
		{l2tp.AVPRemoteSessionID, l2tp.Message{RemoteSessionID: 2}, "0x00000002"},
		{l2tp.AVPAssignedCookie, l2tp.Message{AssignedCookie: []byte{1, 2, 3, 4}}, "01020304"},
		{l2tp.AVPAssignedCookie, l2tp.Message{}, "no cookie"},
		{l2tp.AVPSerialNumber, l2tp.Message{SerialNumber: 42}, "42"},
		{l2tp.AVPRemoteEndID, l2tp.Message{RemoteEndID: []byte{0, 0, 0x5e, 0, 0, 0, 7}}, "VPN-ID 00005e:00000007"},
		{l2tp.AVPRemoteEndID, l2tp.Message{RemoteEndID: []byte("siteone")}, `VPN-ID 736974:656f6e65 (or text "siteone")`},
		{l2tp.AVPRemoteEndID, l2tp.Message{RemoteEndID: []byte("circuit 12")}, `"circuit 12"`},
		{l2tp.AVPPseudowireType, l2tp.Message{PseudowireType: l2tp.PseudowirePPP}, "PPP"},
		{l2tp.AVPSublayer, l2tp.Message{Sublayer: l2tp.SublayerDefault}, "default"},
		{l2tp.AVPDataSequencing, l2tp.Message{DataSequencing: l2tp.SequenceNonIP}, "non-IP"},
		{l2tp.AVPTxConnectSpeed, l2tp.Message{TxSpeed: 1_000_000_000}, "1000000000 bit/s"},
		{l2tp.AVPRxConnectSpeed, l2tp.Message{}, "0 bit/s (unknown, or no physical link)"},
		{l2tp.AVPPhysicalChannelID, l2tp.Message{PhysicalChannelID: 9}, "9"},
		{
			l2tp.AVPCircuitStatus,
			l2tp.Message{CircuitStatus: l2tp.CircuitReceiveFault | l2tp.CircuitStandby},
			"inactive, receive fault, standby",
		},
		{
			l2tp.AVPCircuitErrors,
			l2tp.Message{CircuitErrors: l2tp.CircuitErrors{
				CRC: 1, Framing: 2, HardwareOverruns: 3, BufferOverruns: 4, Timeouts: 5, Alignment: 6,
			}},
			"1 CRC, 2 framing, 3 hardware overruns, 4 buffer overruns, 5 timeouts, 6 alignment",
		},
	} {
		if got := formatAVP(&test.m, &l2tp.AVP{Type: test.avp}); got != test.want {
			t.Errorf("%s: %q, want %q", test.avp, got, test.want)
		}
	}
}

// Every AVP that the codec accepts has a formatter, except those that are shown as octets.
func TestEveryAVPHasAFormatter(t *testing.T) {
	for avp := range l2tp.AVPType(100) {
		_, found := formatters[avp]
		switch avp {
		case l2tp.AVPMessageDigest, l2tp.AVPRandomVector, l2tp.AVPExtendedVendorID:
			found = true
		}
		if known := avp.String() != avp.Name(); known && !found {
			t.Errorf("no formatter for the %s", avp)
		}
	}
}
