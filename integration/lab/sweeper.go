package lab

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// sweepScript waits until its input ends, then removes the lab with prefix $1 and directory $2.
const sweepScript = `
trap '' INT TERM HUP
cat
cd /run/netns || exit 1
for ns in "$1"-*; do
	[ -e "$ns" ] || continue
	ip netns pids "$ns" | xargs -r kill -9
done
status=0
for ns in "$1"-*; do
	[ -e "$ns" ] || continue
	ip netns delete "$ns" || status=1
done
rm -rf "$2" || status=1
exit $status
`

// sweeper removes a lab. It is a separate process that reads a pipe from this process. When this
// process ends in any way, also by a panic, the time-out of a test or SIGKILL, the kernel closes
// the pipe and the sweeper starts to work.
type sweeper struct {
	cmd    *exec.Cmd
	pipe   io.Closer
	output strings.Builder
}

func startSweeper(prefix, dir string) (*sweeper, error) {
	s := &sweeper{cmd: exec.Command("sh", "-c", sweepScript, "sweeper", prefix, dir)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C does not reach it
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	pipe, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.pipe = pipe
	return s, s.cmd.Start()
}

// sweep starts the removal and waits until it has finished.
func (s *sweeper) sweep() error {
	s.pipe.Close()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("removing the lab: %w: %s", err, strings.TrimSpace(s.output.String()))
	}
	return nil
}
