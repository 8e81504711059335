package l2tp

import "strconv"

// MessageType is the value of the Message Type AVP (RFC 3931, section 3.1).
type MessageType uint16

// The message types of RFC 3931, section 3.1.
const (
	// ZLB is the Zero-Length Body message (section 6.15): it has no AVPs and therefore no message
	// type on the wire. 0 is a reserved value; a received Message Type AVP with 0 has an unknown
	// type.
	ZLB     MessageType = 0
	SCCRQ   MessageType = 1  // Start-Control-Connection-Request
	SCCRP   MessageType = 2  // Start-Control-Connection-Reply
	SCCCN   MessageType = 3  // Start-Control-Connection-Connected
	StopCCN MessageType = 4  // Stop-Control-Connection-Notification
	HELLO   MessageType = 6  // Hello
	OCRQ    MessageType = 7  // Outgoing-Call-Request
	OCRP    MessageType = 8  // Outgoing-Call-Reply
	OCCN    MessageType = 9  // Outgoing-Call-Connected
	ICRQ    MessageType = 10 // Incoming-Call-Request
	ICRP    MessageType = 11 // Incoming-Call-Reply
	ICCN    MessageType = 12 // Incoming-Call-Connected
	CDN     MessageType = 14 // Call-Disconnect-Notify
	WEN     MessageType = 15 // WAN-Error-Notify
	SLI     MessageType = 16 // Set-Link-Info
	ACK     MessageType = 20 // Explicit Acknowledgement
)

// messageSpec is the definition of one message in RFC 3931, section 6.
type messageSpec struct {
	name     string
	session  bool
	required AVPSet // without the Message Type
}

// messages has all message types of RFC 3931. The required AVPs are those that section 6 requires
// in every such message. The Assigned Control Connection ID of a StopCCN is not one of them,
// because it is only required after an SCCRQ or SCCRP was sent.
var messages = [...]messageSpec{
	ZLB: {name: "ZLB"},
	SCCRQ: {
		name:     "SCCRQ",
		required: AVPs(AVPHostName, AVPRouterID, AVPAssignedConnectionID, AVPPseudowireCapabilities),
	},
	SCCRP: {
		name:     "SCCRP",
		required: AVPs(AVPHostName, AVPRouterID, AVPAssignedConnectionID, AVPPseudowireCapabilities),
	},
	SCCCN:   {name: "SCCCN"},
	StopCCN: {name: "StopCCN", required: AVPs(AVPResultCode)},
	HELLO:   {name: "HELLO"},
	OCRQ: {
		name: "OCRQ", session: true,
		required: AVPs(AVPLocalSessionID, AVPRemoteSessionID, AVPSerialNumber,
			AVPPseudowireType, AVPRemoteEndID, AVPCircuitStatus),
	},
	OCRP: {
		name: "OCRP", session: true,
		required: AVPs(AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitStatus),
	},
	OCCN: {name: "OCCN", session: true, required: AVPs(AVPLocalSessionID, AVPRemoteSessionID)},
	ICRQ: {
		name: "ICRQ", session: true,
		required: AVPs(AVPLocalSessionID, AVPRemoteSessionID, AVPSerialNumber,
			AVPPseudowireType, AVPRemoteEndID, AVPCircuitStatus),
	},
	ICRP: {
		name: "ICRP", session: true,
		required: AVPs(AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitStatus),
	},
	ICCN: {name: "ICCN", session: true, required: AVPs(AVPLocalSessionID, AVPRemoteSessionID)},
	CDN: {
		name: "CDN", session: true,
		required: AVPs(AVPResultCode, AVPLocalSessionID, AVPRemoteSessionID),
	},
	WEN: {
		name: "WEN", session: true,
		required: AVPs(AVPLocalSessionID, AVPRemoteSessionID, AVPCircuitErrors),
	},
	SLI: {name: "SLI", session: true, required: AVPs(AVPLocalSessionID, AVPRemoteSessionID)},
	ACK: {name: "ACK"},
}

// spec returns the entry of t in messages, or the zero value for a type that RFC 3931 does not
// define.
func (t MessageType) spec() messageSpec {
	if int(t) < len(messages) {
		return messages[t]
	}
	return messageSpec{}
}

