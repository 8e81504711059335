// Package packaging tests the packages: it installs, upgrades and removes them, and runs the
// service under systemd, on two machines, which are containers with a clean Debian.
package packaging

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The packages are built with two versions.
const first, second = "0~test1", "0~test2"

const (
	image   = "l2tpvl-debian:test"
	network = "l2tpvl-package-test"
	prefix  = network + "-" // of the containers
	service = "l2tpvld.service"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	for _, version := range []string{first, second} {
		if _, err := output("make", "-C", "../..", "package", "PACKAGE_VERSION="+version); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// output runs a program and returns its standard output and standard error. The error includes
// both.
func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String() + errs.String(), err
}

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := output(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// built returns the path of the package with a version and an extension.
func built(t *testing.T, version, extension string) string {
	t.Helper()
	paths, err := filepath.Glob("../../bin/packages/l2tpvl?" + version + "*" + extension)
	if err != nil || len(paths) != 1 {
		t.Fatalf("packages of version %s: %v, %v; want one", version, paths, err)
	}
	return paths[0]
}

// common lists files that are in the packages of both formats.
var common = []string{
	"/etc/l2tpvl/l2tpvl.yaml",
	"/usr/bin/l2tpvl-ctl",
	"/usr/bin/l2tpvld",
	"/usr/lib/systemd/system/l2tpvld.service",
	"/usr/lib/sysusers.d/l2tpvl.conf",
	"/usr/share/bash-completion/completions/l2tpvl-ctl",
	"/usr/share/doc/l2tpvl/examples/l2tpvl.yaml",
	"/usr/share/fish/vendor_completions.d/l2tpvl-ctl.fish",
}

func TestRPM(t *testing.T) {
	path := built(t, first, ".rpm")
	files := strings.Fields(must(t, "rpm", "-qlp", path))
	for _, want := range append(common, "/usr/share/zsh/site-functions/_l2tpvl-ctl") {
		if !slices.Contains(files, want) {
			t.Errorf("%s does not contain %s", path, want)
		}
	}
	if got := must(t, "rpm", "-qcp", path); got != "/etc/l2tpvl/l2tpvl.yaml\n" {
		t.Errorf("the configuration files are %q, want only /etc/l2tpvl/l2tpvl.yaml", got)
	}

	// Install into an empty root directory, without scripts and dependencies: it has neither a
	// shell nor other packages.
	root := t.TempDir()
	rpm := func(args ...string) { must(t, "rpm", append([]string{"--root", root, "--noscripts"}, args...)...) }
	rpm("--install", "--nodeps", path)
	must(t, filepath.Join(root, "usr/bin/l2tpvld"), "--version")
	config := filepath.Join(root, "etc/l2tpvl/l2tpvl.yaml")
	change(t, config)
	rpm("--upgrade", "--nodeps", built(t, second, ".rpm"))
	if !changed(t, config) {
		t.Error("the upgrade overwrote the operator's configuration")
	}
	rpm("--erase", "l2tpvl")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/l2tpvld")); !os.IsNotExist(err) {
		t.Errorf("l2tpvld after the removal: %v, want that it does not exist", err)
	}
	if !changed(t, config+".rpmsave") {
		t.Error("the removal did not save the operator's configuration")
	}
}

const mark = "# by the operator\n"

// change appends mark to a file, like an operator who edits it.
func change(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, mark...), 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// changed reports whether a file ends with mark.
func changed(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	return err == nil && strings.HasSuffix(string(text), mark)
}

// systemd rates the exposure of the unit at most 4.8, on a scale from 0, safe, to 10, unsafe. A
// change must not make it worse.
func TestUnitIsHardened(t *testing.T) {
	const unit = "../../configs/systemd/" + service
	must(t, "systemd-analyze", "security", "--offline=true", "--threshold=48", unit)
}

// machine is a container with systemd as its first process.
type machine struct {
	name, address string
	t             *testing.T
}

// machines boots two machines on one network.
func machines(t *testing.T) (a, b *machine) {
	t.Helper()
	must(t, "../../scripts/debian-image", image)
	for _, left := range []string{"rm --force " + prefix + "pe1 " + prefix + "pe2", "network rm " + network} {
		_, _ = output("docker", strings.Fields(left)...) // left by a run that was killed
	}
	must(t, "docker", "network", "create", "--subnet", "203.0.113.64/28", network)
	t.Cleanup(func() { must(t, "docker", "network", "rm", network) })
	return boot(t, "pe1", "203.0.113.66"), boot(t, "pe2", "203.0.113.67")
}

func boot(t *testing.T, name, address string) *machine {
	t.Helper()
	m := &machine{prefix + name, address, t}
	must(t, "docker", "run", "--detach", "--name", m.name, "--hostname", name, "--network", network, "--ip", address,
		"--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--device", "/dev/net/tun", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec",
		"--volume", "/sys/fs/cgroup:/sys/fs/cgroup", "--env", "container=docker", image, "/sbin/init")
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := m.try("journalctl", "--no-pager", "-n", "60")
			t.Logf("%s: %s", name, log)
		}
		must(t, "docker", "rm", "--force", m.name)
	})
	m.await("the start of systemd", func() bool {
		state, _ := m.try("systemctl", "is-system-running")
		return strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded")
	})
	return m
}

