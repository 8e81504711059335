package api

import "time"

// Protection is how IPsec protects the links to one peer that require it.
type Protection struct {
	Peer    string `json:"peer"`
	Address string `json:"address"` // of the protected control connection: address:port
	Up      bool   `json:"up"`      // packets pass
	Starts  bool   `json:"starts"`  // this side starts IKE, the peer does not

	Reason      string     `json:"reason,omitempty"`     // why it is not up
	LastError   string     `json:"last_error,omitempty"` // the last failure to agree on keys
	LastErrorAt *time.Time `json:"last_error_at,omitempty"`
	Missing     []string   `json:"missing,omitempty"` // what this host lacks for it, each with what would help

	Manager      string `json:"manager,omitempty"`       // what speaks IKE: "strongSwan 5.9.8"
	ManagerError string `json:"manager_error,omitempty"` // why it does not answer

	Floor      bool   `json:"floor"`       // what is not ESP is dropped, whatever IKE does
	DroppedOut uint64 `json:"dropped_out"` // packets that would have left in clear
	DroppedIn  uint64 `json:"dropped_in"`  // packets that arrived in clear

	IKE *IKESA `json:"ike,omitempty"`
	ESP []ESP  `json:"esp"` // two while keys are renewed
}

// IKESA is an IKE security association (RFC 7296).
type IKESA struct {
	State       string     `json:"state"` // as strongSwan says it: "CONNECTING", "ESTABLISHED"
	LocalID     string     `json:"local_id"`
	RemoteID    string     `json:"remote_id"`
	LocalSPI    string     `json:"local_spi"` // hexadecimal
	RemoteSPI   string     `json:"remote_spi"`
	Initiator   bool       `json:"initiator"` // this side has started it
	Algorithms  string     `json:"algorithms"`
	Established *time.Time `json:"established,omitempty"`
	RekeyAt     *time.Time `json:"rekey_at,omitempty"`
}

// ESP is a pair of security associations that carries packets (RFC 4303): a CHILD SA of IKE.
type ESP struct {
	State             string     `json:"state"`     // as strongSwan says it: "INSTALLED", "REKEYING"
	LocalSPI          string     `json:"local_spi"` // of what arrives; hexadecimal
	RemoteSPI         string     `json:"remote_spi"`
	Algorithms        string     `json:"algorithms"`   // "aes256gcm16"
	Encapsulated      bool       `json:"encapsulated"` // in UDP, for a NAT (RFC 3948)
	Installed         *time.Time `json:"installed,omitempty"`
	RekeyAt           *time.Time `json:"rekey_at,omitempty"`
	RxOctets          uint64     `json:"rx_octets"`
	TxOctets          uint64     `json:"tx_octets"`
	RxPackets         uint64     `json:"rx_packets"`
	TxPackets         uint64     `json:"tx_packets"`
	Replays           uint64     `json:"replays"`            // packets dropped as repeated or too old
	IntegrityFailures uint64     `json:"integrity_failures"` // packets dropped as forged or damaged
}
