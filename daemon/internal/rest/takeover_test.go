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

// dyingHolder is the environment variable with the socket that a process holds while it dies.
const dyingHolder = "L2TPVL_TEST_DYING_HOLDER"

// A process that has lost its first thread looks as one does whose interfaces the kernel is
// removing: it has begun to end, and holds its files.
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

// One that was killed with thousands of links may take minutes to be gone; its successor waits, and
// says so.
func TestSuccessorWaitsForTheDying(t *testing.T) {
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
		t.Fatalf("the process that is to hold the socket: %q, %v", line, err)
	}

	core, logged := observer.New(zap.InfoLevel)
	waited := make(chan error)
	go func() { waited <- awaitDeath(t.Context(), zap.New(core), socket, time.Millisecond) }()
	select {
	case err := <-waited:
		t.Fatalf("did not wait for a process that is dying: %v", err)
	case <-time.After(2500 * time.Millisecond): // it has asked twice
	}
	gone()
	if err := <-waited; err != nil {
		t.Errorf("after its death: %v", err)
	}
	if told := logged.All(); len(told) != 1 || !strings.Contains(told[0].Message, "waiting for a killed daemon") {
		t.Errorf("told %+v, want once that it waits", told)
	}
}
