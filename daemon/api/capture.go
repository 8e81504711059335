package api

import (
	"encoding/json"
	"time"
)

// Captured is a control message that the daemon has sent or received. It is taken inside the
// daemon: where IPsec protects the connection, on its inner side.
type Captured struct {
	Time      time.Time       `json:"time"`
	Sent      bool            `json:"sent"`      // by us; else it was received
	Transport string          `json:"transport"` // what carries L2TP: "udp", "ip"
	From      string          `json:"from"`      // address:port, or the address alone over IP
	To        string          `json:"to"`
	Octets    []byte          `json:"octets"`           // of the message, as it is on the wire but for the session ID 0 before it over IP
	Message   json.RawMessage `json:"message"`          // what it says, in the form of l2tpvl-ctl decode -o json: digests checked, hidden AVPs read
	Missed    uint64          `json:"missed,omitempty"` // messages before this one, for which the client was too slow
}