// try runs a program on the machine.
func (m *machine) try(args ...string) (string, error) {
	return output("docker", append([]string{"exec", m.name}, args...)...)
}

// run is like try, and ends the test if the program fails.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
	return out
}

// shell runs a shell command line.
func (m *machine) shell(line string) string {
	m.t.Helper()
	return m.run("sh", "-c", line)
}

// await waits for up to 2 minutes until done returns true.
func (m *machine) await(what string, done func() bool) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("%s: waited 2 minutes for %s", m.name, what)
		}
	}
}

// install installs the package with a version.
func (m *machine) install(version string) {
	m.t.Helper()
	must(m.t, "docker", "cp", built(m.t, version, ".deb"), m.name+":/root/l2tpvl-"+version+".deb")
	m.run("dpkg", "--install", "/root/l2tpvl-"+version+".deb")
}

// property returns a property of the service as systemd reports it.
func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--property", name, "--value", service))
}

// configure writes a configuration with two links to a peer, one of them over IP without UDP, and a
// file with the secret.
func (m *machine) configure(peer *machine, number int) {
	m.t.Helper()
	m.shell("(umask 077; echo 'a secret of two' >/etc/l2tpvl/peer.secret)")
	m.shell(fmt.Sprintf(`cat >>/etc/l2tpvl/l2tpvl.yaml <<END
local: {hostname: pe%[1]d, router_id: %[2]s}
peers:
  peer: {address: %[3]s, secret_file: peer.secret}
  peer-ip: {address: %[3]s, secret_file: peer.secret, encapsulation: ip}
vpns:
  red:
    vpn_id: 00005e:00000001
    vr: {netns: red}
    interfaces: [{name: customer, addresses: [10.1.%[1]d.1/24]}]
    links: [{peer: peer, address: 10.255.0.%[4]d/31}]
  blue:
    vpn_id: 00005e:00000002
    vr: {netns: blue}
    links: [{peer: peer-ip, interface: vl-blue, address: 10.255.0.%[4]d/31}]
END`, number, m.address, peer.address, number-1))
	m.run("ip", "link", "add", "customer", "type", "veth", "peer", "name", "host")
}

// dropIn adds lines to the service's unit. They apply from the next start of the service.
func (m *machine) dropIn(lines string) {
	m.t.Helper()
	m.shell("mkdir -p /run/systemd/system/" + service + ".d && printf '[Service]\n" + lines + "\n' >/run/systemd/system/" + service + ".d/test.conf")
	m.run("systemctl", "daemon-reload")
}

// linksUp waits until all links are up.
func (m *machine) linksUp() {
	m.t.Helper()
	m.run("l2tpvl-ctl", "links", "--wait", "90s")
}

