package api

import "time"

// Event is something that has happened: a line of the daemon's log that programs may want to know
// of.
type Event struct {
	Seq       uint64            `json:"seq"` // one more than that of the event before, and than any of an earlier daemon
	Time      time.Time         `json:"time"`
	Kind      EventKind         `json:"kind"`
	Level     EventLevel        `json:"level"`
	Message   string            `json:"message"`        // what has happened, in plain words
	VPN       string            `json:"vpn,omitempty"`  // of the link that it is about
	Peer      string            `json:"peer,omitempty"` // of the link, or that it is about
	Interface string            `json:"interface,omitempty"`
	IPsec     string            `json:"ipsec,omitempty"`   // class of the link or control connection: "required"; empty: in clear
	Reason    string            `json:"reason,omitempty"`  // why
	Details   map[string]string `json:"details,omitempty"` // what else the line of the log has
}

// EventLevel is how much an event matters.
type EventLevel string

// The levels of events, as the log has them.
const (
	EventInfo  EventLevel = "info"
	EventWarn  EventLevel = "warn"
	EventError EventLevel = "error"
)

// EventKind is what an event tells of. More kinds may come.
type EventKind string

// The kinds of events.
const (
	EventStarting         EventKind = "starting"              // the daemon
	EventStopping         EventKind = "stopping"              // the daemon
	EventLinkUp           EventKind = "link-up"               // packets pass
	EventLinkDown         EventKind = "link-down"             // it was up
	EventLinkFailed       EventKind = "link-failed"           // it does not come up
	EventLinkPartial      EventKind = "link-partial"          // it goes on without one of its network protocols
	EventLinkDisabled     EventKind = "link-disabled"         // by the operator: it stays down
	EventLinkEnabled      EventKind = "link-enabled"          // by the operator
	EventLinkReset        EventKind = "link-reset"            // by the operator
	EventConnectionReset  EventKind = "connection-reset"      // by the operator
	EventConnectionUp     EventKind = "connection-up"         // a control connection
	EventConnectionDown   EventKind = "connection-down"       // we have closed it
	EventConnectionFailed EventKind = "connection-failed"     // it has ended, or does not come up
	EventPeerRestarted    EventKind = "peer-restarted"        // a peer has made a new control connection in place of its old one
	EventCallRefused      EventKind = "call-refused"          // a peer has asked for a session that is not to be
	EventPathOpen         EventKind = "path-open"             // the way to a peer, after it was not
	EventPathFailed       EventKind = "path-failed"           // there is no way to a peer
	EventPathMTU          EventKind = "path-mtu"              // of a peer is known, or has changed
	EventIKEUp            EventKind = "ike-up"                // IPsec: the peer is who it says, and keys can be agreed on
	EventIKEDown          EventKind = "ike-down"              // IPsec
	EventIKERekeyed       EventKind = "ike-rekeyed"           // IPsec
	EventESPUp            EventKind = "child-up"              // IPsec: protected packets pass
	EventESPDown          EventKind = "child-down"            // IPsec: they do not, nor do they go in clear
	EventESPRekeyed       EventKind = "child-rekeyed"         // IPsec
	EventIKERefused       EventKind = "authentication-failed" // IPsec: we do not believe the peer, or it us
	EventManagerGone      EventKind = "manager-gone"          // strongSwan does not answer
	EventManagerBack      EventKind = "manager-back"          // strongSwan answers
	EventFloorLost        EventKind = "floor-lost"            // somebody has removed what drops packets in clear, and it could not be put there again yet
	EventFloorRestored    EventKind = "floor-restored"        // somebody had removed what drops packets in clear
	EventProtected        EventKind = "protected"             // what is to be protected goes as ESP from now on, or not at all
	EventRouterGone       EventKind = "vr-gone"               // somebody has deleted a virtual router
	EventReloaded         EventKind = "reloaded"              // the configuration
	EventReloadFailed     EventKind = "reload-failed"         // the configuration has mistakes, and nothing is changed
	EventSecretsChanged   EventKind = "secrets-changed"       // of a peer
	EventAPIEnded         EventKind = "api-ended"             // nobody can ask the daemon any more
)
