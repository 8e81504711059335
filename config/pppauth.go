package config

import (
	"slices"
	"time"
)

// PPPAuth configures how the ends of a link authenticate each other by PPP.
type PPPAuth struct {
	Require        PPPAuthRequired `key:"require" default:"none" oneof:"none|chap|pap" doc:"Protocol by which the peer must authenticate itself: CHAP with MD5 (RFC 1994), PAP (RFC 1334), which sends the secret in the clear, or none."`
	Allow          []PPPAuthMethod `key:"allow" derived:"chap if a secret is set" oneof:"chap|pap" doc:"Protocols by which this end authenticates itself if the peer requires it."`
	Name           string          `key:"name" example:"pe1" derived:"local.hostname" doc:"Name of this end."`
	SecretFile     string          `key:"secret_file" impact:"content" example:"/etc/l2tpvl/red.secret" doc:"File with the secret of this end; a relative path is relative to the configuration file's folder."`
	SecretEnv      string          `key:"secret_env" impact:"content" example:"RED_SECRET" hidden:"yes" doc:"Environment variable with the secret of this end."`
	Secret         Secret          // from SecretFile or SecretEnv; empty: none
	PeerName       string          `key:"peer_name" example:"pe2" derived:"any except the local name" doc:"Name that the peer must have."`
	PeerSecretFile string          `key:"peer_secret_file" impact:"content" example:"/etc/l2tpvl/red-pe2.secret" derived:"the secret of this end" doc:"File with the secret of the peer, if it differs from the secret of this end; RFC 1994 recommends a different secret for each direction."`
	PeerSecretEnv  string          `key:"peer_secret_env" impact:"content" example:"RED_PE2_SECRET" hidden:"yes" derived:"the secret of this end" doc:"Environment variable with the secret of the peer."`
	// PeerSecret is the content of PeerSecretFile or PeerSecretEnv, otherwise Secret; empty if the
	// peer is not required to authenticate.
	PeerSecret  Secret
	Rechallenge time.Duration `key:"rechallenge" default:"0s" min:"0s" max:"24h" doc:"Mean time between two CHAP challenges while the link is up, with require: chap; 0s: the peer is challenged once, at the start."`
}

// PPPAuthRequired is the protocol by which a peer must authenticate itself.
type PPPAuthRequired string

// The values of PPPAuthRequired.
const (
	RequireNone PPPAuthRequired = "none"
	RequireCHAP PPPAuthRequired = "chap"
	RequirePAP  PPPAuthRequired = "pap"
)

// PPPAuthMethod is a PPP authentication protocol.
type PPPAuthMethod string

// The authentication protocols.
const (
	AllowCHAP PPPAuthMethod = "chap"
	AllowPAP  PPPAuthMethod = "pap"
)

// Used reports whether either end authenticates itself.
func (a *PPPAuth) Used() bool { return a.required() || len(a.Allow) > 0 }

func (a *PPPAuth) required() bool { return a.Require == RequireCHAP || a.Require == RequirePAP }

// inherit copies from the VPN the values that the link does not set. A secret in a file and one in
// the environment count as the same value.
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

// authOf is the authentication of a link, with the paths of its keys.
type authOf struct {
	*PPPAuth
	r         *report
	vpn, link string // the paths of ppp_auth of the VPN and of the link
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

// key returns the path at which the file sets a key, or at which it should set it.
func (a authOf) key(key string) string {
	for _, at := range []string{a.link, a.vpn} {
		if a.r.isSet(join(at, key)) {
			return join(at, key)
		}
	}
	return join(a.table(), key)
}

// table returns the path of the link's ppp_auth if the file has it, otherwise that of the VPN.
func (a authOf) table() string {
	if a.r.isSet(a.link) {
		return a.link
	}
	return a.vpn
}

// problem reports a problem of a key, once for all links that inherit it from the VPN.
func (a authOf) problem(key, format string, args ...any) {
	if !a.r.reported(key) {
		a.r.add(key, format, args...)
	}
}

// completeAuth applies to each link the values of its VPN and the derived defaults.
func (c *Config) completeAuth(r *report) {
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			at := linkKey(v.Name, j, "ppp_auth")
			v.Links[j].Auth.inherit(&v.Auth, func(key string) bool { return r.isSet(join(at, key)) })
		}
	}
	c.eachAuth(r, func(a authOf) {
		if a.hasSecret() && !r.isSet(a.key("allow")) {
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
		a.problem(a.key("secret_env"), "conflicts with secret_file; use only one of them")
	}
	if a.PeerSecretFile != "" && a.PeerSecretEnv != "" {
		a.problem(a.key("peer_secret_env"), "conflicts with peer_secret_file; use only one of them")
	}
	for _, key := range []string{"require", "allow", "secret_file", "secret_env", "rechallenge"} {
		if a.r.reported(a.key(key)) {
			return
		}
	}
	switch {
	case len(a.Allow) > 0 && !a.hasSecret():
		a.problem(a.key("allow"), "requires a secret; set secret_file or secret_env")
	case a.required() && !a.hasSecret() && !a.hasPeerSecret():
		a.problem(a.key("require"), "%q requires a secret; set secret_file or secret_env", a.Require)
	case !a.required() && a.hasPeerSecret():
		a.problem(a.table(), "the peer's secret is set, but the peer is not required to authenticate; set require: chap too")
	case !a.Used() && (a.Name != "" || a.PeerName != "") && !a.r.isSet(a.key("require")):
		a.problem(a.table(), "a name without a secret has no effect; set a secret, or require: none")
	}
	switch {
	case len(a.Name) > maxPPPName:
		a.problem(a.key("name"), "has %d octets; expected at most %d", len(a.Name), maxPPPName)
	case len(a.PeerName) > maxPPPName:
		a.problem(a.key("peer_name"), "has %d octets; expected at most %d", len(a.PeerName), maxPPPName)
	case a.Used() && a.Name == a.PeerName:
		a.problem(a.key("peer_name"), "%q is also the local name; use different names", a.PeerName)
	}
	if a.Rechallenge != 0 && a.Require != RequireCHAP {
		a.problem(a.key("rechallenge"), "%v requires CHAP; set require: chap too", a.Rechallenge)
	}
}

// maxPPPName is the length of the longest name or secret in a PAP packet, in octets.
const maxPPPName = 255

// readAuthSecrets reads the secrets of the links. Relative paths are relative to folder.
func (c *Config) readAuthSecrets(r *report, folder string) {
	c.eachAuth(r, func(a authOf) {
		read := func(prefix, file, env string) Secret {
			fileKey, envKey := a.key(prefix+"secret_file"), a.key(prefix+"secret_env")
			if r.reported(fileKey) || r.reported(envKey) {
				return nil
			}
			secret := readSecret(r, folder, fileKey, file, envKey, env)
			if len(secret) > maxPPPName {
				key := fileKey
				if file == "" {
					key = envKey
				}
				r.add(key, "has %d octets; PPP allows at most %d", len(secret), maxPPPName)
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
