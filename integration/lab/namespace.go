package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// Namespace is a network namespace, by its name in /run/netns.
type Namespace string

// Path returns the path of the namespace's file.
func (n Namespace) Path() string { return "/run/netns/" + string(n) }

// Exists reports whether the namespace exists.
func (n Namespace) Exists() bool {
	_, err := os.Stat(n.Path())
	return err == nil
}

// Add creates the namespace and sets its loopback interface up.
func (n Namespace) Add() error {
	if err := run(exec.Command("ip", "netns", "add", string(n))); err != nil {
		return err
	}
	return n.IP("link set lo up")
}

// Delete deletes the namespace. Its devices are removed when no process is left inside.
func (n Namespace) Delete() error {
	return run(exec.Command("ip", "netns", "delete", string(n)))
}

// IP runs commands of ip(8) inside the namespace. The commands do not include "ip" itself.
func (n Namespace) IP(commands ...string) error {
	cmd := exec.Command("ip", "-n", string(n), "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	if err := run(cmd); err != nil {
		return fmt.Errorf("in namespace %s, %q: %w", n, commands, err)
	}
	return nil
}

// Command returns a command like exec.CommandContext that runs inside the namespace. Its process is
// that of the program itself, with the mounts of the caller.
func (n Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.Path(), name}, args...)...)
}

// Do runs f on a thread inside the namespace. Sockets that f creates remain there.
func (n Namespace) Do(f func() error) error {
	handle, err := netns.Open(n.Path())
	if err != nil {
		return err
	}
	defer handle.Close()
	return netns.Do(handle, f)
}

// Interfaces returns the names of the network interfaces inside the namespace.
func (n Namespace) Interfaces() ([]string, error) {
	out, err := exec.Command("ip", "-n", string(n), "-brief", "link").Output()
	if err != nil {
		return nil, fmt.Errorf("interfaces of namespace %s: %w", n, err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.Fields(line)[0], "@")
		names = append(names, name)
	}
	return names, nil
}

// run runs a command. The error includes the output of the command.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
