package uapi

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ProtocolL2TP is PX_PROTO_OL2TP: the protocol of an AF_PPPOX socket that carries PPP over L2TP.
const ProtocolL2TP = 1

// sockaddrSize is the size of struct sockaddr_pppol2tpv3, by which the kernel distinguishes its
// four kinds of address.
const sockaddrSize = 46

// AppendSockaddr appends the address of a session (struct sockaddr_pppol2tpv3, which is packed):
//
//	family 2 | protocol 4 | process 4 | socket 4 | struct sockaddr_in 16 |
//	tunnel 4 | session 4 | peer's tunnel 4 | peer's session 4
//
// The kernel finds an existing session by its IDs and ignores the fields before them.
func (s Session) AppendSockaddr(b []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.AF_PPPOX)
	b = binary.NativeEndian.AppendUint32(b, ProtocolL2TP)
	b = append(b, make([]byte, 4+4+16)...)
	for _, id := range []uint32{s.TunnelID, s.LocalID, s.PeerTunnelID, s.PeerID} {
		b = binary.NativeEndian.AppendUint32(b, id)
	}
	return b
}

// Connect connects an AF_PPPOX socket of ProtocolL2TP with the session.
func (s Session) Connect(socket int) error {
	address := s.AppendSockaddr(make([]byte, 0, sockaddrSize))
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(socket), uintptr(unsafe.Pointer(&address[0])), uintptr(len(address)))
	if errno != 0 {
		return errno
	}
	return nil
}
