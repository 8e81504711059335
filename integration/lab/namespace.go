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

// Path is the file that holds the namespace.
func (n Namespace) Path() string { return "/run/netns/" + string(n) }

// Exists says whether the namespace is there.
func (n Namespace) Exists() bool {
	_, err := os.Stat(n.Path())
	return err == nil
}

// Add makes the namespace, with its loopback interface up.
func (n Namespace) Add() error {
	if err := run(exec.Command("ip", "netns", "add", string(n))); err != nil {
		return err
	}
	return n.IP("link set lo up")
}

// Delete removes the namespace. Its devices go once no process is left inside.
func (n Namespace) Delete() error {
	return run(exec.Command("ip", "netns", "delete", string(n)))
}

// IP carries out commands of ip(8) inside the namespace, each given without the leading "ip".
func (n Namespace) IP(commands ...string) error {
	cmd := exec.Command("ip", "-n", string(n), "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	if err := run(cmd); err != nil {
		return fmt.Errorf("in namespace %s, %q: %w", n, commands, err)
	}
	return nil
}

// Command is a program to be run inside the namespace, as exec.CommandContext would run it outside.
// Its process is the program's own, with the mounts of the caller.
func (n Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.Path(), name}, args...)...)
}

// Do runs f on a thread that is inside the namespace. Sockets that f makes stay there.
func (n Namespace) Do(f func() error) error {
	handle, err := netns.Open(n.Path())
	if err != nil {
		return err
	}
	defer handle.Close()
	return netns.Do(handle, f)
}

// Interfaces are the names of the network interfaces inside the namespace.
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

// run runs a command; its error includes what the command said.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
