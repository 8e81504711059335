package uapi

import (
	"encoding/binary"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Mode is how a PPP unit handles the packets of a network protocol (enum NPmode).
type Mode uint32

// The modes that a link uses.
const (
	Pass Mode = 0 // NPMODE_PASS
	Drop Mode = 1 // NPMODE_DROP
)

// SetMode sets the mode of a network protocol, by its PPP protocol number, for a unit
// (PPPIOCSNPMODE).
func SetMode(unit int, protocol uint16, mode Mode) error {
	argument := struct { // struct npioctl
		protocol int32
		mode     Mode
	}{int32(protocol), mode}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(unit), unix.PPPIOCSNPMODE, uintptr(unsafe.Pointer(&argument)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Interface describes a PPP interface to be created.
type Interface struct {
	Name      string
	MTU       int // octets
	Unit      int // file descriptor of /dev/ppp that becomes its unit
	Namespace int // file descriptor of the network namespace in which it is created
}

// Create returns the request to create the interface, down (RTM_NEWLINK). Its unit belongs to the
// namespace of the netlink socket. The kernel returns EEXIST for a name in use, and EBUSY while it
// is busy with another unit: the request must be repeated then.
func (i Interface) Create() (netlink.Message, error) {
	e := netlink.NewAttributeEncoder()
	e.String(unix.IFLA_IFNAME, i.Name)
	e.Uint32(unix.IFLA_MTU, uint32(i.MTU))
	e.Uint32(unix.IFLA_NET_NS_FD, uint32(i.Namespace))
	e.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		info.String(unix.IFLA_INFO_KIND, "ppp")
		info.Nested(unix.IFLA_INFO_DATA, func(data *netlink.AttributeEncoder) error {
			data.Uint32(unix.IFLA_PPP_DEV_FD, uint32(i.Unit))
			return nil
		})
		return nil
	})
	attributes, err := e.Encode()
	header := make([]byte, unix.SizeofIfInfomsg) // the kernel chooses everything except the type
	binary.NativeEndian.PutUint16(header[2:], unix.ARPHRD_PPP)
	return netlink.Message{
		Header: netlink.Header{
			Type:  unix.RTM_NEWLINK,
			Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl,
		},
		Data: append(header, attributes...),
	}, err
}
