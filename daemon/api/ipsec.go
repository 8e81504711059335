package api

import "time"

// Protection is the IPsec protection of the links to one peer that require it.
type Protection struct {
	// Name of the peer.
	Peer string `json:"peer"`
	// Address of the peer for the protected control connection, as address:port.
	Address string `json:"address"`
	// Whether protected packets pass.
	Up bool `json:"up"`
	// Whether this side initiates IKE; false if the peer does.
	Starts bool `json:"starts"`

	// Why protected packets do not pass; absent if they do.
	Reason string `json:"reason,omitempty"`
	// Last failure to negotiate keys; absent if there was none.
	LastError string `json:"last_error,omitempty"`
	// Time of the last failure; absent if there was none.
	LastErrorAt *time.Time `json:"last_error_at,omitempty"`
	// What this host lacks for IPsec, each with a remedy; absent if nothing is missing.
	Missing []string `json:"missing,omitempty"`

	// Name and version of the key manager, such as "strongSwan 5.9.8"; absent if it does not
	// answer.
	Manager string `json:"manager,omitempty"`
	// Why the key manager does not answer; absent if it does.
	ManagerError string `json:"manager_error,omitempty"`

	// Whether the floor is in place: rules that drop every packet that is not ESP, whatever IKE
	// does.
	Floor bool `json:"floor"`
	// Number of packets that the floor dropped because they would have left in the clear.
	DroppedOut uint64 `json:"dropped_out"`
	// Number of packets that the floor dropped because they arrived in the clear.
	DroppedIn uint64 `json:"dropped_in"`

	// The IKE SA; absent if there is none.
	IKE *IKESA `json:"ike,omitempty"`
	// The pairs of ESP SAs; two during rekeying.
	ESP []ESP `json:"esp"`
}

// IKESA is an IKE security association (RFC 7296).
type IKESA struct {
	// State as reported by strongSwan, such as "CONNECTING" or "ESTABLISHED".
	State string `json:"state"`
	// IKE identity of this side.
	LocalID string `json:"local_id"`
	// IKE identity of the peer.
	RemoteID string `json:"remote_id"`
	// SPI of this side, in hexadecimal.
	LocalSPI string `json:"local_spi"`
	// SPI of the peer, in hexadecimal.
	RemoteSPI string `json:"remote_spi"`
	// Whether this side initiated the IKE SA.
	Initiator bool `json:"initiator"`
	// Negotiated algorithms, such as "aes256gcm16-prfsha256-ecp256".
	Algorithms string `json:"algorithms"`
	// Time at which the IKE SA was established; absent if unknown.
	Established *time.Time `json:"established,omitempty"`
	// Time of the next rekeying; absent if unknown.
	RekeyAt *time.Time `json:"rekey_at,omitempty"`
}

// ESP is a pair of ESP security associations (RFC 4303), one for each direction: a Child SA of IKE.
type ESP struct {
	// State as reported by strongSwan, such as "INSTALLED" or "REKEYING".
	State string `json:"state"`
	// SPI of received packets, in hexadecimal.
	LocalSPI string `json:"local_spi"`
	// SPI of sent packets, in hexadecimal.
	RemoteSPI string `json:"remote_spi"`
	// Negotiated algorithms, such as "aes256gcm16".
	Algorithms string `json:"algorithms"`
	// Whether ESP is encapsulated in UDP because of a NAT (RFC 3948).
	Encapsulated bool `json:"encapsulated"`
	// Time at which the pair was installed; absent if unknown.
	Installed *time.Time `json:"installed,omitempty"`
	// Time of the next rekeying; absent if unknown.
	RekeyAt *time.Time `json:"rekey_at,omitempty"`
	// Received octets.
	RxOctets uint64 `json:"rx_octets"`
	// Sent octets.
	TxOctets uint64 `json:"tx_octets"`
	// Received packets.
	RxPackets uint64 `json:"rx_packets"`
	// Sent packets.
	TxPackets uint64 `json:"tx_packets"`
	// Number of received packets dropped because they were repeated or too old.
	Replays uint64 `json:"replays"`
	// Number of received packets dropped because they were forged or damaged.
	IntegrityFailures uint64 `json:"integrity_failures"`
}
