package api

import (
	"encoding/json"
	"time"
)

// Captured is a control message that the daemon sent or received. It is captured inside the daemon,
// so it is readable even where IPsec encrypts it on the network.
type Captured struct {
	// Time at which the message was sent or received.
	Time time.Time `json:"time"`
	// Whether the daemon sent the message; false if it received it.
	Sent bool `json:"sent"`
	// Protocol that carries L2TP: "udp" or "ip" (IP protocol 115).
	Transport string `json:"transport"`
	// Source, as address:port, or the address alone over IP.
	From string `json:"from"`
	// Destination, as address:port, or the address alone over IP.
	To string `json:"to"`
	// The message as on the wire; over IP without the session ID 0 that precedes it.
	Octets []byte `json:"octets"`
	// The decoded message, in the format of "l2tpvl-ctl decode -o json", with digests checked and
	// hidden AVPs decrypted.
	Message json.RawMessage `json:"message"`
	// Number of messages lost directly before this one because the client read too slowly; absent
	// if none was lost.
	Missed uint64 `json:"missed,omitempty"`
}
