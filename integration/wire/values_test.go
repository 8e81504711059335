package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// typeNames are tshark's names of the messages.
var typeNames = map[l2tp.MessageType]string{
	l2tp.SCCRQ:   "Start_Control_Request",
	l2tp.SCCRP:   "Start_Control_Reply",
	l2tp.SCCCN:   "Start_Control_Connected",
	l2tp.StopCCN: "Stop_Control_Notification",
	l2tp.HELLO:   "Hello",
	l2tp.OCRQ:    "Outgoing_Call_Request",
	l2tp.OCRP:    "Outgoing_Call_Reply",
	l2tp.OCCN:    "Outgoing_Call_Connected",
	l2tp.ICRQ:    "Incoming_Call_Request",
	l2tp.ICRP:    "Incoming_Call_Reply",
	l2tp.ICCN:    "Incoming_Call_Connected",
	l2tp.CDN:     "Call_Disconnect_Notification",
	l2tp.WEN:     "WAN_Error_Notify",
	l2tp.SLI:     "Set_Link_Info",
	l2tp.ACK:     "Explicit_Acknowledgement",
}

// value is a field that tshark finds in an AVP, and the value that it must show.
type value struct {
	name string
	want func(m *l2tp.Message) string
}

func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](name string, of func(m *l2tp.Message) T) value {
	return value{"l2tp." + name, func(m *l2tp.Message) string { return strconv.FormatUint(uint64(of(m)), 10) }}
}

func text(name string, of func(m *l2tp.Message) []byte) value {
	return value{"l2tp." + name, func(m *l2tp.Message) string { return string(of(m)) }}
}

func octets(name string, of func(m *l2tp.Message) []byte) value {
	return value{"l2tp." + name, func(m *l2tp.Message) string { return colons(of(m)) }}
}

// colons returns octets in tshark's format, such as 0a:0b:0c.
func colons(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":")
}

func flag(name string, bit l2tp.CircuitStatus) value {
	return value{"l2tp." + name, func(m *l2tp.Message) string {
		if m.CircuitStatus&bit != 0 {
			return "1"
		}
		return "0"
	}}
}

// values are the fields that tshark must show for each AVP. tshark reads the Remote End ID as text
// and shows nothing for a binary one; compareAVP compares its octets instead.
var values = map[l2tp.AVPType][]value{
	l2tp.AVPMessageType:  {number("avp.message_type", func(m *l2tp.Message) l2tp.MessageType { return m.Type })},
	l2tp.AVPNonce:        {octets("avp.nonce", func(m *l2tp.Message) []byte { return m.Nonce })},
	l2tp.AVPRandomVector: {octets("avp.random_vector", func(m *l2tp.Message) []byte { return m.RandomVector })},
	l2tp.AVPResultCode: {
		number("result_code", func(m *l2tp.Message) uint16 { return m.Result.Code }),
		number("avp.error_code", func(m *l2tp.Message) l2tp.ErrorCode { return m.Result.Error }),
		text("avp.error_message", func(m *l2tp.Message) []byte { return m.Result.Message }),
	},
	l2tp.AVPTieBreaker: {value{"l2tp.tie_breaker", func(m *l2tp.Message) string {
		return fmt.Sprintf("0x%016x", m.TieBreaker)
	}}},
	l2tp.AVPHostName:             {text("avp.host_name", func(m *l2tp.Message) []byte { return m.HostName })},
	l2tp.AVPRouterID:             {number("avp.router_id", func(m *l2tp.Message) uint32 { return m.RouterID })},
	l2tp.AVPVendorName:           {text("avp.vendor_name", func(m *l2tp.Message) []byte { return m.VendorName })},
	l2tp.AVPAssignedConnectionID: {number("avp.assigned_control_conn_id", func(m *l2tp.Message) uint32 { return m.AssignedConnectionID })},
	l2tp.AVPReceiveWindowSize:    {number("avp.receive_window_size", func(m *l2tp.Message) uint16 { return m.ReceiveWindow })},
	l2tp.AVPPseudowireCapabilities: {
		value{"l2tp.avp.pw_type", func(*l2tp.Message) string { return "7 5" }}, // PPP, Ethernet
	},
	l2tp.AVPPreferredLanguage: {text("avp.preferred_language", func(m *l2tp.Message) []byte { return m.PreferredLanguage })},
	l2tp.AVPLocalSessionID:    {number("avp.local_session_id", func(m *l2tp.Message) uint32 { return m.LocalSessionID })},
	l2tp.AVPRemoteSessionID:   {number("avp.remote_session_id", func(m *l2tp.Message) uint32 { return m.RemoteSessionID })},
	l2tp.AVPAssignedCookie:    {octets("avp.assigned_cookie", func(m *l2tp.Message) []byte { return m.AssignedCookie })},
	l2tp.AVPSerialNumber:      {number("avp.call_serial_number", func(m *l2tp.Message) uint32 { return m.SerialNumber })},
	l2tp.AVPRemoteEndID:       {value{"l2tp.avp.remote_end_id", func(*l2tp.Message) string { return "" }}},
	l2tp.AVPPseudowireType:    {number("avp.pseudowire_type", func(m *l2tp.Message) l2tp.PseudowireType { return m.PseudowireType })},
	l2tp.AVPSublayer:          {number("avp.layer2_specific_sublayer", func(m *l2tp.Message) l2tp.Sublayer { return m.Sublayer })},
	l2tp.AVPDataSequencing:    {number("avp.data_sequencing", func(m *l2tp.Message) l2tp.DataSequencing { return m.DataSequencing })},
	l2tp.AVPTxConnectSpeed:    {number("avp.tx_connect_speed_v3", func(m *l2tp.Message) uint64 { return m.TxSpeed })},
	l2tp.AVPRxConnectSpeed:    {number("avp.rx_connect_speed_v3", func(m *l2tp.Message) uint64 { return m.RxSpeed })},
	l2tp.AVPPhysicalChannelID: {number("avp.physical_channel", func(m *l2tp.Message) uint32 { return m.PhysicalChannelID })},
	l2tp.AVPCircuitStatus: {
		flag("avp.circuit_status", l2tp.CircuitActive),
		flag("avp.circuit_type", l2tp.CircuitNew),
	},
	l2tp.AVPCircuitErrors: {
		number("avp.crc_errors", func(m *l2tp.Message) uint32 { return m.CircuitErrors.CRC }),
		number("avp.framing_errors", func(m *l2tp.Message) uint32 { return m.CircuitErrors.Framing }),
		number("avp.hardware_overruns", func(m *l2tp.Message) uint32 { return m.CircuitErrors.HardwareOverruns }),
		number("avp.buffer_overruns", func(m *l2tp.Message) uint32 { return m.CircuitErrors.BufferOverruns }),
		number("avp.time_out_errors", func(m *l2tp.Message) uint32 { return m.CircuitErrors.Timeouts }),
		number("avp.alignment_errors", func(m *l2tp.Message) uint32 { return m.CircuitErrors.Alignment }),
	},
}
