package dissect

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// formatters has, for each AVP, a function that returns its value in m as text. The Message Digest
// and the Random Vector have none: a message may have several of them, so formatAVP shows their
// octets.
var formatters = map[l2tp.AVPType]func(m *l2tp.Message) string{
	l2tp.AVPMessageType: func(m *l2tp.Message) string { return fmt.Sprintf("%s (%d)", m.Type, uint16(m.Type)) },
	l2tp.AVPNonce:       func(m *l2tp.Message) string { return hex.EncodeToString(m.Nonce) },
	l2tp.AVPResultCode:  func(m *l2tp.Message) string { return formatResult(m.Result, m.Type) },

	l2tp.AVPTieBreaker:           func(m *l2tp.Message) string { return fmt.Sprintf("0x%016x", m.TieBreaker) },
	l2tp.AVPHostName:             func(m *l2tp.Message) string { return formatText(m.HostName) },
	l2tp.AVPRouterID:             func(m *l2tp.Message) string { return formatRouterID(m.RouterID) },
	l2tp.AVPVendorName:           func(m *l2tp.Message) string { return formatText(m.VendorName) },
	l2tp.AVPAssignedConnectionID: func(m *l2tp.Message) string { return ID(m.AssignedConnectionID).String() },
	l2tp.AVPReceiveWindowSize:    func(m *l2tp.Message) string { return strconv.Itoa(int(m.ReceiveWindow)) },
	l2tp.AVPPseudowireCapabilities: func(m *l2tp.Message) string {
		var types []string
		for t := range m.Pseudowires.All() {
			types = append(types, t.String())
		}
		return strings.Join(types, ", ")
	},
	l2tp.AVPPreferredLanguage: func(m *l2tp.Message) string { return formatText(m.PreferredLanguage) },

	l2tp.AVPLocalSessionID:  func(m *l2tp.Message) string { return ID(m.LocalSessionID).String() },
	l2tp.AVPRemoteSessionID: func(m *l2tp.Message) string { return ID(m.RemoteSessionID).String() },
	l2tp.AVPAssignedCookie: func(m *l2tp.Message) string {
		if len(m.AssignedCookie) == 0 {
			return "no cookie"
		}
		return hex.EncodeToString(m.AssignedCookie)
	},
	l2tp.AVPSerialNumber:   func(m *l2tp.Message) string { return strconv.FormatUint(uint64(m.SerialNumber), 10) },
	l2tp.AVPRemoteEndID:    func(m *l2tp.Message) string { return formatEndID(m.RemoteEndID) },
	l2tp.AVPPseudowireType: func(m *l2tp.Message) string { return m.PseudowireType.String() },
	l2tp.AVPSublayer:       func(m *l2tp.Message) string { return m.Sublayer.String() },
	l2tp.AVPDataSequencing: func(m *l2tp.Message) string { return m.DataSequencing.String() },
	l2tp.AVPTxConnectSpeed: func(m *l2tp.Message) string { return formatSpeed(m.TxSpeed) },
	l2tp.AVPRxConnectSpeed: func(m *l2tp.Message) string { return formatSpeed(m.RxSpeed) },
	l2tp.AVPPhysicalChannelID: func(m *l2tp.Message) string {
		return strconv.FormatUint(uint64(m.PhysicalChannelID), 10)
	},
	l2tp.AVPCircuitStatus: func(m *l2tp.Message) string {
		return strings.ReplaceAll(m.CircuitStatus.String(), ",", ", ")
	},
	l2tp.AVPCircuitErrors: func(m *l2tp.Message) string {
		e := m.CircuitErrors
		return fmt.Sprintf("%d CRC, %d framing, %d hardware overruns, %d buffer overruns, %d timeouts, %d alignment",
			e.CRC, e.Framing, e.HardwareOverruns, e.BufferOverruns, e.Timeouts, e.Alignment)
	},
}

// formatAVP returns the value of the AVP a, which the codec has accepted, as text.
func formatAVP(m *l2tp.Message, a *l2tp.AVP) string {
	switch format := formatters[a.Type]; {
	case a.Type == l2tp.AVPMessageDigest:
		return l2tp.DigestType(a.Value[0]).String()
	case format == nil:
		return hex.EncodeToString(a.Value)
	default:
		return format(m)
	}
}

// formatResult returns the codes and their meaning (RFC 3931, section 5.4.2).
func formatResult(r l2tp.Result, t l2tp.MessageType) string {
	codes := fmt.Sprintf("result %d", r.Code)
	if r.HasError {
		codes += fmt.Sprintf(", error %d", uint16(r.Error))
	}
	return codes + ": " + r.Text(t)
}

func formatRouterID(id uint32) string {
	return netip.AddrFrom4([4]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}).String()
}

func formatSpeed(bitsPerSecond uint64) string {
	if bitsPerSecond == 0 {
		return "0 bit/s (unknown, or no physical link)"
	}
	return fmt.Sprintf("%d bit/s", bitsPerSecond)
}

// formatEndID shows 7 octets as a VPN-ID (RFC 2685), which is what l2tpvl puts into the Remote End
// ID AVP.
func formatEndID(id []byte) string {
	vpn, err := endid.FromOctets(id)
	switch {
	case err != nil:
		return formatText(id)
	case isText(id):
		return "VPN-ID " + vpn.String() + " (or text " + formatText(id) + ")"
	default:
		return "VPN-ID " + vpn.String()
	}
}

// formatText returns b as text in quotes if it is printable UTF-8, otherwise in hexadecimal.
func formatText(b []byte) string {
	if isText(b) {
		return strconv.Quote(string(b))
	}
	return hex.EncodeToString(b)
}

func isText(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) })
}
