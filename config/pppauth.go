package config

import (
	"slices"
	"time"
)

// PPPAuth says how the ends of a link authenticate each other.
type PPPAuth struct {
	Require        PPPAuthRequired `key:"require" default:"none" oneof:"none|chap|pap" doc:"What the peer must authenticate itself by: CHAP (RFC 1994, MD5), PAP (RFC 1334), which shows the secret to whoever reads the link, or nothing."`
	Allow          []PPPAuthMethod `key:"allow" derived:"chap, if there is a secret" oneof:"chap|pap" doc:"What we authenticate ourselves by if the peer requires it."`
	Name           string          `key:"name" like:"pe1" derived:"local.hostname" doc:"What we call ourselves."`
	SecretFile     string          `key:"secret_file" live:"content" like:"/etc/l2tpvl/red.secret" doc:"File that holds the secret which proves that; a relative name starts at the configuration's folder."`
	SecretEnv      string          `key:"secret_env" live:"content" like:"RED_SECRET" hidden:"yes" doc:"Environment variable that holds the secret."`
	Secret         Secret          // read from SecretFile or SecretEnv; empty if there is none
	PeerName       string          `key:"peer_name" like:"pe2" derived:"any but ours" doc:"What the peer must call itself."`
	PeerSecretFile string          `key:"peer_secret_file" live:"content" like:"/etc/l2tpvl/red-pe2.secret" derived:"our secret" doc:"File that holds the secret by which the peer proves its name, if it is not ours; RFC 1994 asks for one each."`
	PeerSecretEnv  string          `key:"peer_secret_env" live:"content" like:"RED_PE2_SECRET" hidden:"yes" derived:"our secret" doc:"Environment variable that holds the peer's secret."`
	PeerSecret     Secret          // read from PeerSecretFile or PeerSecretEnv, or else Secret; empty if none is required
	Rechallenge    time.Duration   `key:"rechallenge" default:"0s" min:"0s" max:"24h" doc:"Mean time between two challenges of a link that is up, with require: chap; 0s: challenged once."`
}

// PPPAuthRequired is what is required of a peer.
type PPPAuthRequired string

// What may be required.
const (
	RequireNone PPPAuthRequired = "none"
	RequireCHAP PPPAuthRequired = "chap"
	RequirePAP  PPPAuthRequired = "pap"
)

// PPPAuthMethod is an authentication protocol of PPP.
type PPPAuthMethod string

// The authentication protocols.
const (
	AllowCHAP PPPAuthMethod = "chap"
	AllowPAP  PPPAuthMethod = "pap"
)

// Used reports whether there is any authentication.
func (a *PPPAuth) Used() bool { return a.required() || len(a.Allow) > 0 }

func (a *PPPAuth) required() bool { return a.Require == RequireCHAP || a.Require == RequirePAP }

// inherit takes from the VPN what the link does not have of its own. A secret is one thing, whether
// it is in a file or not.
func (a *PPPAuth) inherit(vpn *PPPAuth, has func(key string) bool) {
	if !has("require") {
		a.Require = vpn.Require
	}
	if !has("allow") {
		a.Allow = slices.Clone(vpn.Allow)
	}
	if !has("name") {
		a.Name = vpn.Name
	}
	if !has("secret_file") && !has("secret_env") {
		a.SecretFile, a.SecretEnv = vpn.SecretFile, vpn.SecretEnv
	}
	if !has("peer_name") {
		a.PeerName = vpn.PeerName
	}
	if !has("peer_secret_file") && !has("peer_secret_env") {
		a.PeerSecretFile, a.PeerSecretEnv = vpn.PeerSecretFile, vpn.PeerSecretEnv
	}
	if !has("rechallenge") {
		a.Rechallenge = vpn.Rechallenge
	}
}

func (a *PPPAuth) hasSecret() bool { return a.SecretFile != "" || a.SecretEnv != "" }

func (a *PPPAuth) hasPeerSecret() bool { return a.PeerSecretFile != "" || a.PeerSecretEnv != "" }

// authOf is the authentication of a link, and where the file speaks of it.
type authOf struct {
	*PPPAuth
	r         *report
	vpn, link string // the paths of ppp_auth
}

// eachAuth calls do with the authentication of each link.
func (c *Config) eachAuth(r *report, do func(authOf)) {
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			do(authOf{&v.Links[j].Auth, r, join("vpns", v.Name, "ppp_auth"), linkKey(v.Name, j, "ppp_auth")})
		}
	}
}

