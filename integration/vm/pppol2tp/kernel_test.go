package pppol2tp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// L2TP_CMD_*, L2TP_ATTR_* and some attribute values, from linux/l2tp.h.
const (
	genlVersion = 1

	cmdTunnelCreate  = 1
	cmdSessionCreate = 5

	attrPseudowire    = 1
	attrEncapsulation = 2
	attrSublayer      = 5
	attrVersion       = 7
	attrTunnel        = 9
	attrPeerTunnel    = 10
	attrSession       = 11
	attrPeerSession   = 12
	attrCookie        = 15
	attrPeerCookie    = 16
	attrFD            = 23

	pseudowirePPP = 7
	encapUDP      = 0
	sublayerNone  = 0
)

// kernel is a client of the kernel's L2TP by the interface in linux/l2tp.h. It is deliberately
// independent of the data plane's client: if one of them confuses two attributes, the two ends do
// not work together.
type kernel struct {
	conn   *genetlink.Conn
	family uint16
}

func openKernel() (*kernel, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	family, err := conn.GetFamily("l2tp")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &kernel{conn: conn, family: family.ID}, nil
}

func (k *kernel) do(command uint8, fill func(*netlink.AttributeEncoder)) error {
	e := netlink.NewAttributeEncoder()
	fill(e)
	attributes, err := e.Encode()
	if err != nil {
		return err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: genlVersion}, Data: attributes}
	_, err = k.conn.Execute(m, k.family, netlink.Request|netlink.Acknowledge)
	return err
}

// addTunnel creates the kernel's tunnel of a control connection on a UDP socket.
func (k *kernel) addTunnel(of *control.Connection, socket uintptr) error {
	return k.do(cmdTunnelCreate, func(e *netlink.AttributeEncoder) {
		e.Uint8(attrVersion, 3)
		e.Uint16(attrEncapsulation, encapUDP)
		e.Uint32(attrTunnel, of.ID)
		e.Uint32(attrPeerTunnel, of.PeerID)
		e.Uint32(attrFD, uint32(socket))
	})
}

// addSession creates a PPP session. The kernel sends the attribute cookie before the data, and
// compares received cookies with the attribute peer cookie.
func (k *kernel) addSession(s *control.Session) error {
	return k.do(cmdSessionCreate, func(e *netlink.AttributeEncoder) {
		e.Uint16(attrPseudowire, pseudowirePPP)
		e.Uint8(attrSublayer, sublayerNone)
		e.Uint32(attrTunnel, s.Connection.ID)
		e.Uint32(attrPeerTunnel, s.Connection.PeerID)
		e.Uint32(attrSession, s.ID)
		e.Uint32(attrPeerSession, s.PeerID)
		e.Bytes(attrCookie, s.PeerCookie)
		e.Bytes(attrPeerCookie, s.LocalCookie)
	})
}

// sockaddr is struct sockaddr_pppol2tpv3 of linux/if_pppox.h, which is packed. The kernel
// identifies it by its size.
type sockaddr struct {
	Family   uint16
	Protocol [4]byte // 32 bits, like all IDs: no padding
	PID      [4]byte
	Socket   [4]byte
	Address  [unix.SizeofSockaddrInet4]byte
	IDs      [4][4]byte // of the local tunnel and session, and of the peer's
}

// connect returns a socket of PPP over L2TP that is connected to a session of the kernel,
// identified by the IDs of tunnel and session at both ends.
func connect(tunnel, session, peerTunnel, peerSession uint32) (*os.File, error) {
	const protocolL2TP = 1 // PX_PROTO_OL2TP
	fd, err := unix.Socket(unix.AF_PPPOX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocolL2TP)
	if err != nil {
		return nil, fmt.Errorf("PPP over L2TP socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "PPP over L2TP")
	a := sockaddr{Family: unix.AF_PPPOX, Protocol: host(protocolL2TP)}
	for i, id := range []uint32{tunnel, session, peerTunnel, peerSession} {
		a.IDs[i] = host(id)
	}
	var packed bytes.Buffer
	if err := binary.Write(&packed, binary.NativeEndian, a); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	octets := packed.Bytes()
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&octets[0])), uintptr(len(octets)))
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("connect PPP over L2TP socket: %w", errno), file.Close())
	}
	return file, nil
}

func host(v uint32) (octets [4]byte) {
	binary.NativeEndian.PutUint32(octets[:], v)
	return octets
}
