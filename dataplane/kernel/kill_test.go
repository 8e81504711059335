package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// victim is an environment variable. It is set in the process that will be killed, to the
// difference between its Control Connection ID and that of its successor.
const victim = "L2TPVL_VICTIM"

// victimSessions is the number of sessions of the victim.
const victimSessions = 20

// inherited is the virtual router of the victim: the network namespace of file descriptor 3.
type inherited struct{}

func (inherited) Do(f func() error) error { return netns.Do(3, f) }

// beVictim opens a tunnel and sessions, prints "ready", and waits until it is killed.
func beVictim() error {
	var addresses [2]netip.Addr
	for i, argument := range os.Args[len(os.Args)-2:] {
		address, err := netip.ParseAddr(argument)
		if err != nil {
			return err
		}
		addresses[i] = address
	}
	offset, err := strconv.Atoi(os.Getenv(victim))
	if err != nil {
		return err
	}
	tunnel, err := Plane{}.OpenTunnel(dataplane.TunnelConfig{
		Local: addrPort(addresses[0], 1701), Peer: addrPort(addresses[1], 1701),
		Control: func([]byte) {}, PathChanged: func() {}, Unreachable: func(error) {},
	})
	if err != nil {
		return err
	}
	p := &planetest.PE{Tunnel: tunnel}
	g := &planetest.Rig{PEs: [2]*planetest.PE{p, p}}
	for id := range uint32(victimSessions) {
		e := g.End(0, id+1, 8)
		e.Config.Namespace = inherited{}
		e.Config.LocalConnectionID += uint32(offset)
		if err := e.Create(); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// A daemon is killed, or exits without closing anything, and another one starts at once, while the
// kernel still removes the sessions of the first one. The second one creates sessions with the same
// names and the same peer as soon as the names are free, and they work. So they do with the same
// Control Connection ID, which is in use until then, too.
func TestKilled(t *testing.T) {
	for _, tt := range []struct {
		name   string
		offset int
		end    func(p *os.Process, stdin io.Closer) error
	}{
		{"killed", 0x100, func(p *os.Process, _ io.Closer) error { return p.Kill() }},
		{"exit, same ID", 0, func(_ *os.Process, stdin io.Closer) error { return stdin.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) { testKilled(t, tt.offset, tt.end) })
	}
}

func testKilled(t *testing.T, offset int, end func(p *os.Process, stdin io.Closer) error) {
	g := planetest.NewRig(t, [2]dataplane.Plane{Plane{}, Plane{}})
	p := g.PEs[0]
	cmd := exec.Command("/proc/self/exe", "-test.run=^$", p.V4.String(), g.PEs[1].V4.String())
	cmd.Env = append(os.Environ(), victim+"="+strconv.Itoa(offset))
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{p.VR.File(t)}
	stdin, err := cmd.StdinPipe()
	planetest.Must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	planetest.Must(t, err)
	planetest.Must(t, p.Host.Do(cmd.Start)) // the process starts in the namespace of the thread
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the victim printed %q, %v; want ready", line, err)
	}
	if links := p.VR.Links(t); len(links) != victimSessions {
		t.Fatalf("the victim has the interfaces %q, want %d", links, victimSessions)
	}
	planetest.Must(t, end(cmd.Process, stdin))
	g.OpenTunnels(t, false)
	var creating errgroup.Group
	for id := range uint32(victimSessions) {
		ends := [2]*planetest.End{g.End(0, id+1, 8), g.End(1, id+1, 8)}
		creating.Go(func() error {
			if err := ends[1].Create(); err != nil {
				return err
			}
			err := os.ErrExist
			for errors.Is(err, os.ErrExist) { // like the attempts of a daemon, but without pause
				err = ends[0].Create()
			}
			if err == nil {
				err = ends[0].SendFrame([]byte(lcpEcho))
			}
			if err == nil {
				<-ends[1].Frames
				err = ends[1].SendFrame([]byte(lcpEcho))
			}
			if err == nil {
				<-ends[0].Frames
			}
			return err
		})
	}
	planetest.Must(t, creating.Wait())
	var killed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &killed) {
		t.Errorf("the victim ended with %v, want an exit error", err)
	}
	if old := p.VR.Links(t); len(old) != victimSessions {
		t.Errorf("the successor has the interfaces %q, want %d", old, victimSessions)
	}
}
