// Package tshark reads captures of the provider network with Wireshark's dissector, for tests: it
// checks every octet that l2tpvl sends with an independent implementation of the same RFCs. Read
// returns the frames of a capture, and Problems what is wrong with them.
package tshark

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Options tell tshark how to dissect L2TP.
type Options struct {
	// Port is the UDP port of L2TP.
	Port uint16

	// Secret is the shared secret for verifying message digests. If it is empty, tshark does not
	// verify them.
	Secret string
}

// Frame is one UDP datagram to or from the port of L2TP, as tshark dissects it.
type Frame struct {
	// Number is the number of the frame in the capture, from 1.
	Number int

	// Source and Destination are those of the outer packet.
	Source, Destination netip.AddrPort

	// Length is the length of the outer IP packet in octets.
	Length int

	// Fragment is set if the outer packet is a fragment.
	Fragment bool

	// Payload is the payload of the datagram.
	Payload []byte

	// Protocols are the protocols that tshark has found, from the outermost, "eth", to the
	// innermost.
	Protocols []string

	// Type is the message type of a control message. HasType is false in a data message and in a
	// ZLB.
	Type    l2tp.MessageType
	HasType bool

	// HostName, ResultCode and ErrorMessage are from AVPs of a control message, and zero if it does
	// not have them.
	HostName     string
	ResultCode   uint16
	ErrorMessage string

	// ConnectionID is from the header of a control message. AssignedConnectionID, LocalSessionID
	// and RemoteSessionID are from its AVPs, and 0 if it does not have them.
	ConnectionID, AssignedConnectionID, LocalSessionID, RemoteSessionID uint32

	// SessionID is the session ID of a data message, 0 in a control message.
	SessionID uint32

	// PPPCode is the Code of a PPP control packet (RFC 1661, section 5), 0 in all other frames.
	PPPCode uint8

	// IncorrectDigest is set if the message digest does not match the secret.
	IncorrectDigest bool

	// Expert are the expert infos that tshark has added, such as "Malformed Packet".
	Expert []Expert
}

// Expert is an expert info of tshark.
type Expert struct {
	Severity uint32
	Message  string
}

// Severities of expert infos.
const (
	SeverityWarn  = 0x600000
	SeverityError = 0x800000
)

// fields are the fields that tshark prints for each frame, in this order. set stores the values of
// one in a Frame.
var fields = []struct {
	name string
	set  func(f *Frame, values []string) error
}{
	{"frame.number", func(f *Frame, v []string) error { return parseInt(&f.Number, v[0]) }},
	{"frame.protocols", func(f *Frame, v []string) error { f.Protocols = strings.Split(v[0], ":"); return nil }},
	{"ip.src", func(f *Frame, v []string) error { return parseAddr(&f.Source, v[0]) }},
	{"ip.dst", func(f *Frame, v []string) error { return parseAddr(&f.Destination, v[0]) }},
	{"udp.srcport", func(f *Frame, v []string) error { return parsePort(&f.Source, v[0]) }},
	{"udp.dstport", func(f *Frame, v []string) error { return parsePort(&f.Destination, v[0]) }},
	{"ip.len", func(f *Frame, v []string) error { return parseInt(&f.Length, v[0]) }},
	{"ip.flags.mf", func(f *Frame, v []string) error { f.Fragment = f.Fragment || v[0] == "1"; return nil }},
	{"ip.frag_offset", func(f *Frame, v []string) error { f.Fragment = f.Fragment || v[0] != "0"; return nil }},
	{"udp.payload", func(f *Frame, v []string) (err error) { f.Payload, err = hex.DecodeString(v[0]); return err }},
	{"l2tp.avp.message_type", func(f *Frame, v []string) error { f.HasType = true; return parseInt(&f.Type, v[0]) }},
	{"l2tp.avp.host_name", func(f *Frame, v []string) error { f.HostName = v[0]; return nil }},
	{"l2tp.result_code", func(f *Frame, v []string) error { return parseInt(&f.ResultCode, v[0]) }},
	{"l2tp.avp.error_message", func(f *Frame, v []string) error { f.ErrorMessage = v[0]; return nil }},
	{"l2tp.ccid", func(f *Frame, v []string) error { return parseInt(&f.ConnectionID, v[0]) }},
	{"l2tp.avp.assigned_control_conn_id", func(f *Frame, v []string) error { return parseInt(&f.AssignedConnectionID, v[0]) }},
	{"l2tp.avp.local_session_id", func(f *Frame, v []string) error { return parseInt(&f.LocalSessionID, v[0]) }},
	{"l2tp.avp.remote_session_id", func(f *Frame, v []string) error { return parseInt(&f.RemoteSessionID, v[0]) }},
	{"l2tp.sid", func(f *Frame, v []string) error { return parseInt(&f.SessionID, v[0]) }},
	{"ppp.code", func(f *Frame, v []string) error { return parseInt(&f.PPPCode, v[0]) }},
	{"l2tp.incorrect_digest", func(f *Frame, _ []string) error { f.IncorrectDigest = true; return nil }},
	{"_ws.expert.severity", func(f *Frame, v []string) error {
		f.Expert = make([]Expert, len(v))
		for i := range v {
			if err := parseInt(&f.Expert[i].Severity, v[i]); err != nil {
				return err
			}
		}
		return nil
	}},
	{"_ws.expert.message", func(f *Frame, v []string) error {
		for i := range min(len(v), len(f.Expert)) {
			f.Expert[i].Message = v[i]
		}
		return nil
	}},
}

