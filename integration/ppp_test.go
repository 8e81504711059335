package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// secret writes a secret to a file of that name, and returns its path.
func (r *rig) secret(name, text string) string {
	r.Helper()
	path := filepath.Join(r.Dir, name)
	r.must(os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// withVPN changes what a configuration says of a VPN.
func withVPN(c lab.Config, name string, change func(*lab.VPN)) lab.Config {
	vpn := c.VPNs[name]
	change(&vpn)
	c.VPNs[name] = vpn
	return c
}

// The ends of red prove who they are by CHAP, again and again. Those of blue have different
// secrets: blue stays down, says why, and harms nobody.
func TestAuthenticationByCHAP(t *testing.T) {
	r := newRig(t, found)
	one, two := r.secret("one", "the secret of one"), r.secret("two", "the secret of two")
	another := r.secret("another", "not the secret of two")
	configure := func(pe *lab.PE, red, blue lab.Auth) lab.Config {
		c := withVPN(pe.Config().Quick(), "red", func(v *lab.VPN) { v.Auth = red })
		return withVPN(c, "blue", func(v *lab.VPN) { v.Auth = blue })
	}
	auth1 := lab.Auth{Require: "chap", Name: "one", SecretFile: one, PeerName: "two", PeerSecretFile: two, Rechallenge: "1s"}
	auth2 := lab.Auth{Require: "chap", Name: "two", SecretFile: two, PeerName: "one", PeerSecretFile: one, Rechallenge: "1s"}
	wrong := auth2
	wrong.SecretFile = another
	r.start(r.PE1, configure(r.PE1, auth1, auth1))
	r.start(r.PE2, configure(r.PE2, auth2, wrong))

	r.waitUp("red")
	red := r.link(r.PE1, "red")
	r.waitPings("red")
	r.waitExplained(r.PE1, "blue", "LCP", "CHAP", `the secret of "two" differs`, "ppp_auth")
	r.waitLink(r.PE2, "blue", "down with the peer's words", func(l api.Link) bool {
		return l.State != api.LinkUp && hasAll(l.Reason, []string{"CHAP", "secret"})
	})
	r.waitLink(r.PE1, "blue", "refused three times", func(l api.Link) bool { return l.State != api.LinkUp && l.Attempt >= 3 })

	e, err := r.PE1.Client().Explain(r.ctx, "red", r.PE2.Name)
	r.must(err)
	told := false
	for _, step := range e.Steps {
		told = told || step.Layer == "LCP" && hasAll(step.Text, []string{"peer as two by CHAP: passed", "we as one by CHAP: passed"})
	}
	if !told {
		t.Errorf("red's authentication is not told: %s", asJSON(e))
	}
	if now := r.link(r.PE1, "red"); now.Since != red.Since {
		t.Errorf("red was not up all the time: since %s, and before since %s", now.Since, red.Since)
	}
}

// A VPN whose one end requires CHAP, while the other knows nothing of it, stays down on both sides,
// with a reason.
func TestAuthenticationRefusedByPeer(t *testing.T) {
	r := newRig(t, found)
	auth := lab.Auth{Require: "chap", SecretFile: r.secret("one", "the secret of one")}
	r.start(r.PE1, withVPN(r.PE1.Config().Quick(), "red", func(v *lab.VPN) { v.Auth = auth }))
	r.start(r.PE2, r.PE2.Config().Quick())
	r.waitUp("blue")
	r.waitExplained(r.PE1, "red", "LCP", "the peer rejects authentication by CHAP")
	r.waitLink(r.PE2, "red", "down with a reason", func(l api.Link) bool {
		return l.State != api.LinkUp && hasAll(l.Reason, []string{"CHAP"})
	})
}
