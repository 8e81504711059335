package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// secret writes a secret to a file with this name, and returns its path.
func (r *rig) secret(name, text string) string {
	r.Helper()
	path := filepath.Join(r.Dir, name)
	r.must(os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// withVPN changes a VPN in a configuration.
func withVPN(c lab.Config, name string, change func(*lab.VPN)) lab.Config {
	vpn := c.VPNs[name]
	change(&vpn)
	c.VPNs[name] = vpn
	return c
}

// The ends of red authenticate each other by CHAP, with repeated challenges. The ends of blue have
// different secrets: blue stays down with a reason, and red is not affected.
func TestAuthenticationByCHAP(t *testing.T) {
	r := newRig(t, existingVRs)
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
	r.waitLink(r.PE2, "blue", "not up, with the reason that PE1 sent", func(l api.Link) bool {
		return l.State != api.LinkUp && hasAll(l.Reason, []string{"CHAP", "secret"})
	})
	r.waitLink(r.PE1, "blue", "not up after three attempts", func(l api.Link) bool { return l.State != api.LinkUp && l.Attempt >= 3 })

	e, err := r.PE1.Client().Explain(r.ctx, "red", r.PE2.Name)
	r.must(err)
	explained := false
	for _, step := range e.Steps {
		explained = explained || step.Layer == "LCP" && hasAll(step.Text, []string{"CHAP of peer (two): passed", "CHAP of this host (one): passed"})
	}
	if !explained {
		t.Errorf("the explanation of red does not show its authentication: %s", asJSON(e))
	}
	if now := r.link(r.PE1, "red"); now.Since != red.Since {
		t.Errorf("red did not stay up: up since %s, before since %s", now.Since, red.Since)
	}
}

// One end of red requires CHAP and the other has no authentication configured. Red stays down at
// both ends, with a reason.
func TestAuthenticationRefusedByPeer(t *testing.T) {
	r := newRig(t, existingVRs)
	auth := lab.Auth{Require: "chap", SecretFile: r.secret("one", "the secret of one")}
	r.start(r.PE1, withVPN(r.PE1.Config().Quick(), "red", func(v *lab.VPN) { v.Auth = auth }))
	r.start(r.PE2, r.PE2.Config().Quick())
	r.waitUp("blue")
	r.waitExplained(r.PE1, "red", "LCP", "the peer rejects authentication by CHAP")
	r.waitLink(r.PE2, "red", "not up, with a reason that names CHAP", func(l api.Link) bool {
		return l.State != api.LinkUp && hasAll(l.Reason, []string{"CHAP"})
	})
}
