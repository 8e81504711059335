// Package compose tests two PEs and their customers as containers, with the docker-compose.yml and
// the README.md of this directory.
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

// The Compose project and image tag of the tests, which differ from those of a user.
const project, tag = "l2tpvl-test", "test"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The networks have fixed addresses, so only one test can run on a machine at a time.
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

// command runs a program. Its error has the output of the program.
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

// compose runs docker-compose, or docker compose if docker-compose is not installed.
func compose(args ...string) error {
	_, err := composeOutput(args...)
	return err
}

func composeOutput(args ...string) (string, error) {
	args = append([]string{"--project-name", project}, args...)
	if _, err := exec.LookPath("docker-compose"); errors.Is(err, exec.ErrNotFound) {
		return output("docker", append([]string{"compose"}, args...)...)
	}
	return output("docker-compose", args...)
}

// in runs a program in the container of a service. It is about a second faster than compose exec.
func in(service, program string, args ...string) (string, error) {
	id, err := container(service)
	if err != nil {
		return "", err
	}
	return output("docker", append([]string{"exec", id, program}, args...)...)
}

// must fails the test if err is not nil, and prints the last lines of the PEs' logs.
func must(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	logs, _ := composeOutput("logs", "--no-color", "--tail", "40", "pe1", "pe2")
	t.Fatalf("%v\n%s", err, logs)
}

// containers are the containers by service. They stay the same during the tests.
var containers = map[string]string{}

// container returns the ID of the container of a service.
func container(service string) (string, error) {
	if id := containers[service]; id != "" {
		return id, nil
	}
	id, err := composeOutput("ps", "--all", "-q", service)
	containers[service] = strings.TrimSpace(id)
	return containers[service], err
}

// pes are the services with links.
var pes = []string{"pe1", "pe2"}

// linksUp waits until both links are up on both PEs.
func linksUp(t *testing.T) {
	t.Helper()
	for _, pe := range pes {
		_, err := in(pe, "l2tpvl-ctl", "links", "--wait", "90s")
		must(t, err)
	}
}

// linksDown waits until all links of a PE are down.
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
	t.Fatalf("links of %s are not down:\n%s", pe, links)
}

// checkPaths checks that each customer's hosts reach each other. Both customers' hosts have the
// same addresses.
func checkPaths(t *testing.T) {
	t.Helper()
	for _, customer := range []string{"red", "blue"} {
		_, err := in(customer+"1", "customer", "ping", "--count", "1", "--wait", "60s", "10.1.2.2")
		must(t, err)
		answer, err := in(customer+"1", "customer", "ask", "10.1.2.2")
		must(t, err)
		if want := customer + " at site 2\n"; answer != want {
			t.Errorf("%s1 asked 10.1.2.2 for its name: got %q, want %q", customer, answer, want)
		}
		answer, err = in(customer+"2", "customer", "ask", "10.1.1.2")
		must(t, err)
		if want := customer + " at site 1\n"; answer != want {
			t.Errorf("%s2 asked 10.1.1.2 for its name: got %q, want %q", customer, answer, want)
		}
	}
}

// readmeCommands are the commands in README.md for running containers.
var readmeCommands = regexp.MustCompile(`(?m)^    docker compose (exec -T .*)$`)

// checkReadme runs the commands in README.md and checks their output.
func checkReadme(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	must(t, err)
	all := ""
	for _, line := range readmeCommands.FindAllStringSubmatch(string(text), -1) {
		out, err := composeOutput(strings.Fields(line[1])...)
		must(t, err)
		all += out
	}
	for _, want := range []string{"vl-red-pe2", "vl-blue-pe2", "pe2 is UP since", "3 received", "red at site 2", "blue at site 2", "octets transferred unchanged"} {
		if !strings.Contains(all, want) {
			t.Errorf("the output of the commands in README.md has no %q:\n%s", want, all)
		}
	}
}

func TestTwoPEs(t *testing.T) {
	must(t, compose("down", "--timeout", "1")) // remove the containers of a run that was killed
	must(t, compose("up", "-d", "--no-build"))
	linksUp(t)
	checkReadme(t)

	t.Run("traffic", func(t *testing.T) {
		checkPaths(t)
		for _, host := range []string{"red1", "blue1"} {
			sent, err := in(host, "customer", "send", "--size", "8000000", "10.1.2.2")
			must(t, err)
			if !strings.HasPrefix(sent, "8000000 octets transferred unchanged") {
				t.Errorf("%s: output of send: %s", host, sent)
			}
		}
	})

	t.Run("isolation", func(t *testing.T) {
		const onlyBlue = "10.1.2.99"
		_, err := in("blue1", "customer", "ping", "--count", "1", onlyBlue)
		must(t, err)
		out, err := in("red1", "customer", "ping", "--count", "1", "--wait", "3s", onlyBlue)
		if err == nil || !strings.Contains(out, " 0 received") {
			t.Errorf("red1 reaches an address that only blue has: %v\n%s", err, out)
		}
		// A customer does not reach the provider network, either.
		out, err = in("red1", "customer", "ping", "--count", "1", "--wait", "3s", "198.51.100.12")
		if err == nil || !strings.Contains(out, " 0 received") {
			t.Errorf("red1 reaches pe2 in the provider network: %v\n%s", err, out)
		}
	})

	pe2, err := container("pe2")
	must(t, err)
	core := project + "_core"
	for _, outage := range []struct {
		name      string
		begin     func() error
		end       func() error
		pe2Silent bool // l2tpvl-ctl cannot run on pe2 during the outage
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
			"disconnected",
			func() error { return command("docker", "network", "disconnect", core, pe2) },
			func() error { return command("docker", "network", "connect", "--ip", "198.51.100.12", core, pe2) },
			false,
		},
	} {
		t.Run(outage.name, func(t *testing.T) {
			must(t, outage.begin())
			linksDown(t, "pe1")
			if !outage.pe2Silent {
				linksDown(t, "pe2")
			}
			must(t, outage.end())
			linksUp(t)
			checkPaths(t)
		})
	}

	t.Run("orderly shutdown", func(t *testing.T) {
		must(t, compose("stop", "pe1", "pe2"))
		for _, pe := range pes {
			logs, err := composeOutput("logs", "--no-color", "--tail", "5", pe)
			must(t, err)
			if !strings.Contains(logs, "stopped") {
				t.Errorf("%s has not logged that it stopped:\n%s", pe, logs)
			}
			id, err := container(pe)
			must(t, err)
			code, err := output("docker", "inspect", "--format", "{{.State.ExitCode}}", id)
			must(t, err)
			if strings.TrimSpace(code) != "0" {
				t.Errorf("%s exited with status %s, want 0", pe, strings.TrimSpace(code))
			}
		}
	})
}