// The Debian package is installed on two clean machines, runs links between them, is upgraded and
// removed.
func TestDeb(t *testing.T) {
	pe1, pe2 := machines(t)
	for _, m := range []*machine{pe1, pe2} {
		m.install(first)
	}

	// After the installation the configuration has no settings, and the daemon logs what is
	// missing.
	if state, _ := pe1.try("systemctl", "is-enabled", service); state != "disabled\n" {
		t.Errorf("after the installation the service is %q, want disabled", state)
	}
	if out, err := pe1.try("systemctl", "start", service); err == nil {
		t.Errorf("the service starts without a configuration: %s", out)
	}
	if restarts := pe1.property("NRestarts"); restarts != "0" {
		t.Errorf("the service was restarted %s times without a configuration, want 0", restarts)
	}
	if log := pe1.run("journalctl", "--no-pager", "-u", service); !strings.Contains(log, "local.hostname: missing") {
		t.Errorf("the journal does not show that local.hostname is missing:\n%s", log)
	}
	pe1.run("getent", "group", "l2tpvl")
	pe1.run("bash", "-n", "/usr/share/bash-completion/completions/l2tpvl-ctl")
	for _, path := range append(common, "/usr/share/zsh/vendor-completions/_l2tpvl-ctl") {
		pe1.run("test", "-s", path)
	}

	pe1.configure(pe2, 1)
	pe2.configure(pe1, 2)
	for _, m := range []*machine{pe1, pe2} {
		m.run("l2tpvld", "--config", "/etc/l2tpvl/l2tpvl.yaml", "--check")
		m.run("systemctl", "enable", "--now", service)
	}
	for _, m := range []*machine{pe1, pe2} {
		m.linksUp()
	}

	t.Run("virtual routers are visible on the machine", func(t *testing.T) {
		for _, vpn := range []string{"red", "blue"} {
			pe1.run("ip", "netns", "exec", vpn, "ping", "-c", "3", "10.255.0.1")
		}
		if got := pe1.run("ip", "-n", "red", "-brief", "address", "show", "customer"); !strings.Contains(got, "10.1.1.1/24") {
			t.Errorf("the customer interface in red: %q, want 10.1.1.1/24", got)
		}
	})

	t.Run("capabilities", func(t *testing.T) {
		status := pe1.run("cat", "/proc/"+pe1.property("MainPID")+"/status")
		for _, want := range []string{
			"CapEff:\t0000000000203001\n", "CapBnd:\t0000000000203001\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		} {
			if !strings.Contains(status, want) {
				t.Errorf("the status of the process has no %q:\n%s", want, status)
			}
		}
	})

	t.Run("group", func(t *testing.T) {
		const userNobody = "65534"
		pe1.run("setpriv", "--reuid", userNobody, "--regid", "l2tpvl", "--clear-groups", "l2tpvl-ctl", "links")
		if out, err := pe1.try("setpriv", "--reuid", userNobody, "--regid", "nogroup", "--clear-groups", "l2tpvl-ctl", "links"); err == nil {
			t.Errorf("a user who is not in group l2tpvl can use the API:\n%s", out)
		}
	})

	t.Run("status", func(t *testing.T) {
		pe1.await("the status text of the service", func() bool { return pe1.property("StatusText") == "2 of 2 links up" })
	})

	t.Run("reload", func(t *testing.T) {
		pe1.run("systemctl", "reload", service)
		pe1.await("a message about the reload in the journal", func() bool {
			return strings.Contains(pe1.run("journalctl", "--no-pager", "-u", service), "configuration unchanged")
		})
		pe1.shell("cp /etc/l2tpvl/l2tpvl.yaml /root/good && echo 'colour: blue' >>/etc/l2tpvl/l2tpvl.yaml")
		if out, err := pe1.try("systemctl", "reload", service); err == nil {
			t.Errorf("the reload of an invalid file succeeds: %s", out)
		}
		pe1.shell("cp /root/good /etc/l2tpvl/l2tpvl.yaml")
		pe1.linksUp()
	})

	t.Run("watchdog", func(t *testing.T) {
		pe1.dropIn(`WatchdogSec=5s\nTimeoutAbortSec=1s`)
		pe1.run("systemctl", "restart", service)
		pe1.linksUp()
		stuck := pe1.property("MainPID")
		pe1.run("kill", "-STOP", stuck)
		pe1.await("the restart of a stuck daemon by the watchdog", func() bool {
			now := pe1.property("MainPID")
			return now != stuck && now != "0" && pe1.property("ActiveState") == "active"
		})
		pe1.linksUp()
	})

	t.Run("options", func(t *testing.T) {
		pe1.dropIn(`Environment=OPTIONS=--require-ipsec`)
		if out, err := pe1.try("systemctl", "restart", service); err == nil {
			t.Errorf("the service starts with --require-ipsec and clear links: %s", out)
		}
		if log := pe1.run("journalctl", "--no-pager", "-u", service); !strings.Contains(log, "l2tpvld runs with --require-ipsec") {
			t.Errorf("the journal does not name --require-ipsec:\n%s", log)
		}
		pe1.dropIn("")
		pe1.run("systemctl", "restart", service)
		pe1.linksUp()
	})

	t.Run("upgrade", func(t *testing.T) {
		was := pe2.property("MainPID")
		pe2.install(second)
		if now := pe2.property("MainPID"); now != was {
			t.Errorf("the upgrade restarted the daemon: process %s, before %s", now, was)
		}
		if version := pe2.run("dpkg-query", "--show", "--showformat", "${Version}", "l2tpvl"); version != second {
			t.Errorf("version %s, want %s", version, second)
		}
		if !strings.Contains(pe2.run("cat", "/etc/l2tpvl/l2tpvl.yaml"), "router_id: "+pe2.address) {
			t.Error("the upgrade changed the operator's configuration")
		}
		pe2.run("systemctl", "restart", service)
		pe2.linksUp()
	})

	t.Run("removal", func(t *testing.T) {
		pe2.run("dpkg", "--remove", "l2tpvl")
		for _, line := range []string{
			"! systemctl is-active " + service, "! pidof l2tpvld", "! ip netns list | grep .", "ip link show customer", "! test -e /run/l2tpvl",
			"! test -e /etc/systemd/system/multi-user.target.wants/" + service, "test -s /etc/l2tpvl/l2tpvl.yaml",
		} {
			pe2.shell(line)
		}
		pe2.run("dpkg", "--purge", "l2tpvl")
		for _, line := range []string{
			"! test -e /etc/l2tpvl/l2tpvl.yaml", "! test -e /usr/bin/l2tpvld", "! test -e /usr/lib/systemd/system/" + service,
			"test -s /etc/l2tpvl/peer.secret", // files of the operator are not removed
		} {
			pe2.shell(line)
		}
	})
}
