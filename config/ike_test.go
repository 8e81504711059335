package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue makes a certificate for a name with its private key, both as PEM, which the issuer has
// signed; a CA's, if there is no issuer.
func issue(t *testing.T, name string, issuer *x509.Certificate, by *ecdsa.PrivateKey) (cert *x509.Certificate, key *ecdsa.PrivateKey, certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: issuer == nil, BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, by = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, issuer, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

const certificates = "ike: {certificate_file: pe1.crt, private_key_file: pe1.key, ca_files: [ca.crt], remote_id: pe2.example.net}"

// writeCertificates writes the certificates of pe1 and its CA into a folder, and some files that
// hold another thing.
func writeCertificates(t *testing.T, folder string) {
	t.Helper()
	ca, by, caPEM, _ := issue(t, "CA", nil, nil)
	_, _, certPEM, keyPEM := issue(t, "pe1.example.net", ca, by)
	_, _, _, otherKey := issue(t, "other", nil, nil)
	for name, text := range map[string]string{
		"ca.crt": caPEM, "pe1.crt": certPEM, "pe1.key": keyPEM, "both.pem": "a comment\n" + keyPEM + certPEM, "other.key": otherKey,
		"encrypted.key": string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})),
	} {
		write(t, filepath.Join(folder, name), text, 0o600)
	}
}

// certified is a file in a folder with certificates.
func certified(t *testing.T, text string) string {
	t.Helper()
	path := inFolder(t, "l2tpvl.yaml", text)
	writeCertificates(t, filepath.Dir(path))
	return path
}

func TestCredentials(t *testing.T) {
	load := func(path string) IKE {
		t.Helper()
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return c.Peers[0].IKE
	}
	t.Setenv("L2TPVL_TEST_PSK", "another key")
	if k := load(inFolder(t, "l2tpvl.yaml", protected("ike: {psk_file: pe2.psk}"))); string(k.PSK) != "the pre-shared key" {
		t.Errorf("PSK of the file %q", string(k.PSK))
	}
	if k := load(inFolder(t, "l2tpvl.yaml", protected("ike: {psk_env: L2TPVL_TEST_PSK}"))); string(k.PSK) != "another key" {
		t.Errorf("PSK of the environment %q", string(k.PSK))
	}
	for _, text := range []string{
		protected(certificates),
		protected(strings.NewReplacer("pe1.crt", "both.pem", "pe1.key", "both.pem").Replace(certificates)),
	} {
		k := load(certified(t, text))
		if block, rest := pem.Decode(k.Certificate); block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
			t.Errorf("certificate %q", k.Certificate)
		}
		if block, rest := pem.Decode(k.PrivateKey); block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
			t.Error("the private key is no private key")
		}
		if len(k.CAs) != 1 || !strings.HasPrefix(string(k.CAs[0]), "-----BEGIN CERTIFICATE") {
			t.Errorf("CAs %q", k.CAs)
		}
		if shown := fmt.Sprintf("%v %+v %x", k, k, k.PrivateKey); strings.Contains(shown, "PRIVATE KEY") || !strings.Contains(shown, hidden) {
			t.Errorf("the private key shows itself: %s", shown)
		}
	}
}

