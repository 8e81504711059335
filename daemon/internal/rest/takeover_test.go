package rest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

// dyingHolder is the environment variable with the socket that a process keeps open while it ends.
const dyingHolder = "L2TPVL_TEST_DYING_HOLDER"

// A process whose first thread has ended looks like a killed one whose interfaces the kernel is
// removing: it has no executable any more, and its files are still open.
func init() {
	socket := os.Getenv(dyingHolder)
	if socket == "" {
		return
	}
	runtime.LockOSThread() // during init this is the first
	if _, err := net.Listen("unix", socket); err != nil {
		println(err.Error())
		os.Exit(1)
	}
	println("listening")
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
}

// A daemon killed with thousands of links may take minutes to end; its successor waits and logs
// that.
func TestSuccessorWaitsForDying(t *testing.T) {
	socket := t.TempDir() + "/s"
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), dyingHolder+"="+socket)
	words, err := holder.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	gone := func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	}
	defer gone()
	if line, err := bufio.NewReader(words).ReadString('\n'); line != "listening\n" {
		t.Fatalf("start of the process with the socket: %q, %v", line, err)
	}

	core, logged := observer.New(zap.InfoLevel)
	waited := make(chan error)
	go func() { waited <- awaitDeath(t.Context(), zap.New(core), socket, time.Millisecond) }()
	select {
	case err := <-waited:
		t.Fatalf("did not wait for the ending process: %v", err)
	case <-time.After(2500 * time.Millisecond): // it has checked twice
	}
	gone()
	if err := <-waited; err != nil {
		t.Errorf("after its end: %v", err)
	}
	if lines := logged.All(); len(lines) != 1 || !strings.Contains(lines[0].Message, "waiting for a killed daemon") {
		t.Errorf("logged %+v, want one line about the wait", lines)
	}
}
