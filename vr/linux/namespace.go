package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/vr"
)

// namespaces are the named network namespaces.
type namespaces struct{}

func pathOf(s vr.Spec) string { return filepath.Join(Directory, s.NetNS) }

func (namespaces) stat(s vr.Spec) (identity, error) { return statFile(pathOf(s)) }

func (namespaces) open(s vr.Spec) (place, error) {
	ns, id, err := openNamespace(pathOf(s))
	return place{id: id, namespace: ns}, err
}

func (n namespaces) create(s vr.Spec) (place, error) {
	if err := createNamespace(pathOf(s)); err != nil {
		return place{}, err
	}
	return n.open(s)
}

func (namespaces) remove(s vr.Spec) error { return removeNamespace(pathOf(s)) }

// statFile returns the identity of the namespace that is mounted at path.
func statFile(path string) (identity, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return identity{dev: st.Dev, ino: st.Ino}, nil
}

// openNamespace opens the network namespace at path.
func openNamespace(path string) (netns.Handle, identity, error) {
	handle, err := netns.Open(path)
	if err != nil {
		return netns.None, identity{}, err
	}
	// The file exists without a namespace while `ip netns add` runs, and after a namespace was
	// unmounted by hand.
	if kind, err := unix.IoctlRetInt(int(handle), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		return netns.None, identity{}, errors.Join(
			fmt.Errorf("%s is a file without a network namespace: remove it, unless `ip netns add` is still running", path),
			handle.Close())
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(handle), &st); err != nil {
		return netns.None, identity{}, errors.Join(&os.PathError{Op: "stat", Path: path, Err: err}, handle.Close())
	}
	return handle, identity{dev: st.Dev, ino: st.Ino}, nil
}

// createNamespace creates a network namespace at path, with its loopback interface up. It forwards
// packets, because it is a router.
func createNamespace(path string) error {
	if err := shareDirectory(); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	file.Close()

	err = netns.Run(netns.Unshare, func() error {
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}); err != nil {
			return err
		}
		return enableForwarding()
	})
	if err != nil {
		return errors.Join(fmt.Errorf("create network namespace %s: %w", path, err), removeNamespace(path))
	}
	return nil
}

// enableForwarding makes the namespace of the calling thread forward packets: IPv4, and IPv6 if the
// host supports it.
func enableForwarding() error {
	if err := writeSysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	if err := writeSysctl("ipv6/conf/all/forwarding", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sharing makes sure that Directory does not become a mount point twice.
var sharing sync.Mutex

// shareDirectory makes Directory a shared mount, as ip-netns(8) does, so that namespaces are
// visible and can be deleted in other mount namespaces, too.
func shareDirectory() error {
	sharing.Lock()
	defer sharing.Unlock()
	err := unix.Mount("", Directory, "", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // not a mount point yet
		if err = unix.Mount(Directory, Directory, "", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", Directory, "", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("make %s a shared mount: %w", Directory, err)
	}
	return nil
}

// removeNamespace removes the name of a namespace. The kernel deletes the namespace when no process
// has it open or is inside.
func removeNamespace(path string) error {
	// EINVAL: not mounted.
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return os.Remove(path)
}