// Each mistake in the credentials is told with the key, and without the secret.
func TestCredentialMistakes(t *testing.T) {
	without := func(key string) string {
		start := strings.Index(certificates, key)
		end := start + strings.IndexAny(certificates[start:], ",}")
		return certificates[:start] + key + ": " + certificates[end:]
	}
	for _, tt := range []struct{ name, line, want string }{
		{
			"none", "hello: 10s",
			"FILE: peers.pe2.ike: has no credentials, and vpns.red.links[0] requires IPsec; want psk_file (or psk_env), or certificate_file, private_key_file and ca_files",
		},
		{"key in place", "ike: {psk: open}", "FILE: peers.pe2.ike.psk: a pre-shared key is never written here; want psk_file or psk_env\n" +
			"FILE: peers.pe2.ike: has no credentials, and vpns.red.links[0] requires IPsec; want psk_file (or psk_env), or certificate_file, private_key_file and ca_files"},
		{"two keys", "ike: {psk_file: pe2.psk, psk_env: HOME}", "FILE: peers.pe2.ike.psk_env: contradicts psk_file; want one of them"},
		{"key and certificate", "ike: {psk_file: pe2.psk, ca_files: [ca.crt]}", "FILE: peers.pe2.ike: has a pre-shared key and certificates; want one or the other"},
		{"one secret for two things", "ike: {psk_file: pe2.secret}", "FILE: peers.pe2.ike: has the secret of the control connection as its pre-shared key; want another one"},
		{"no such key", "ike: {psk_file: nowhere}", `FILE: peers.pe2.ike.psk_file: "FOLDER/nowhere" cannot be read: no such file or directory; want a file that holds the secret`},
		{"no certificate", without("certificate_file"), "FILE: peers.pe2.ike.certificate_file: is missing; want a file with our certificate"},
		{"no private key", without("private_key_file"), "FILE: peers.pe2.ike.private_key_file: is missing; want a file with the private key of our certificate"},
		{"no CA", without("ca_files"), "FILE: peers.pe2.ike.ca_files: is missing; want a list of files with the certificates of those who may have issued the peer's"},
		{
			"any peer of the CA", without("remote_id"),
			"FILE: peers.pe2.ike.remote_id: is missing; want the identity that the peer's certificate proves, such as pe2.example.net",
		},
		{
			"certificate that is none", strings.Replace(certificates, "pe1.crt", "pe2.secret", 1),
			`FILE: peers.pe2.ike.certificate_file: "FOLDER/pe2.secret" holds no certificate; want PEM, with a line BEGIN CERTIFICATE`,
		},
		{
			"key that is none", strings.Replace(certificates, "pe1.key", "ca.crt", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/ca.crt" holds no private key; want PEM, with a line BEGIN PRIVATE KEY`,
		},
		{
			"key of another", strings.Replace(certificates, "pe1.key", "other.key", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/other.key" holds a private key that is not that of the certificate; want the one it was made with`,
		},
		{
			"key with a passphrase", strings.Replace(certificates, "pe1.key", "encrypted.key", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/encrypted.key" holds a private key that cannot be read; want one without a passphrase`,
		},
		{
			"CA that is none", strings.Replace(certificates, "[ca.crt]", "[ca.crt, pe1.crt]", 1),
			`FILE: peers.pe2.ike.ca_files[1]: "FOLDER/pe1.crt" holds a certificate that is no CA's; want one that may issue others`,
		},
		{
			"identity", "ike: {psk_file: pe2.psk, remote_id: \"pe2\\n\"}",
			`FILE: peers.pe2.ike.remote_id: "pe2\n" is no identity; want at most 255 printable ASCII characters`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, certified(t, protected(tt.line)), tt.want)
		})
	}
}

// A proposal under which packets would be as good as in clear is refused; charon judges the rest.
func TestProposals(t *testing.T) {
	const ike, esp = "ike_proposals", "esp_proposals"
	for _, tt := range []struct{ key, proposal, want string }{
		{ike, "aes256gcm16-prfsha384-ecp256", ""},
		{ike, "aes128-aes256-sha256-modp3072", ""},
		{ike, "chacha20poly1305-prfsha256-x25519", ""},
		{esp, "aes256gcm16-ecp256", ""},
		{esp, "aes256gcm16", ""}, // without perfect forward secrecy
		{esp, "aes256-sha512-x25519-esn", ""},
		{esp, "chacha20poly1305", ""},
		{esp, "null-sha256", `"null-sha256" has null, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like`},
		{esp, "aes256gmac", `"aes256gmac" has aes256gmac, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like`},
		{esp, "aes256-md5", `"aes256-md5" has md5, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like`},
		{ike, "des-sha1-modp768", `"des-sha1-modp768" has des, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like`},
		{ike, "aes256-sha1-modp768", `"aes256-sha1-modp768" has modp768, which protects nothing (RFC 8221, RFC 8247); want aes256gcm16 and the like`},
		{esp, "sha256-ecp256", `"sha256-ecp256" encrypts nothing; want an algorithm such as aes256gcm16 in it`},
		{esp, "aesxcbc", `"aesxcbc" encrypts nothing; want an algorithm such as aes256gcm16 in it`},
		{esp, "aes256-ecp256", `"aes256-ecp256" encrypts without integrity (RFC 8221 section 4); want sha256 or the like in it, or aes256gcm16`},
		{esp, "aes256gcm16-aes256-sha256", `"aes256gcm16-aes256-sha256" mixes aes256gcm16 with algorithms of another kind (RFC 7296 section 3.3); want a proposal for each`},
		{ike, "aes256gcm16-prfsha256", `"aes256gcm16-prfsha256" has no group; an IKE SA needs one such as ecp256`},
		{esp, "AES 256", `"AES 256" is no proposal; want algorithms joined by '-', such as aes256gcm16-prfsha256-ecp256`},
	} {
		path := inFolder(t, "l2tpvl.yaml", protected(fmt.Sprintf("ike: {psk_file: pe2.psk, %s: [aes256gcm16-prfsha256-ecp256, %q]}", tt.key, tt.proposal)))
		if tt.want != "" {
			checkMistakes(t, path, fmt.Sprintf("FILE: peers.pe2.ike.%s[1]: %s", tt.key, tt.want))
		} else if _, err := Load(path); err != nil {
			t.Error(err)
		}
	}
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", protected("ike: {psk_file: pe2.psk, esp_proposals: []}")),
		"FILE: peers.pe2.ike.esp_proposals: is empty; want at least one proposal, or no such key")
}