// Separators between the fields of a frame, and between the values of a field that occurs several
// times. Neither occurs in a value.
const (
	fieldSeparator = "\x1f"
	valueSeparator = "\x1e"
)

// read dissects a capture file with tshark, without splitting it.
func read(ctx context.Context, file string, o Options) ([]Frame, error) {
	args := []string{"-T", "fields", "-E", "separator=" + fieldSeparator, "-E", "aggregator=" + valueSeparator}
	for _, f := range fields {
		args = append(args, "-e", f.name)
	}
	out, err := o.run(ctx, file, fmt.Sprintf("udp.port == %d || ip.flags.mf || ip.frag_offset > 0", o.Port), args...)
	if err != nil {
		return nil, err
	}
	var frames []Frame
	for line := range strings.Lines(string(out)) {
		f, err := parseFrame(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("unexpected output of tshark for %s: %w: %q", file, err, line)
		}
		if f.isDatagram() || f.Fragment {
			frames = append(frames, f)
		}
	}
	return frames, nil
}

// run runs tshark on a file with a display filter and returns its output.
func (o Options) run(ctx context.Context, file, filter string, args ...string) ([]byte, error) {
	args = append([]string{
		"-r", file,
		"-d", fmt.Sprintf("udp.port==%d,l2tp", o.Port),
		"-o", "l2tp.shared_secret:" + o.Secret,
		"-o", "ip.defragment:FALSE",
		"--disable-protocol", "tcp", // do not dissect what users carry over TCP
		"-Y", filter,
	}, args...)
	cmd := exec.CommandContext(ctx, "tshark", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark on %s: %w: %s", file, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

func parseFrame(line string) (Frame, error) {
	var f Frame
	columns := strings.Split(line, fieldSeparator)
	if len(columns) != len(fields) {
		return f, fmt.Errorf("got %d columns, want %d", len(columns), len(fields))
	}
	for i, field := range fields {
		if columns[i] == "" {
			continue
		}
		if err := field.set(&f, strings.Split(columns[i], valueSeparator)); err != nil {
			return f, fmt.Errorf("%s: %w", field.name, err)
		}
	}
	return f, nil
}

// isDatagram reports whether the outer packet is UDP, rather than an ICMP error that quotes a UDP
// datagram.
func (f Frame) isDatagram() bool {
	ip := slices.Index(f.Protocols, "ip")
	return ip >= 0 && ip+1 < len(f.Protocols) && f.Protocols[ip+1] == "udp"
}

// IsControl reports whether the frame is a control message, by its T bit (RFC 3931, section 3.2.1).
func (f Frame) IsControl() bool { return l2tp.IsControl(f.Payload) }

// Carries returns the protocol inside L2TP and PPP, as tshark names it: "lcp", "ipcp", "ipv6cp",
// "ip" or "ipv6". It returns "" for a control message, and "data" or "" for a protocol that tshark
// does not know.
func (f Frame) Carries() string {
	_, inside, _ := strings.Cut(strings.Join(f.Protocols, ":")+":", ":l2tp:")
	carried, _, _ := strings.Cut(strings.TrimPrefix(inside, "ppp:"), ":")
	return carried
}

// Is reports whether tshark has found the protocol in the frame, such as "lcp", "ipcp" or "icmp".
func (f Frame) Is(protocol string) bool { return slices.Contains(f.Protocols, protocol) }

// String describes the frame in one line.
func (f Frame) String() string {
	what := strings.ToUpper(f.Carries())
	if f.SessionID != 0 {
		what += fmt.Sprintf(" in session %#08x", f.SessionID)
	}
	if f.HasType {
		what = f.Type.String()
	}
	if f.PPPCode != 0 {
		what += " code " + strconv.Itoa(int(f.PPPCode))
	}
	if f.ErrorMessage != "" {
		what += fmt.Sprintf(" %q", f.ErrorMessage)
	}
	return fmt.Sprintf("frame %d: %s → %s %s, %d octets", f.Number, f.Source, f.Destination, what, f.Length)
}