// key is the path at which the file has a key, or at which it should.
func (a authOf) key(key string) string {
	for _, at := range []string{a.link, a.vpn} {
		if a.r.wrote(join(at, key)) {
			return join(at, key)
		}
	}
	return join(a.table(), key)
}

// table is the path of the ppp_auth that says most of the link.
func (a authOf) table() string {
	if a.r.wrote(a.link) {
		return a.link
	}
	return a.vpn
}

// problem reports what is wrong with a key, once for all links that have it from the VPN.
func (a authOf) problem(key, format string, args ...any) {
	if !a.r.told(key) {
		a.r.add(key, format, args...)
	}
}

// completeAuth gives each link what its VPN has, and what follows from that.
func (c *Config) completeAuth(r *report) {
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			at := linkKey(v.Name, j, "ppp_auth")
			v.Links[j].Auth.inherit(&v.Auth, func(key string) bool { return r.wrote(join(at, key)) })
		}
	}
	c.eachAuth(r, func(a authOf) {
		if a.hasSecret() && !r.wrote(a.key("allow")) {
			a.Allow = []PPPAuthMethod{AllowCHAP}
		}
		if a.Used() && a.Name == "" {
			a.Name = c.Local.HostName
		}
	})
}

func (c *Config) checkAuth(r *report) { c.eachAuth(r, authOf.check) }

func (a authOf) check() {
	if a.SecretFile != "" && a.SecretEnv != "" {
		a.problem(a.key("secret_env"), "contradicts secret_file; want one of them")
	}
	if a.PeerSecretFile != "" && a.PeerSecretEnv != "" {
		a.problem(a.key("peer_secret_env"), "contradicts peer_secret_file; want one of them")
	}
	for _, key := range []string{"require", "allow", "secret_file", "secret_env", "rechallenge"} {
		if a.r.told(a.key(key)) {
			return
		}
	}
	switch {
	case len(a.Allow) > 0 && !a.hasSecret():
		a.problem(a.key("allow"), "needs a secret; want secret_file or secret_env too")
	case a.required() && !a.hasSecret() && !a.hasPeerSecret():
		a.problem(a.key("require"), "%q needs a secret; want secret_file or secret_env too", a.Require)
	case !a.required() && a.hasPeerSecret():
		a.problem(a.table(), "has a secret of the peer but does not require it; want require: chap too")
	case !a.Used() && (a.Name != "" || a.PeerName != "") && !a.r.wrote(a.key("require")):
		a.problem(a.table(), "authenticates nobody; want a secret, or require: none")
	}
	switch {
	case len(a.Name) > maxPPPName:
		a.problem(a.key("name"), "has %d octets; want at most %d", len(a.Name), maxPPPName)
	case len(a.PeerName) > maxPPPName:
		a.problem(a.key("peer_name"), "has %d octets; want at most %d", len(a.PeerName), maxPPPName)
	case a.Used() && a.Name == a.PeerName:
		a.problem(a.key("peer_name"), "%q is our own name too; want two names", a.PeerName)
	}
	if a.Rechallenge != 0 && a.Require != RequireCHAP {
		a.problem(a.key("rechallenge"), "%v needs CHAP; want require: chap too", a.Rechallenge)
	}
}

// maxPPPName is the length of the longest name or secret that PAP has room for, in octets.
const maxPPPName = 255

// readAuthSecrets reads the secrets of the links. A relative name of a file starts at folder.
func (c *Config) readAuthSecrets(r *report, folder string) {
	c.eachAuth(r, func(a authOf) {
		read := func(prefix, file, env string) Secret {
			fileKey, envKey := a.key(prefix+"secret_file"), a.key(prefix+"secret_env")
			if r.told(fileKey) || r.told(envKey) {
				return nil
			}
			secret := readSecret(r, folder, fileKey, file, envKey, env)
			if len(secret) > maxPPPName {
				key := fileKey
				if file == "" {
					key = envKey
				}
				r.add(key, "holds %d octets; PPP has room for %d", len(secret), maxPPPName)
			}
			return secret
		}
		a.Secret = read("", a.SecretFile, a.SecretEnv)
		switch {
		case a.hasPeerSecret():
			a.PeerSecret = read("peer_", a.PeerSecretFile, a.PeerSecretEnv)
		case a.required():
			a.PeerSecret = a.Secret
		}
	})
}
