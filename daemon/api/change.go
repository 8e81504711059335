package api

// Configuration is the text of a configuration file. The daemon itself reads the secret files that
// the text names.
type Configuration struct {
	// Absolute path of the file. Its extension selects the format, and relative paths in the text
	// start at its folder.
	File string `json:"file"`
	// Content of the file.
	Text string `json:"text"`
}

// Plan lists what a configuration changes in the running daemon.
type Plan struct {
	// Changed keys that require a restart of the daemon; if there are any, no part of the
	// configuration can be applied.
	Restart []string `json:"restart"`
	// Changed keys of the daemon itself that take effect without a restart.
	Daemon []string `json:"daemon"`
	// Virtual routers that are added or removed.
	Routers []PlanOfRouter `json:"routers"`
	// Control connections that are added, removed, restarted or changed.
	Connections []PlanOfConnection `json:"connections"`
	// Links that are added, removed, restarted or changed.
	Links []PlanOfLink `json:"links"`
	// Number of links that stay as they are.
	Untouched int `json:"untouched"`
	// Remarks for the operator, each in plain words; absent if there are none.
	Notes []string `json:"notes,omitempty"`
}

// Action is what a plan does to a virtual router, a control connection or a link.
type Action string

// The actions.
const (
	ActionAdd     Action = "add"
	ActionRemove  Action = "remove"
	ActionRestart Action = "restart" // it goes down, then comes up again
	ActionChange  Action = "change"  // in place: it stays up
)

// PlanOfRouter is what a plan does to a virtual router.
type PlanOfRouter struct {
	// Kind and name of the virtual router, such as "netns red" or "vrf red".
	VR string `json:"vr"`
	// What the plan does to it.
	Action Action `json:"action"`
}

// PlanOfConnection is what a plan does to the control connection to a peer for links of one
// protection class.
type PlanOfConnection struct {
	// Name of the peer.
	Peer string `json:"peer"`
	// Protection class of the connection: "none" (clear) or "required" (protected).
	IPsec string `json:"ipsec"`
	// What the plan does to it.
	Action Action `json:"action"`
	// Changed keys of the peer, each with its value before and after.
	Changes []string `json:"changes"`
}

// PlanOfLink is what a plan does to a link.
type PlanOfLink struct {
	// Name of the VPN.
	VPN string `json:"vpn"`
	// Name of the peer.
	Peer string `json:"peer"`
	// What the plan does to it.
	Action Action `json:"action"`
	// Changed keys of the VPN and of the link, each with its value before and after.
	Changes []string `json:"changes"`
	// Changed keys of the peer, if the link restarts because its control connection does.
	Because []string `json:"because"`
}

// Done is the result of an operator's command.
type Done struct {
	// What was done, in plain words.
	Done string `json:"done"`
	// State of the link after the command; absent if the command was for a peer.
	Link *Link `json:"link,omitempty"`
}
