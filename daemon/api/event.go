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
	EventStarting         EventKind = "starting"              // the daemon is starting
	EventStopping         EventKind = "stopping"              // the daemon is stopping
	EventLinkUp           EventKind = "link-up"               // packets pass
	EventLinkDown         EventKind = "link-down"             // a link that was up went down
	EventLinkFailed       EventKind = "link-failed"           // a link did not come up
	EventLinkPartial      EventKind = "link-partial"          // a link goes on without one of its network protocols
	EventLinkDisabled     EventKind = "link-disabled"         // by the operator: the link stays down
	EventLinkEnabled      EventKind = "link-enabled"          // by the operator: the link may come up
	EventLinkReset        EventKind = "link-reset"            // by the operator: the link restarts
	EventConnectionReset  EventKind = "connection-reset"      // by the operator: a control connection restarts
	EventConnectionUp     EventKind = "connection-up"         // a control connection is established
	EventConnectionDown   EventKind = "connection-down"       // this side closed a control connection
	EventConnectionFailed EventKind = "connection-failed"     // a control connection ended or was not established
	EventPeerRestarted    EventKind = "peer-restarted"        // the peer replaced its control connection by a new one
	EventCallRefused      EventKind = "call-refused"          // a session request (ICRQ) of the peer was refused
	EventPathOpen         EventKind = "path-open"             // the path to a peer is open again
	EventPathFailed       EventKind = "path-failed"           // there is no path to a peer
	EventPathMTU          EventKind = "path-mtu"              // the MTU of the path to a peer is known, or changed
	EventIKEUp            EventKind = "ike-up"                // IPsec: the peer is authenticated, keys can be negotiated
	EventIKEDown          EventKind = "ike-down"              // IPsec: the IKE SA ended
	EventIKERekeyed       EventKind = "ike-rekeyed"           // IPsec: the IKE SA has new keys
	EventESPUp            EventKind = "child-up"              // IPsec: protected packets pass
	EventESPDown          EventKind = "child-down"            // IPsec: protected packets are dropped
	EventESPRekeyed       EventKind = "child-rekeyed"         // IPsec: the ESP SAs have new keys
	EventIKERefused       EventKind = "authentication-failed" // IPsec: this side or the peer rejected the other's authentication
	EventManagerGone      EventKind = "manager-gone"          // the key manager (strongSwan) does not answer
	EventManagerBack      EventKind = "manager-back"          // the key manager answers again
	EventFloorLost        EventKind = "floor-lost"            // another process removed floor rules, and they are not restored yet
	EventFloorRestored    EventKind = "floor-restored"        // another process removed floor rules, and they are restored
	EventProtected        EventKind = "protected"             // from now on packets to the peer pass as ESP or are dropped
	EventRouterGone       EventKind = "vr-gone"               // another process deleted a virtual router
	EventReloaded         EventKind = "reloaded"              // the configuration was read, and applied if it had changed
	EventReloadFailed     EventKind = "reload-failed"         // the configuration is invalid, nothing changed
	EventSecretsChanged   EventKind = "secrets-changed"       // the secrets of a peer changed
	EventAPIEnded         EventKind = "api-ended"             // the daemon no longer answers API requests
)
