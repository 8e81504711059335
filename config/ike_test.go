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

// issue returns a certificate for a name, signed by the issuer, and its private key, both also as
// PEM. Without an issuer it is a self-signed CA certificate.
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

// writeCertificates writes the certificates of pe1 and its CA into a folder, and some files with
// other content.
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

// certified writes a file into a folder with certificates and returns its path.
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
			t.Error("the private key is not a PEM block of type PRIVATE KEY")
		}
		if len(k.CAs) != 1 || !strings.HasPrefix(string(k.CAs[0]), "-----BEGIN CERTIFICATE") {
			t.Errorf("CAs %q", k.CAs)
		}
		if shown := fmt.Sprintf("%v %+v %x", k, k, k.PrivateKey); strings.Contains(shown, "PRIVATE KEY") || !strings.Contains(shown, hidden) {
			t.Errorf("the private key is printed: %s", shown)
		}
	}
}

// Load reports each mistake in the credentials with the key, and without the secret.
func TestCredentialMistakes(t *testing.T) {
	without := func(key string) string {
		start := strings.Index(certificates, key)
		end := start + strings.IndexAny(certificates[start:], ",}")
		return certificates[:start] + key + ": " + certificates[end:]
	}
	for _, tt := range []struct{ name, line, want string }{
		{
			"none", "hello: 10s",
			"FILE: peers.pe2.ike: no credentials, but vpns.red.links[0] requires IPsec; set psk_file (or psk_env), or certificate_file, private_key_file and ca_files",
		},
		{"key in the file", "ike: {psk: open}", "FILE: peers.pe2.ike.psk: pre-shared keys are not allowed in this file; use psk_file or psk_env\n" +
			"FILE: peers.pe2.ike: no credentials, but vpns.red.links[0] requires IPsec; set psk_file (or psk_env), or certificate_file, private_key_file and ca_files"},
		{"two keys", "ike: {psk_file: pe2.psk, psk_env: HOME}", "FILE: peers.pe2.ike.psk_env: conflicts with psk_file; use only one of them"},
		{"key and certificate", "ike: {psk_file: pe2.psk, ca_files: [ca.crt]}", "FILE: peers.pe2.ike: both a pre-shared key and certificates are configured; use only one of them"},
		{"one secret for two purposes", "ike: {psk_file: pe2.secret}", "FILE: peers.pe2.ike: the pre-shared key equals the secret of the control connection; use two different ones"},
		{"no such key", "ike: {psk_file: nowhere}", `FILE: peers.pe2.ike.psk_file: "FOLDER/nowhere" cannot be read: no such file or directory; expected a file with the secret`},
		{"no certificate", without("certificate_file"), "FILE: peers.pe2.ike.certificate_file: missing; expected a file with the local certificate"},
		{"no private key", without("private_key_file"), "FILE: peers.pe2.ike.private_key_file: missing; expected a file with the private key of the local certificate"},
		{"no CA", without("ca_files"), "FILE: peers.pe2.ike.ca_files: missing; expected a list of files with the certificates of the CAs that may issue the peer's certificate"},
		{
			"no remote_id", without("remote_id"),
			"FILE: peers.pe2.ike.remote_id: missing; expected the identity that the peer's certificate proves, such as pe2.example.net",
		},
		{
			"file without a certificate", strings.Replace(certificates, "pe1.crt", "pe2.secret", 1),
			`FILE: peers.pe2.ike.certificate_file: "FOLDER/pe2.secret" has no certificate; expected PEM with a line BEGIN CERTIFICATE`,
		},
		{
			"file without a private key", strings.Replace(certificates, "pe1.key", "ca.crt", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/ca.crt" has no private key; expected PEM with a line BEGIN PRIVATE KEY`,
		},
		{
			"key of another certificate", strings.Replace(certificates, "pe1.key", "other.key", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/other.key" has a private key that does not belong to the certificate; expected the matching key`,
		},
		{
			"key with a passphrase", strings.Replace(certificates, "pe1.key", "encrypted.key", 1),
			`FILE: peers.pe2.ike.private_key_file: "FOLDER/encrypted.key" has an unreadable private key; expected one without a passphrase`,
		},
		{
			"CA certificate that is not a CA's", strings.Replace(certificates, "[ca.crt]", "[ca.crt, pe1.crt]", 1),
			`FILE: peers.pe2.ike.ca_files[1]: "FOLDER/pe1.crt" is not a CA certificate; expected one that may issue others`,
		},
		{
			"identity", "ike: {psk_file: pe2.psk, remote_id: \"pe2\\n\"}",
			`FILE: peers.pe2.ike.remote_id: invalid identity "pe2\n"; expected at most 255 printable ASCII characters`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, certified(t, protected(tt.line)), tt.want)
		})
	}
}