// Of the two sides exactly one starts IKE.
func TestWhoStarts(t *testing.T) {
	for _, tt := range []struct {
		start  IKEStart
		us, it string
		want   bool
	}{
		{StartAuto, "192.0.2.1", "192.0.2.2", true},
		{StartAuto, "192.0.2.2", "192.0.2.1", false},
		{StartAuto, "2001:db8::1", "2001:db8::2", true},
		{StartAuto, "2001:db8::2", "2001:db8::1", false},
		{StartYes, "192.0.2.2", "192.0.2.1", true},
		{StartNo, "192.0.2.1", "192.0.2.2", false},
	} {
		p := Peer{Address: netip.MustParseAddr(tt.it), IKE: IKE{Start: tt.start}}
		if got := p.Starts(netip.MustParseAddr(tt.us)); got != tt.want {
			t.Errorf("start %s: %s starts with %s: %v", tt.start, tt.us, tt.it, got)
		}
	}
	unknown := strings.Replace(protected("ike: {psk_file: pe2.psk}"), "  address: 192.0.2.1\n", "", 1)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", unknown),
		`FILE: peers.pe2.ike.start: "auto" has the side with the lower address start IKE, and ours is not known; `+
			`want local.address, or start: yes on one side and no on the other`)
	for _, known := range []string{"ike: {psk_file: pe2.psk, start: no}", "local_address: 192.0.2.7\n    ike: {psk_file: pe2.psk}"} {
		text := strings.Replace(protected(known), "  address: 192.0.2.1\n", "", 1)
		if _, err := Load(inFolder(t, "l2tpvl.yaml", text)); err != nil {
			t.Errorf("%s: %v", known, err)
		}
	}
}

// A router with two addresses may be two peers: over IP, where there are no ports, that is how both
// classes go together.
func TestTwoAddressesOfARouter(t *testing.T) {
	text := func(first, second string) string {
		return fmt.Sprintf(`
local: {hostname: pe1, router_id: 192.0.2.1, address: 192.0.2.1}
peers:
  pe2: {address: 192.0.2.2, encapsulation: ip, authentication: none%s}
  pe2p: {%s, encapsulation: ip, authentication: none, ike: {psk_file: pe2.psk}}
vpns:
  blue: {vpn_id: 5e:1, vr: {netns: blue}, links: [{peer: pe2}]}
  red: {vpn_id: 5e:2, vr: {netns: red}, ipsec: required, links: [{peer: pe2p}]}
`, first, second)
	}
	for _, second := range []string{"address: 192.0.2.12", "address: 192.0.2.12, local_address: 192.0.2.11"} {
		c, err := Load(inFolder(t, "l2tpvl.yaml", text("", second)))
		if err != nil {
			t.Errorf("%s: %v", second, err)
			continue
		}
		if local := c.LocalAddress(&c.Peers[0]); local != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("pe2 is called from %s", local)
		}
		if p := &c.Peers[1]; p.LocalAddress.IsValid() && c.LocalAddress(p) != p.LocalAddress {
			t.Errorf("pe2p is called from %s", c.LocalAddress(p))
		}
	}
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: 192.0.2.11")),
		`FILE: peers.pe2p.address: "192.0.2.2" (IP) is also the address of peer pe2, which has links without IPsec, and over IP nothing else tells them apart; `+
			`want another address, udp, or the same ipsec for all links to this address`)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: 192.0.2.1")),
		`FILE: peers.pe2p.address: "192.0.2.2 (IP)" is also the address of peer pe2; want another address, port or local_address`)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: \"2001:db8::1\"")),
		`FILE: peers.pe2p.address: "192.0.2.2" cannot be reached from peers.pe2p.local_address "2001:db8::1"; want both IPv4 or both IPv6, or no peers.pe2p.local_address`)
}

func TestRefuseClear(t *testing.T) {
	c, err := Load(inFolder(t, "l2tpvl.yaml", protected("ike: {psk_file: pe2.psk}")))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RefuseClear("FILE"); err != nil {
		t.Errorf("nothing is in clear: %v", err)
	}
	c.VPNs[0].Links[0].IPsec = IPsecNone
	const want = `FILE: vpns.red.links[0].ipsec: "none" is refused, as the daemon runs with --require-ipsec; want required, here or at the VPN`
	if err := c.RefuseClear("FILE"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
