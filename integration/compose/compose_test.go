// Package compose runs two PEs and their customers as containers, as docker-compose.yml describes
// them.
package compose

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The names of what the tests make, so that nothing of a user's is touched.
const project, tag = "l2tpvl-test", "test"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The networks have fixed addresses: one at a time on a machine.
	lock, err := os.OpenFile("/tmp/l2tpvl-compose.lock", os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		defer lock.Close()
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err == nil {
		err = command("make", "-C", "../..", "image", "TAG="+tag)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := compose("down", "--volumes", "--timeout", "10"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return m.Run()
}

// command runs a program, and has its output in the error.
func command(name string, args ...string) error {
	_, err := output(name, args...)
	return err
}

func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "L2TPVL_TAG="+tag)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// compose runs docker-compose, or docker compose where that is what there is.
func compose(args ...string) error {
	_, err := composed(args...)
	return err
}

func composed(args ...string) (string, error) {
	args = append([]string{"--project-name", project}, args...)
	if _, err := exec.LookPath("docker-compose"); errors.Is(err, exec.ErrNotFound) {
		return output("docker", append([]string{"compose"}, args...)...)
	}
	return output("docker-compose", args...)
}

// in runs a program in the container of a service, as compose exec does, but without its second of
// getting ready.
func in(service, program string, args ...string) (string, error) {
	id, err := container(service)
	if err != nil {
		return "", err
	}
	return output("docker", append([]string{"exec", id, program}, args...)...)
}

// must fails the test, with what the PEs have logged.
func must(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	logs, _ := composed("logs", "--no-color", "--tail", "40", "pe1", "pe2")
	t.Fatalf("%v\n%s", err, logs)
}

var containers = map[string]string{}

// container is the container of a service, which stays the same.
func container(service string) (string, error) {
	if id := containers[service]; id != "" {
		return id, nil
	}
	id, err := composed("ps", "--all", "-q", service)
	containers[service] = strings.TrimSpace(id)
	return containers[service], err
}

// pes are the services that have links.
var pes = []string{"pe1", "pe2"}

// linksUp waits until both links are up at both PEs.
func linksUp(t *testing.T) {
	t.Helper()
	for _, pe := range pes {
		_, err := in(pe, "l2tpvl-ctl", "links", "--wait", "90s")
		must(t, err)
	}
}

// linksDown waits until a PE has none of its links up.
func linksDown(t *testing.T, pe string) {
	t.Helper()
	var links string
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var err error
		links, err = in(pe, "l2tpvl-ctl", "links")
		must(t, err)
		if !strings.Contains(links, "  up  ") && strings.Contains(links, "  down  ") {
			return
		}
	}
	t.Fatalf("links of %s have not gone down:\n%s", pe, links)
}

// passes checks the way from each customer at site 1 to his own host at site 2, which has the same
// address as the other's.
func passes(t *testing.T) {
	t.Helper()
	for _, customer := range []string{"red", "blue"} {
		_, err := in(customer+"1", "customer", "ping", "--count", "1", "--wait", "60s", "10.1.2.2")
		must(t, err)
		answer, err := in(customer+"1", "customer", "ask", "10.1.2.2")
		must(t, err)
		if want := customer + " at site 2\n"; answer != want {
			t.Errorf("%s1 asked 10.1.2.2 who it is: %q, want %q", customer, answer, want)
		}
		answer, err = in(customer+"2", "customer", "ask", "10.1.1.2")
		must(t, err)
		if want := customer + " at site 1\n"; answer != want {
			t.Errorf("%s2 asked 10.1.1.2 who it is: %q, want %q", customer, answer, want)
		}
	}
}

// said are the commands in README.md for when all is up.
var said = regexp.MustCompile(`(?m)^    docker compose (exec -T .*)$`)

// tryReadme types what README.md says, and looks for what that promises.
func tryReadme(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	must(t, err)
	heard := ""
	for _, line := range said.FindAllStringSubmatch(string(text), -1) {
		out, err := composed(strings.Fields(line[1])...)
		must(t, err)
		heard += out
	}
	for _, want := range []string{"vl-red-pe2", "vl-blue-pe2", "pe2 is UP since", "3 received", "red at site 2", "blue at site 2", "octets arrived as they were sent"} {
		if !strings.Contains(heard, want) {
			t.Errorf("what README.md says to type does not give %q, but:\n%s", want, heard)
		}
	}
}

func TestTwoPEs(t *testing.T) {
	must(t, compose("down", "--timeout", "1")) // what a run has left that was killed
	must(t, compose("up", "-d", "--no-build"))
	linksUp(t)
	tryReadme(t)

	t.Run("traffic", func(t *testing.T) {
		passes(t)
		for _, host := range []string{"red1", "blue1"} {
			sent, err := in(host, "customer", "send", "--size", "8000000", "10.1.2.2")
			must(t, err)
			if !strings.HasPrefix(sent, "8000000 octets arrived as they were sent") {
				t.Errorf("%s: %s", host, sent)
			}
		}
	})

	t.Run("isolation", func(t *testing.T) {
		const bluesAlone = "10.1.2.99"
		_, err := in("blue1", "customer", "ping", "--count", "1", bluesAlone)
		must(t, err)
		out, err := in("red1", "customer", "ping", "--count", "1", "--wait", "3s", bluesAlone)
		if err == nil || !strings.Contains(out, " 0 received") {
			t.Errorf("red1 pings an address that blue alone has: %v\n%s", err, out)
		}
		// Nor does a customer reach the provider's network.
		out, err = in("red1", "customer", "ping", "--count", "1", "--wait", "3s", "198.51.100.12")
		if err == nil || !strings.Contains(out, " 0 received") {
			t.Errorf("red1 pings pe2 itself: %v\n%s", err, out)
		}
	})

	pe2, err := container("pe2")
	must(t, err)
	core := project + "_core"
	for _, way := range []struct {
		name      string
		away      func() error
		back      func() error
		unanswers bool // pe2 cannot be asked while it is away
	}{
		{
			"stopped",
			func() error { return compose("stop", "pe2") },
			func() error { return compose("start", "pe2") },
			true,
		},
		{
			"paused",
			func() error { return compose("pause", "pe2") },
			func() error { return compose("unpause", "pe2") },
			true,
		},
		{
			"killed",
			func() error { return compose("kill", "pe2") },
			func() error { return compose("start", "pe2") },
			true,
		},
		{
			"cut off",
			func() error { return command("docker", "network", "disconnect", core, pe2) },
			func() error { return command("docker", "network", "connect", "--ip", "198.51.100.12", core, pe2) },
			false,
		},
	} {
		t.Run(way.name, func(t *testing.T) {
			must(t, way.away())
			linksDown(t, "pe1")
			if !way.unanswers {
				linksDown(t, "pe2")
			}
			must(t, way.back())
			linksUp(t)
			passes(t)
		})
	}

	t.Run("orderly end", func(t *testing.T) {
		must(t, compose("stop", "pe1", "pe2"))
		for _, pe := range pes {
			logs, err := composed("logs", "--no-color", "--tail", "5", pe)
			must(t, err)
			if !strings.Contains(logs, "stopped") {
				t.Errorf("%s has not said that it stopped:\n%s", pe, logs)
			}
			id, err := container(pe)
			must(t, err)
			code, err := output("docker", "inspect", "--format", "{{.State.ExitCode}}", id)
			must(t, err)
			if strings.TrimSpace(code) != "0" {
				t.Errorf("%s ended with status %s", pe, code)
			}
		}
	})
}
