package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/vr"
)

// namespace is an open network namespace.
type namespace struct{ handle netns.NsHandle }

// namespaces are the named network namespaces.
type namespaces struct{ home namespace }

func pathOf(s vr.Spec) string { return filepath.Join(Directory, s.NetNS) }

func (namespaces) stat(s vr.Spec) (identity, error) { return statFile(pathOf(s)) }

func (namespaces) open(s vr.Spec) (place, error) {
	ns, id, err := openNamespace(pathOf(s))
	return place{id: id, namespace: ns}, err
}

func (n namespaces) create(s vr.Spec) (place, error) {
	if err := createNamespace(pathOf(s), n.home); err != nil {
		return place{}, err
	}
	return n.open(s)
}

func (namespaces) remove(s vr.Spec) error { return removeNamespace(pathOf(s)) }

// statFile is the identity of what is at path.
func statFile(path string) (identity, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return identity{dev: st.Dev, ino: st.Ino}, nil
}

// openNamespace opens the network namespace at path.
func openNamespace(path string) (namespace, identity, error) {
	handle, err := netns.GetFromPath(path)
	if err != nil {
		return namespace{}, identity{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	// A file without a namespace is there while `ip netns add` runs, or when a namespace was
	// unmounted by hand.
	if kind, err := unix.IoctlRetInt(int(handle), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		return namespace{}, identity{}, errors.Join(fmt.Errorf("%s is a file without a network namespace: remove it, unless it is just being made", path), handle.Close())
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(handle), &st); err != nil {
		return namespace{}, identity{}, errors.Join(&os.PathError{Op: "stat", Path: path, Err: err}, handle.Close())
	}
	return namespace{handle}, identity{dev: st.Dev, ino: st.Ino}, nil
}

// createNamespace makes a network namespace at path with its loopback interface up. It forwards: it
// is a router.
func createNamespace(path string, home namespace) error {
	if err := shareDirectory(); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	file.Close()

	done := make(chan error)
	go func() {
		// As in Router.Do: a thread that cannot go back ends with this goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
		}
		if err == nil {
			err = netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}})
		}
		if err == nil {
			err = forward()
		}
		if home.enter() == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	if err = <-done; err != nil {
		return errors.Join(fmt.Errorf("create network namespace %s: %w", path, err), removeNamespace(path))
	}
	return nil
}

// forward has the namespace of the calling thread forward packets, IPv6 ones if it knows IPv6.
func forward() error {
	if err := writeSysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	if err := writeSysctl("ipv6/conf/all/forwarding", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sharing is so that Directory does not become a mount point twice.
var sharing sync.Mutex

// shareDirectory makes Directory a shared mount, as ip-netns(8) does: so that namespaces are seen,
// and can be deleted, in other mount namespaces too.
func shareDirectory() error {
	sharing.Lock()
	defer sharing.Unlock()
	err := unix.Mount("", Directory, "", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // no mount point yet
		if err = unix.Mount(Directory, Directory, "", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", Directory, "", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("make %s a shared mount: %w", Directory, err)
	}
	return nil
}

// removeNamespace takes the name away from a namespace; the kernel frees it when nobody holds it.
func removeNamespace(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: not mounted
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return os.Remove(path)
}

func (ns namespace) enter() error {
	if err := netns.Set(ns.handle); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

func (ns *namespace) close() { _ = ns.handle.Close() } // of a descriptor only read: nothing is lost
