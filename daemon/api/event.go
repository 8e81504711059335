package api

import "time"

// Event is a log entry of the daemon that is of interest to programs.
type Event struct {
	// Sequence number: one greater than that of the previous event. A restarted daemon continues
	// with numbers greater than any earlier one.
	Seq uint64 `json:"seq"`
	// Time of the event.
	Time time.Time `json:"time"`
	// What happened, as a word for programs.
	Kind EventKind `json:"kind"`
	// Severity of the event.
	Level EventLevel `json:"level"`
	// What happened, in plain words.
	Message string `json:"message"`
	// Name of the VPN of the link that the event is about; absent if it is not about a link.
	VPN string `json:"vpn,omitempty"`
	// Name of the peer that the event is about; absent if it is not about a peer.
	Peer string `json:"peer,omitempty"`
	// Name of the link's interface; absent if the event is not about a link.
	Interface string `json:"interface,omitempty"`
	// Protection class of the link or control connection: "required" (protected); absent if it is
	// clear.
	IPsec string `json:"ipsec,omitempty"`
	// Why it happened, in plain words; absent if unknown or evident.
	Reason string `json:"reason,omitempty"`
	// Other fields of the log entry; absent if there are none.
	Details map[string]string `json:"details,omitempty"`
}

// EventLevel is the severity of an event.
type EventLevel string

// The levels of events, as in the log.
const (
	EventInfo  EventLevel = "info"
	EventWarn  EventLevel = "warn"
	EventError EventLevel = "error"
)

// EventKind is the kind of an event. Later versions may add kinds.
type EventKind string

// The kinds of events.
const (
	// The daemon is starting.
	EventStarting EventKind = "starting"
	// The daemon is stopping.
	EventStopping EventKind = "stopping"
	// A link is up: packets pass.
	EventLinkUp EventKind = "link-up"
	// A link that was up went down.
	EventLinkDown EventKind = "link-down"
	// A link did not come up.
	EventLinkFailed EventKind = "link-failed"
	// A link goes on without one of its network protocols.
	EventLinkPartial EventKind = "link-partial"
	// The operator disabled a link: it stays down.
	EventLinkDisabled EventKind = "link-disabled"
	// The operator enabled a link: it may come up again.
	EventLinkEnabled EventKind = "link-enabled"
	// The operator reset a link: it restarts.
	EventLinkReset EventKind = "link-reset"
	// The operator reset a control connection: it restarts.
	EventConnectionReset EventKind = "connection-reset"
	// A control connection is established.
	EventConnectionUp EventKind = "connection-up"
	// This side closed a control connection.
	EventConnectionDown EventKind = "connection-down"
	// A control connection ended or was not established.
	EventConnectionFailed EventKind = "connection-failed"
	// The peer replaced its control connection by a new one.
	EventPeerRestarted EventKind = "peer-restarted"
	// A session request (ICRQ) of the peer was refused.
	EventCallRefused EventKind = "call-refused"
	// The path to a peer is open again.
	EventPathOpen EventKind = "path-open"
	// There is no path to a peer.
	EventPathFailed EventKind = "path-failed"
	// The MTU of the path to a peer is known, or changed.
	EventPathMTU EventKind = "path-mtu"
	// The IKE SA with a peer is established.
	EventIKEUp EventKind = "ike-up"
	// The IKE SA with a peer ended.
	EventIKEDown EventKind = "ike-down"
	// The IKE SA with a peer has new keys.
	EventIKERekeyed EventKind = "ike-rekeyed"
	// The ESP SAs with a peer are installed: protected packets pass.
	EventESPUp EventKind = "child-up"
	// The ESP SAs with a peer ended: protected packets are dropped.
	EventESPDown EventKind = "child-down"
	// The ESP SAs with a peer have new keys.
	EventESPRekeyed EventKind = "child-rekeyed"
	// IKE authentication failed: this side or the peer rejected the other's.
	EventIKERefused EventKind = "authentication-failed"
	// The key manager (strongSwan) does not answer.
	EventManagerGone EventKind = "manager-gone"
	// The key manager answers again.
	EventManagerBack EventKind = "manager-back"
	// Another process removed floor rules, and they are not restored yet.
	EventFloorLost EventKind = "floor-lost"
	// Another process removed floor rules, and they are restored.
	EventFloorRestored EventKind = "floor-restored"
	// From now on packets to the peer pass as ESP or are dropped.
	EventProtected EventKind = "protected"
	// Another process deleted a virtual router.
	EventRouterGone EventKind = "vr-gone"
	// The configuration was read, and applied if it had changed.
	EventReloaded EventKind = "reloaded"
	// The configuration is invalid, nothing changed.
	EventReloadFailed EventKind = "reload-failed"
	// The secrets of a peer changed.
	EventSecretsChanged EventKind = "secrets-changed"
	// The daemon no longer answers API requests.
	EventAPIEnded EventKind = "api-ended"
)
