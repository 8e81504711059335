package daemon

import (
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/config"
)

// Open files of the daemon. A link over the kernel data plane has a socket, a PPP channel and a PPP
// unit; over the userspace data plane one file less. A virtual router has its namespace and a
// socket for notifications about its interfaces. A tunnel has a socket, and a few files for queries
// to the kernel.
const (
	filesPerLink   = 3
	filesPerRouter = 2
	filesPerPeer   = 8
	filesBesides   = 512 // most of them are open only for a moment, while links are created
)

// filesFor returns how many files a daemon with that configuration may have open at once.
func filesFor(cfg *config.Config) uint64 {
	links := 0
	for _, vpn := range cfg.VPNs {
		links += len(vpn.Links)
	}
	return uint64(filesBesides + filesPerPeer*len(cfg.Peers) + filesPerRouter*len(cfg.VPNs) + filesPerLink*links)
}

// allowFiles raises the process's limit of open files to want, if it is lower. Any process may
// raise its limit up to the hard limit; beyond that it needs CAP_SYS_RESOURCE.
func allowFiles(want uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("get the limit of open files: %w", err)
	}
	if limit.Cur >= want {
		return nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: want, Max: max(want, limit.Max)}); err != nil {
		return fmt.Errorf("raise the limit of open files from %d to %d: %w", limit.Max, want, err)
	}
	return nil
}

// raiseFileLimit raises the limit of open files for the running configuration, or logs that it
// cannot.
func (d *Daemon) raiseFileLimit() {
	if err := allowFiles(filesFor(d.cfg())); err != nil {
		d.log.Warn("limit of open files too low for all links; some may stay down (raise LimitNOFILE or ulimit -Hn)",
			zap.String("reason", err.Error()))
	}
}
