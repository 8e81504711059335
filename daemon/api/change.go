package api

// Configuration is a configuration file as its operator has it. The secrets that it names are read
// by the daemon.
type Configuration struct {
	File string `json:"file"` // absolute path: its extension says what it is written in, and relative names in it start at its folder
	Text string `json:"text"`
}

// Plan is what a configuration changes in a daemon that runs.
type Plan struct {
	Restart     []string           `json:"restart"`     // keys that take a restart of the daemon: with any of these nothing can be changed
	Daemon      []string           `json:"daemon"`      // keys of the daemon itself that change in place
	Routers     []PlanOfRouter     `json:"routers"`     // virtual routers
	Connections []PlanOfConnection `json:"connections"` // control connections
	Links       []PlanOfLink       `json:"links"`
	Untouched   int                `json:"untouched"`       // links that stay as they are
	Notes       []string           `json:"notes,omitempty"` // what the operator should know besides
}

// Action is what becomes of a thing.
type Action string

// The actions.
const (
	ActionAdd     Action = "add"
	ActionRemove  Action = "remove"
	ActionRestart Action = "restart" // it goes down, and comes up anew
	ActionChange  Action = "change"  // in place: it stays up
)

// PlanOfRouter is what becomes of a virtual router.
type PlanOfRouter struct {
	VR     string `json:"vr"` // "netns red"
	Action Action `json:"action"`
}

// PlanOfConnection is what becomes of the control connection to a peer for links of one class.
type PlanOfConnection struct {
	Peer    string   `json:"peer"`
	IPsec   string   `json:"ipsec"` // its class
	Action  Action   `json:"action"`
	Changes []string `json:"changes"` // keys with their values before and after
}

// PlanOfLink is what becomes of a link.
type PlanOfLink struct {
	VPN     string   `json:"vpn"`
	Peer    string   `json:"peer"`
	Action  Action   `json:"action"`
	Changes []string `json:"changes"` // keys of the VPN and the link with their values before and after
	Because []string `json:"because"` // keys of the peer, where the link restarts as its control connection does
}

// Done is what was done for an operator.
type Done struct {
	Done string `json:"done"` // in plain words
	Link *Link  `json:"link,omitempty"`
}