// known reports whether t is a valid value of the Message Type AVP.
func (t MessageType) known() bool {
	return t != ZLB && t.spec().name != ""
}

// IsSession reports whether messages of type t belong to a session. An error in such a message is
// answered with a CDN, an error in any other message with a StopCCN (RFC 3931, section 5.2).
func (t MessageType) IsSession() bool {
	return t.spec().session
}

// String returns the abbreviation of RFC 3931, such as "SCCRQ", or "message type 13" for an unknown
// type.
func (t MessageType) String() string {
	if name := t.spec().name; name != "" {
		return name
	}
	return "message type " + strconv.Itoa(int(t))
}

// Message is a control message: its header, and a field for each AVP of RFC 3931, section 5.4. A
// field is only valid if its AVP is in Has. The zero Message is a ZLB.
//
// The byte slices in a parsed Message alias the parsed datagram, or memory of the Message that its
// next Parse overwrites.
type Message struct {
	Header
	// Type is ZLB for a message without AVPs.
	Type MessageType
	// Has is the set of AVPs in the message. After Parse it includes the Message Type. Append
	// ignores the Message Type and the Message Digest in Has: it writes a Message Type unless Type
	// is ZLB, and NumDigests Message Digests.
	Has AVPSet

	// NumDigests is the number of Digests, 0 to 2; see AddDigest.
	NumDigests int
	Digests    [2]Digest
	// Nonce is the sender's Control Message Authentication Nonce.
	Nonce []byte
	// RandomVector is the first Random Vector AVP of the message.
	RandomVector []byte

	Result Result

	// TieBreaker is the Control Connection Tie Breaker in an SCCRQ and the Session
	// Tie Breaker in an ICRQ or OCRQ. The lower value wins.
	TieBreaker           uint64
	HostName             []byte
	RouterID             uint32
	VendorName           []byte
	AssignedConnectionID uint32
	ReceiveWindow        uint16
	Pseudowires          PseudowireList
	PreferredLanguage    []byte

	// LocalSessionID is the session ID that the sender has assigned, RemoteSessionID the one that
	// the recipient has assigned.
	LocalSessionID  uint32
	RemoteSessionID uint32
	// AssignedCookie is the cookie, of 0, 4 or 8 octets, that the recipient must put into the data
	// messages that it sends to the sender.
	AssignedCookie    []byte
	SerialNumber      uint32
	RemoteEndID       []byte
	PseudowireType    PseudowireType
	Sublayer          Sublayer
	DataSequencing    DataSequencing
	TxSpeed           uint64 // bits per second
	RxSpeed           uint64 // bits per second
	PhysicalChannelID uint32
	CircuitStatus     CircuitStatus
	CircuitErrors     CircuitErrors

	// Fallback is set by Parse for an SCCRQ of version 2 with all AVPs that L2TPv3 requires in an
	// SCCRQ. Its sender supports both versions and must be answered in version 3 (RFC 3931, section
	// 4.7.3).
	Fallback bool
	// Ignored is the first AVP that Parse ignored, which is no error. Its Problem is NoProblem if
	// Parse ignored none.
	Ignored AVPError

	unhidden []byte // the deciphered values of hidden AVPs
}

// IsZLB reports whether m is a Zero-Length Body message: it has no AVPs and, like an ACK, only
// acknowledges messages (RFC 3931, section 6.15). If Parse has returned an error, IsZLB may be true
// for other messages, too.
func (m *Message) IsZLB() bool {
	return m.Type == ZLB
}

// Missing returns the first AVP, by number, that RFC 3931, section 6, requires in a message of m's
// type and that m does not have. It returns false if m has all of them.
func (m *Message) Missing() (AVPType, bool) {
	return m.Type.spec().required.minus(m.Has).first()
}

// AddDigest adds to m a Message Digest AVP of type t with a digest of zeros, which Keys.Sign fills
// in after Append has written m. A message has room for two digests; AddDigest ignores further
// ones.
func (m *Message) AddDigest(t DigestType) {
	if m.NumDigests == len(m.Digests) {
		return
	}
	m.Digests[m.NumDigests] = Digest{Type: t}
	m.NumDigests++
	m.Has.Add(AVPMessageDigest)
}
