package l2tp

import "strconv"

// MessageType is the value of the Message Type AVP (RFC 3931, section 3.1).
type MessageType uint16

// The message types of RFC 3931, section 3.1.
const (
	// ZLB stands for the message without any AVP (section 6.15), which has no
	// number. 0 is reserved on the wire, and received there is an unknown type.
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

// messageSpec is what RFC 3931, section 6, says of one message.
type messageSpec struct {
	name     string
	session  bool
	required AVPSet // beyond the Message Type
}

// messages has all message types of RFC 3931. The AVPs required are those of
// section 6 that every instance of the message must have: a StopCCN's Assigned
// Control Connection ID, which depends on what was sent before, is not among them.
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

// spec returns the entry of t, the zero one for a type RFC 3931 does not define.
func (t MessageType) spec() messageSpec {
	if int(t) < len(messages) {
		return messages[t]
	}
	return messageSpec{}
}

// known reports whether t may stand in a Message Type AVP.
func (t MessageType) known() bool {
	return t != ZLB && t.spec().name != ""
}

// IsSession reports whether messages of type t belong to a session, so that an
// error in one is answered by a CDN, and not to the control connection as a
// whole, where it is answered by a StopCCN (RFC 3931, section 5.2).
func (t MessageType) IsSession() bool {
	return t.spec().session
}

// String returns the RFC's abbreviation, such as "SCCRQ".
func (t MessageType) String() string {
	if name := t.spec().name; name != "" {
		return name
	}
	return "message type " + strconv.Itoa(int(t))
}

// Message is a control message: its header and each AVP of RFC 3931, section
// 5.4, as a field. A field counts if Has names its AVP. Byte slices of a parsed
// message alias the datagram, or memory of the Message that its next
// Parse uses again. The zero Message is a ZLB.
type Message struct {
	Header
	// Type is ZLB for a message without AVPs.
	Type MessageType
	// Has is the set of AVPs in the message. The Message Type is in it after
	// Parse; Append writes one whether or not it is, unless Type is ZLB. Of Message
	// Digests Append writes NumDigests.
	Has AVPSet

	// NumDigests is how many of Digests there are, 0 to 2; see AddDigest.
	NumDigests int
	Digests    [2]Digest
	// Nonce is the sender's Control Message Authentication Nonce.
	Nonce []byte
	// RandomVector is the first Random Vector.
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

	// LocalSessionID is the sender's ID of the session, RemoteSessionID the recipient's.
	LocalSessionID  uint32
	RemoteSessionID uint32
	// AssignedCookie is 0, 4 or 8 octets, wanted in data sent to the sender of the message.
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

	// Fallback is set by Parse for an SCCRQ of version 2 that has all AVPs
	// of an L2TPv3 SCCRQ: its sender speaks both versions, and is to be answered in
	// version 3 (RFC 3931, section 4.7.3).
	Fallback bool
	// Ignored is the first AVP that Parse left out without that being an error;
	// its Problem is NoProblem if there was none.
	Ignored AVPError

	unhidden []byte // the values of hidden AVPs in clear
}

// Zlb reports whether m, which Parse found in order, is a Zero Length Body message: it
// has no AVPs and, like the ACK, only acknowledges (RFC 3931, section 6.15).
func (m *Message) Zlb() bool {
	return m.Type == ZLB
}

// Missing returns an AVP that RFC 3931, section 6, demands in a message of m's type
// and that m does not have; false if there is none.
func (m *Message) Missing() (AVPType, bool) {
	return m.Type.spec().required.minus(m.Has).first()
}

// AddDigest gives m a Message Digest AVP of type t with a digest of zeros, for
// Keys.Sign to fill in once the message is written. A message takes two at most;
// more are not added.
func (m *Message) AddDigest(t DigestType) {
	if m.NumDigests == len(m.Digests) {
		return
	}
	m.Digests[m.NumDigests] = Digest{Type: t}
	m.NumDigests++
	m.Has.Add(AVPMessageDigest)
}
