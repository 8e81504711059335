package guard

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ProbeESP returns an error if the kernel has no ESP with AES-GCM. It adds a security association
// between two addresses for documentation (RFC 5737), which makes the kernel load its modules, and
// deletes it.
func ProbeESP() error {
	handle, err := netlink.NewHandle(unix.NETLINK_XFRM)
	if err != nil {
		return missingESP(err)
	}
	defer handle.Close()
	sa := &netlink.XfrmState{
		Src: net.IPv4(192, 0, 2, 254), Dst: net.IPv4(192, 0, 2, 255),
		Proto: netlink.XFRM_PROTO_ESP, Mode: netlink.XFRM_MODE_TRANSPORT, Spi: 0x6c327476,
		Aead: &netlink.XfrmStateAlgo{Name: "rfc4106(gcm(aes))", Key: make([]byte, 36), ICVLen: 128},
	}
	if err := handle.XfrmStateAdd(sa); err != nil && !errors.Is(err, unix.EEXIST) {
		return missingESP(err)
	}
	// The probe of another daemon may have deleted it.
	if err := handle.XfrmStateDel(sa); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("deleting the security association of the probe for ESP: %w", err)
	}
	return nil
}

func missingESP(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("no permission to use IPsec: %w; want CAP_NET_ADMIN, which root has", err)
	}
	return fmt.Errorf("this kernel has no ESP (RFC 4303): %w; want one with CONFIG_INET_ESP, CONFIG_INET6_ESP and CONFIG_CRYPTO_GCM, "+
		"such as Debian's linux-image-amd64; in a container, run `modprobe esp4 esp6` on its host", err)
}
