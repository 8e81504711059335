// Package packaging installs the packages, and runs what they bring under systemd: on two machines,
// which are containers with a clean Debian.
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

// The packages are built twice, as of two versions.
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

// built is a package of the build.
func built(t *testing.T, version, extension string) string {
	t.Helper()
	paths, err := filepath.Glob("../../bin/packages/l2tpvl?" + version + "*" + extension)
	if err != nil || len(paths) != 1 {
		t.Fatalf("packages of version %s: %v, %v; want one", version, paths, err)
	}
	return paths[0]
}

// common are files that packages of both kinds have.
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
			t.Errorf("%s lacks %s", path, want)
		}
	}
	if got := must(t, "rpm", "-qcp", path); got != "/etc/l2tpvl/l2tpvl.yaml\n" {
		t.Errorf("configuration files are %q", got)
	}

	// In a root of its own, without what is no part of an empty one: the scripts' shell, and the
	// things recommended.
	root := t.TempDir()
	rpm := func(args ...string) { must(t, "rpm", append([]string{"--root", root, "--noscripts"}, args...)...) }
	rpm("--install", "--nodeps", path)
	must(t, filepath.Join(root, "usr/bin/l2tpvld"), "--version")
	config := filepath.Join(root, "etc/l2tpvl/l2tpvl.yaml")
	change(t, config)
	rpm("--upgrade", "--nodeps", built(t, second, ".rpm"))
	if !changed(t, config) {
		t.Error("the upgrade has overwritten the operator's configuration")
	}
	rpm("--erase", "l2tpvl")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/l2tpvld")); !os.IsNotExist(err) {
		t.Errorf("l2tpvld is still there: %v", err)
	}
	if !changed(t, config+".rpmsave") {
		t.Error("the removal has not saved the operator's configuration")
	}
}

const mark = "# by the operator\n"

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

func changed(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	return err == nil && strings.HasSuffix(string(text), mark)
}

// The unit's hardening is not to get worse. systemd rates from 0, safe, to 10, unsafe.
func TestUnitIsHardened(t *testing.T) {
	const unit = "../../configs/systemd/" + service
	must(t, "systemd-analyze", "security", "--offline=true", "--threshold=48", unit)
}

// machine is a container with systemd as its first process.
type machine struct {
	name, address string
	t             *testing.T
}

// machines boots two machines that reach each other.
func machines(t *testing.T) (a, b *machine) {
	t.Helper()
	must(t, "../../scripts/debian-image", image)
	for _, left := range []string{"rm --force " + prefix + "pe1 " + prefix + "pe2", "network rm " + network} {
		_, _ = output("docker", strings.Fields(left)...) // by a run that was killed
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
	m.await("that systemd has started", func() bool {
		state, _ := m.try("systemctl", "is-system-running")
		return strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded")
	})
	return m
}

// try runs a program on the machine.
func (m *machine) try(args ...string) (string, error) {
	return output("docker", append([]string{"exec", m.name}, args...)...)
}

// run is try, and fails the test with the program.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
	return out
}

// sh runs a line of shell.
func (m *machine) sh(line string) string {
	m.t.Helper()
	return m.run("sh", "-c", line)
}

// await waits until something is so.
func (m *machine) await(what string, so func() bool) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("%s: waited in vain %s", m.name, what)
		}
	}
}

// install installs the package of that version.
func (m *machine) install(version string) {
	m.t.Helper()
	must(m.t, "docker", "cp", built(m.t, version, ".deb"), m.name+":/root/l2tpvl-"+version+".deb")
	m.run("dpkg", "--install", "/root/l2tpvl-"+version+".deb")
}

// property is what systemd knows of the service.
func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--property", name, "--value", service))
}