// Load refuses proposals without effective protection; charon checks the rest.
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
		{esp, "null-sha256", `"null-sha256" uses null, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar`},
		{esp, "aes256gmac", `"aes256gmac" uses aes256gmac, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar`},
		{esp, "aes256-md5", `"aes256-md5" uses md5, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar`},
		{ike, "des-sha1-modp768", `"des-sha1-modp768" uses des, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar`},
		{ike, "aes256-sha1-modp768", `"aes256-sha1-modp768" uses modp768, which is insecure (RFC 8221, RFC 8247); use aes256gcm16 or similar`},
		{esp, "sha256-ecp256", `"sha256-ecp256" has no encryption algorithm; add one such as aes256gcm16`},
		{esp, "aesxcbc", `"aesxcbc" has no encryption algorithm; add one such as aes256gcm16`},
		{esp, "aes256-ecp256", `"aes256-ecp256" encrypts without integrity protection (RFC 8221, section 4); add sha256 or similar, or use aes256gcm16`},
		{esp, "aes256gcm16-aes256-sha256", `"aes256gcm16-aes256-sha256" mixes AEAD and other encryption algorithms, such as aes256gcm16 (RFC 7296, section 3.3); use a proposal for each kind`},
		{ike, "aes256gcm16-prfsha256", `"aes256gcm16-prfsha256" has no Diffie-Hellman group; an IKE SA needs one such as ecp256`},
		{esp, "AES 256", `invalid proposal "AES 256"; expected algorithms joined by '-', such as aes256gcm16-prfsha256-ecp256`},
	} {
		path := inFolder(t, "l2tpvl.yaml", protected(fmt.Sprintf("ike: {psk_file: pe2.psk, %s: [aes256gcm16-prfsha256-ecp256, %q]}", tt.key, tt.proposal)))
		if tt.want != "" {
			checkMistakes(t, path, fmt.Sprintf("FILE: peers.pe2.ike.%s[1]: %s", tt.key, tt.want))
		} else if _, err := Load(path); err != nil {
			t.Error(err)
		}
	}
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", protected("ike: {psk_file: pe2.psk, esp_proposals: []}")),
		"FILE: peers.pe2.ike.esp_proposals: empty list; expected at least one proposal, or no such key for the default")
}

// Exactly one of the two ends starts IKE.
func TestIKEStart(t *testing.T) {
	for _, tt := range []struct {
		start       IKEStart
		local, peer string
		want        bool
	}{
		{StartAuto, "192.0.2.1", "192.0.2.2", true},
		{StartAuto, "192.0.2.2", "192.0.2.1", false},
		{StartAuto, "2001:db8::1", "2001:db8::2", true},
		{StartAuto, "2001:db8::2", "2001:db8::1", false},
		{StartYes, "192.0.2.2", "192.0.2.1", true},
		{StartNo, "192.0.2.1", "192.0.2.2", false},
	} {
		p := Peer{Address: netip.MustParseAddr(tt.peer), IKE: IKE{Start: tt.start}}
		if got := p.Starts(netip.MustParseAddr(tt.local)); got != tt.want {
			t.Errorf("start %s: %s starts with %s: %v, want %v", tt.start, tt.local, tt.peer, got, tt.want)
		}
	}
	unknown := strings.Replace(protected("ike: {psk_file: pe2.psk}"), "  address: 192.0.2.1\n", "", 1)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", unknown),
		`FILE: peers.pe2.ike.start: "auto" requires a local address, because the end with the lower address starts IKE; `+
			`set local.address, or start: yes at one end and no at the other`)
	for _, known := range []string{"ike: {psk_file: pe2.psk, start: no}", "local_address: 192.0.2.7\n    ike: {psk_file: pe2.psk}"} {
		text := strings.Replace(protected(known), "  address: 192.0.2.1\n", "", 1)
		if _, err := Load(inFolder(t, "l2tpvl.yaml", text)); err != nil {
			t.Errorf("%s: %v", known, err)
		}
	}
}

// A router with two addresses may be configured as two peers. Over IP, which has no ports, this is
// the way to have links of both classes to it.
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
			t.Errorf("local address for pe2: %s", local)
		}
		if p := &c.Peers[1]; p.LocalAddress.IsValid() && c.LocalAddress(p) != p.LocalAddress {
			t.Errorf("local address for pe2p: %s", c.LocalAddress(p))
		}
	}
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: 192.0.2.11")),
		`FILE: peers.pe2p.address: "192.0.2.2" (IP) is also the address of peer pe2, which has links without IPsec; over IP only the address distinguishes them; `+
			`use another address, udp, or the same ipsec for all links to this address`)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: 192.0.2.1")),
		`FILE: peers.pe2p.address: "192.0.2.2 (IP)" is also the address of peer pe2; use another address, port or local_address`)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text("", "address: 192.0.2.2, local_address: \"2001:db8::1\"")),
		`FILE: peers.pe2p.address: "192.0.2.2" cannot be reached from peers.pe2p.local_address "2001:db8::1"; use addresses of one IP version, or remove peers.pe2p.local_address`)
}

func TestRefuseClear(t *testing.T) {
	c, err := Load(inFolder(t, "l2tpvl.yaml", protected("ike: {psk_file: pe2.psk}")))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RefuseClear("FILE"); err != nil {
		t.Errorf("all links require IPsec, but RefuseClear returned %v", err)
	}
	c.VPNs[0].Links[0].IPsec = IPsecNone
	const want = `FILE: vpns.red.links[0].ipsec: "none" is refused because l2tpvld runs with --require-ipsec; set required, here or at the VPN`
	if err := c.RefuseClear("FILE"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
