// Package uapi has the parts of Linux's user-space API that no Go library has: L2TP by generic
// netlink (linux/l2tp.h), PPP over L2TP sockets (linux/if_pppol2tp.h), PPP units
// (linux/ppp-ioctl.h) and PPP interfaces by route netlink. It encodes requests and decodes replies,
// in the host's byte order, and makes the two system calls that x/sys lacks.
package uapi

import (
	"fmt"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// FamilyL2TP is the name of the generic netlink family (L2TP_GENL_NAME).
const FamilyL2TP = "l2tp"

// familyVersion is L2TP_GENL_VERSION.
const familyVersion = 1

// Commands of the family (L2TP_CMD_*).
const (
	cmdTunnelCreate  = 1
	cmdTunnelDelete  = 2
	cmdSessionCreate = 5
	cmdSessionDelete = 6
	cmdSessionGet    = 8
)

// Attributes of the family (L2TP_ATTR_*).
const (
	attrPseudowireType = 1
	attrEncapsulation  = 2
	attrSublayerType   = 5
	attrVersion        = 7
	attrConnID         = 9
	attrPeerConnID     = 10
	attrSessionID      = 11
	attrPeerSessionID  = 12
	attrCookie         = 15
	attrPeerCookie     = 16
	attrRecvSeq        = 18
	attrSendSeq        = 19
	attrLNSMode        = 20
	attrRecvTimeout    = 22
	attrFD             = 23
	attrStats          = 30
)

// Attributes nested in attrStats (L2TP_ATTR_TX_PACKETS and those after it).
const (
	statsTxPackets        = 1
	statsTxBytes          = 2
	statsTxErrors         = 3
	statsRxPackets        = 4
	statsRxBytes          = 5
	statsRxErrors         = 8
	statsRxCookieDiscards = 10
)

const (
	pseudowirePPP = 7 // L2TP_PWTYPE_PPP, the number of RFC 4349's registry
)

// Encapsulation is the protocol that carries a tunnel's messages (enum l2tp_encap_type).
type Encapsulation uint16

// The encapsulations.
const (
	UDP Encapsulation = 0 // RFC 3931, section 4.1.2
	IP  Encapsulation = 1 // RFC 3931, section 4.1.1; the socket must be one of IPPROTO_L2TP
)

// Tunnel is an L2TPv3 tunnel on a socket of this process, which has both addresses.
type Tunnel struct {
	LocalID, PeerID uint32 // Control Connection IDs
	Encapsulation   Encapsulation
	Socket          int // a file descriptor
}

// Create returns the request to create the tunnel on its socket. The kernel returns EEXIST for a
// LocalID in use, and EBUSY for a socket that is, or was at any time, another tunnel's.
func (t Tunnel) Create() (genetlink.Message, error) {
	return message(cmdTunnelCreate, func(e *netlink.AttributeEncoder) {
		e.Uint32(attrConnID, t.LocalID)
		e.Uint32(attrPeerConnID, t.PeerID)
		e.Uint8(attrVersion, 3)
		e.Uint16(attrEncapsulation, uint16(t.Encapsulation))
		e.Uint32(attrFD, uint32(t.Socket))
	})
}

// DeleteTunnel returns the request to delete a tunnel with all its sessions. Its socket stays open.
func DeleteTunnel(localID uint32) (genetlink.Message, error) {
	return message(cmdTunnelDelete, func(e *netlink.AttributeEncoder) { e.Uint32(attrConnID, localID) })
}

// Sublayer is an L2-Specific Sublayer (enum l2tp_l2spec_type).
type Sublayer uint8

// The sublayers. Without the attribute the kernel uses the default one.
const (
	SublayerNone    Sublayer = 0 // L2TP_L2SPECTYPE_NONE
	SublayerDefault Sublayer = 1 // L2TP_L2SPECTYPE_DEFAULT
)

// Session is a session of a tunnel that carries PPP.
type Session struct {
	TunnelID, PeerTunnelID  uint32 // Control Connection IDs
	LocalID, PeerID         uint32
	LocalCookie, PeerCookie []byte // assigned by the local end, and by the peer

	// The kernel has one setting for both directions. With Sequenced, sent messages are numbered,
	// and received messages without a number are dropped. Messages that arrive too early wait for
	// ReorderTimeout.
	Sublayer       Sublayer
	Sequenced      bool
	ReorderTimeout time.Duration
}

// Create returns the request to create a session. The kernel returns ENODEV for an unknown tunnel,
// EEXIST for a LocalID in use.
func (s Session) Create() (genetlink.Message, error) {
	return message(cmdSessionCreate, func(e *netlink.AttributeEncoder) {
		e.Uint32(attrConnID, s.TunnelID)
		e.Uint32(attrPeerConnID, s.PeerTunnelID)
		e.Uint32(attrSessionID, s.LocalID)
		e.Uint32(attrPeerSessionID, s.PeerID)
		e.Uint16(attrPseudowireType, pseudowirePPP)
		e.Uint8(attrSublayerType, uint8(s.Sublayer))
		if s.Sublayer != SublayerNone {
			// Otherwise the kernel numbers messages only while the peer does.
			e.Uint8(attrLNSMode, 1)
		}
		if s.Sequenced {
			e.Uint8(attrRecvSeq, 1)
			e.Uint8(attrSendSeq, 1)
			e.Uint64(attrRecvTimeout, uint64(s.ReorderTimeout.Milliseconds()))
		}
		// The kernel sends its "cookie", and expects its "peer cookie".
		cookies := []struct {
			attribute uint16
			value     []byte
		}{{attrCookie, s.PeerCookie}, {attrPeerCookie, s.LocalCookie}}
		for _, c := range cookies {
			if len(c.value) > 0 {
				e.Bytes(c.attribute, c.value)
			}
		}
	})
}

// Delete returns the request to delete the session. A socket that is connected with it is not
// notified.
func (s Session) Delete() (genetlink.Message, error) { return s.message(cmdSessionDelete) }

// Get returns the query of a session; ParseStats reads the reply. The kernel returns ENODEV for an
// unknown session.
func (s Session) Get() (genetlink.Message, error) { return s.message(cmdSessionGet) }

// message returns a request about an existing session.
func (s Session) message(command uint8) (genetlink.Message, error) {
	return message(command, func(e *netlink.AttributeEncoder) {
		e.Uint32(attrConnID, s.TunnelID)
		e.Uint32(attrSessionID, s.LocalID)
	})
}

// Stats are the counters of a session. Octets are those of L2TP messages, including their header.
type Stats struct {
	TxPackets, TxOctets, TxErrors uint64
	RxPackets, RxOctets, RxErrors uint64 // errors include RxCookie
	RxCookie                      uint64
}

// ParseStats reads the counters in the kernel's reply to Session.Get.
func ParseStats(reply []byte) (Stats, error) {
	var s Stats
	found := false
	attributes, err := netlink.NewAttributeDecoder(reply)
	if err != nil {
		return Stats{}, fmt.Errorf("L2TP session: %w", err)
	}
	for attributes.Next() {
		if attributes.Type() == attrStats {
			found = true
			attributes.Nested(s.decode)
		}
	}
	if err := attributes.Err(); err != nil {
		return Stats{}, fmt.Errorf("L2TP session: %w", err)
	}
	if !found {
		return Stats{}, fmt.Errorf("L2TP session: the kernel's reply has no counters")
	}
	return s, nil
}

func (s *Stats) decode(attributes *netlink.AttributeDecoder) error {
	counters := map[uint16]*uint64{
		statsTxPackets: &s.TxPackets, statsTxBytes: &s.TxOctets, statsTxErrors: &s.TxErrors,
		statsRxPackets: &s.RxPackets, statsRxBytes: &s.RxOctets, statsRxErrors: &s.RxErrors,
		statsRxCookieDiscards: &s.RxCookie,
	}
	for attributes.Next() {
		if count := counters[attributes.Type()]; count != nil {
			*count = attributes.Uint64()
		}
	}
	return attributes.Err()
}

// message returns a request of the family with the attributes that fill adds.
func message(command uint8, fill func(*netlink.AttributeEncoder)) (genetlink.Message, error) {
	e := netlink.NewAttributeEncoder()
	fill(e)
	data, err := e.Encode()
	return genetlink.Message{Header: genetlink.Header{Command: command, Version: familyVersion}, Data: data}, err
}