// configure writes a configuration with two links to a peer, one of them over IP without UDP, and
// the secret.
func (m *machine) configure(peer *machine, number int) {
	m.t.Helper()
	m.sh("(umask 077; echo 'a secret of two' >/etc/l2tpvl/peer.secret)")
	m.sh(fmt.Sprintf(`cat >>/etc/l2tpvl/l2tpvl.yaml <<END
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

// dropIn has the service be as the lines say, from the next start.
func (m *machine) dropIn(lines string) {
	m.t.Helper()
	m.sh("mkdir -p /run/systemd/system/" + service + ".d && printf '[Service]\n" + lines + "\n' >/run/systemd/system/" + service + ".d/test.conf")
	m.run("systemctl", "daemon-reload")
}

// linksUp waits for the links.
func (m *machine) linksUp() {
	m.t.Helper()
	m.run("l2tpvl-ctl", "links", "--wait", "90s")
}

// From two clean machines to a link, and back to clean machines.
func TestDeb(t *testing.T) {
	pe1, pe2 := machines(t)
	for _, m := range []*machine{pe1, pe2} {
		m.install(first)
	}

	// Installed, and nothing else: there is no configuration yet, and the daemon says what is
	// missing.
	if state, _ := pe1.try("systemctl", "is-enabled", service); state != "disabled\n" {
		t.Errorf("after the installation the service is %q", state)
	}
	if out, err := pe1.try("systemctl", "start", service); err == nil {
		t.Errorf("it starts without a configuration: %s", out)
	}
	if restarts := pe1.property("NRestarts"); restarts != "0" {
		t.Errorf("it was tried again %s times", restarts)
	}
	if log := pe1.run("journalctl", "--no-pager", "-u", service); !strings.Contains(log, "local.hostname: is missing") {
		t.Errorf("the journal does not say what is missing:\n%s", log)
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

	t.Run("virtual router is seen by the machine", func(t *testing.T) {
		for _, vpn := range []string{"red", "blue"} {
			pe1.run("ip", "netns", "exec", vpn, "ping", "-c", "3", "10.255.0.1")
		}
		if got := pe1.run("ip", "-n", "red", "-brief", "address", "show", "customer"); !strings.Contains(got, "10.1.1.1/24") {
			t.Errorf("the customer's interface in red: %q", got)
		}
	})

	t.Run("capabilities", func(t *testing.T) {
		status := pe1.run("cat", "/proc/"+pe1.property("MainPID")+"/status")
		for _, want := range []string{
			"CapEff:\t0000000000203001\n", "CapBnd:\t0000000000203001\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		} {
			if !strings.Contains(status, want) {
				t.Errorf("the daemon's status lacks %q:\n%s", want, status)
			}
		}
	})

	t.Run("group", func(t *testing.T) {
		pe1.run("setpriv", "--reuid", "nobody", "--regid", "l2tpvl", "--clear-groups", "l2tpvl-ctl", "links")
		if out, err := pe1.try("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "l2tpvl-ctl", "links"); err == nil {
			t.Errorf("whoever is not in the group may ask too:\n%s", out)
		}
	})

	t.Run("status", func(t *testing.T) {
		pe1.await("for systemd to hear of the link", func() bool { return pe1.property("StatusText") == "2 of 2 links up" })
	})

	t.Run("reload", func(t *testing.T) {
		pe1.run("systemctl", "reload", service)
		pe1.await("for the journal to tell of it", func() bool {
			return strings.Contains(pe1.run("journalctl", "--no-pager", "-u", service), "configuration read, nothing to change")
		})
		pe1.sh("cp /etc/l2tpvl/l2tpvl.yaml /root/good && echo 'colour: blue' >>/etc/l2tpvl/l2tpvl.yaml")
		if out, err := pe1.try("systemctl", "reload", service); err == nil {
			t.Errorf("a file with a mistake is reloaded: %s", out)
		}
		pe1.sh("cp /root/good /etc/l2tpvl/l2tpvl.yaml")
		pe1.linksUp()
	})

	t.Run("watchdog", func(t *testing.T) {
		pe1.dropIn(`WatchdogSec=5s\nTimeoutAbortSec=1s`)
		pe1.run("systemctl", "restart", service)
		pe1.linksUp()
		stuck := pe1.property("MainPID")
		pe1.run("kill", "-STOP", stuck)
		pe1.await("for a stuck daemon to be replaced", func() bool {
			now := pe1.property("MainPID")
			return now != stuck && now != "0" && pe1.property("ActiveState") == "active"
		})
		pe1.linksUp()
	})

	t.Run("options", func(t *testing.T) {
		pe1.dropIn(`Environment=OPTIONS=--require-ipsec`)
		if out, err := pe1.try("systemctl", "restart", service); err == nil {
			t.Errorf("with --require-ipsec it starts, and has links in clear: %s", out)
		}
		if log := pe1.run("journalctl", "--no-pager", "-u", service); !strings.Contains(log, "the daemon runs with --require-ipsec") {
			t.Errorf("the journal does not say why it has not started:\n%s", log)
		}
		pe1.dropIn("")
		pe1.run("systemctl", "restart", service)
		pe1.linksUp()
	})

	t.Run("upgrade", func(t *testing.T) {
		was := pe2.property("MainPID")
		pe2.install(second)
		if now := pe2.property("MainPID"); now != was {
			t.Errorf("the upgrade has restarted the daemon: %s was %s", now, was)
		}
		if version := pe2.run("dpkg-query", "--show", "--showformat", "${Version}", "l2tpvl"); version != second {
			t.Errorf("version %s, want %s", version, second)
		}
		if !strings.Contains(pe2.run("cat", "/etc/l2tpvl/l2tpvl.yaml"), "router_id: "+pe2.address) {
			t.Error("the upgrade has changed the operator's configuration")
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
			pe2.sh(line)
		}
		pe2.run("dpkg", "--purge", "l2tpvl")
		for _, line := range []string{
			"! test -e /etc/l2tpvl/l2tpvl.yaml", "! test -e /usr/bin/l2tpvld", "! test -e /usr/lib/systemd/system/" + service,
			"test -s /etc/l2tpvl/peer.secret", // what the operator has made is his to remove
		} {
			pe2.sh(line)
		}
	})
}
