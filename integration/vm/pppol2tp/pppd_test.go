package pppol2tp

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// pppd is a running pppd.
type pppd struct {
	cmd  *exec.Cmd
	log  transcript
	done chan struct{} // closed when it has ended
}

// options are the options of every pppd. The plugin expects the number of the socket's file
// descriptor, which is the first one after standard error.
var options = []string{
	"plugin", "pppol2tp.so", "pppol2tp", "3",
	"nodetach", "debug", "noauth", "nodefaultroute",
	"lcp-restart", "1", "lcp-max-terminate", "1", // do not wait long for a peer that has ended
}

// startPPPD starts pppd on a socket of PPP over L2TP. pppd then owns the socket.
func startPPPD(in lab.Namespace, socket *os.File, more ...string) (*pppd, error) {
	defer socket.Close()
	p := &pppd{done: make(chan struct{})}
	p.cmd = in.Command(context.Background(), "/usr/sbin/pppd", append(options, more...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.ExtraFiles = []*os.File{socket}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // the reason is in the log
		close(p.done)
	}()
	return p, nil
}

// transcript collects the output of a program.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
