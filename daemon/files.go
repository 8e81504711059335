package daemon

import (
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/config"
)

// What the daemon has open: for a link over the kernel data plane a socket, a PPP channel and a PPP
// unit; over the userspace one less. A virtual router has its namespace and a socket that hears of
// its interfaces. A tunnel has a socket and a few files to ask the kernel with.
const (
	filesPerLink   = 3
	filesPerRouter = 2
	filesPerPeer   = 8
	filesBesides   = 512 // of which most are open for a moment only, while links are made
)

// filesFor is how many files a daemon with that configuration may have open at once.
func filesFor(cfg *config.Config) uint64 {
	links := 0
	for _, vpn := range cfg.VPNs {
		links += len(vpn.Links)
	}
	return uint64(filesBesides + filesPerPeer*len(cfg.Peers) + filesPerRouter*len(cfg.VPNs) + filesPerLink*links)
}

// allowFiles raises the limit of open files, if need be. Up to the hard limit everybody may, and
// beyond it who has CAP_SYS_RESOURCE.
func allowFiles(want uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("ask for the limit of open files: %w", err)
	}
	if limit.Cur >= want {
		return nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: want, Max: max(want, limit.Max)}); err != nil {
		return fmt.Errorf("raise the limit of open files from %d to %d: %w", limit.Max, want, err)
	}
	return nil
}

// makeRoom sees that all links can have their files open, or says that they may not.
func (d *Daemon) makeRoom() {
	if err := allowFiles(filesFor(d.cfg())); err != nil {
		d.log.Warn("too few files may be open for all links; some may stay down until there may be more (LimitNOFILE, ulimit -Hn)",
			zap.String("reason", err.Error()))
	}
}
