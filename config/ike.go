package config

import (
	"bytes"
	"net/netip"
	"time"
)

// IKE is how the peer and we prove who we are and agree on keys (IKEv2, RFC 7296), for the links
// that IPsec protects.
type IKE struct {
	PSKFile         string        `key:"psk_file" live:"content" like:"/etc/l2tpvl/pe2.psk" doc:"File that holds the pre-shared key by which both sides prove who they are; a relative name starts at the configuration's folder. Without it: certificates."`
	PSKEnv          string        `key:"psk_env" live:"content" like:"PE2_PSK" hidden:"yes" doc:"Environment variable that holds the pre-shared key."`
	PSK             Secret        // read from PSKFile or PSKEnv; nil: certificates
	CertificateFile string        `key:"certificate_file" live:"content" like:"/etc/l2tpvl/pe1.crt" doc:"File that holds our certificate, PEM, if there is no pre-shared key."`
	Certificate     []byte        // read from CertificateFile
	PrivateKeyFile  string        `key:"private_key_file" live:"content" like:"/etc/l2tpvl/pe1.key" doc:"File that holds the certificate's private key, PEM, without a passphrase."`
	PrivateKey      Secret        // read from PrivateKeyFile
	CAFiles         []string      `key:"ca_files" live:"content" like:"/etc/l2tpvl/ca.crt" doc:"Files with a CA's certificate each, PEM. One of these must have issued the peer's certificate."`
	CAs             [][]byte      // read from CAFiles
	LocalID         string        `key:"local_id" like:"pe1.example.net" derived:"our address, or the subject of our certificate" doc:"IKE identity that we claim: an address, a name, or the subject of a certificate."`
	RemoteID        string        `key:"remote_id" like:"pe2.example.net" derived:"the peer's address; certificates need it" doc:"IKE identity that the peer must prove."`
	Start           IKEStart      `key:"start" default:"auto" oneof:"auto|yes|no" doc:"Whether we start the IKE SA; exactly one of the two sides is to. With auto it is the one with the lower address, as far as the two see the same addresses: not if there is a NAT between them."`
	IKEProposals    []string      `key:"ike_proposals" like:"aes256gcm16-prfsha256-ecp256" derived:"aes256gcm16-prfsha256-ecp256-x25519" doc:"What the IKE SA may use, as strongSwan writes it: algorithms of each kind, joined by '-'."`
	ESPProposals    []string      `key:"esp_proposals" like:"aes256gcm16-ecp256" derived:"aes256gcm16-ecp256-x25519" doc:"What ESP may use; with a group (ecp256, x25519), each rekeying has keys of its own (perfect forward secrecy)."`
	IKERekey        time.Duration `key:"ike_rekey" default:"4h" min:"10s" max:"168h" doc:"Age at which the IKE SA is rekeyed, but for some jitter."`
	ChildRekey      time.Duration `key:"child_rekey" default:"1h" min:"1s" max:"24h" doc:"Age at which the keys of ESP are renewed, but for some jitter."`
	RekeyOctets     int           `key:"rekey_octets" default:"100000000000" min:"0" max:"1000000000000000" doc:"Octets after which they are renewed too; 0: by age alone. The default is reached before ESP's sequence numbers of 32 bits end."`
	DPD             time.Duration `key:"dpd" default:"30s" min:"1s" max:"1h" doc:"Silence of the peer after which IKE asks whether it is still there (RFC 7296 section 2.4)."`
	ReplayWindow    int           `key:"replay_window" default:"1024" min:"32" max:"4096" doc:"How many packets back one may arrive late and is not taken for a replay (RFC 4303 section 3.4.3)."`
}

// IKEStart is whether we start the IKE SA.
type IKEStart string

// The ways to decide that.
const (
	StartAuto IKEStart = "auto" // the side with the lower address does
	StartYes  IKEStart = "yes"
	StartNo   IKEStart = "no"
)

// The algorithms unless others are configured: RFC 8247 section 2 and RFC 8221 section 5 have them
// at SHOULD or above. The two groups are alternatives.
const (
	defaultIKEProposal = "aes256gcm16-prfsha256-ecp256-x25519"
	defaultESPProposal = "aes256gcm16-ecp256-x25519"
)

// Starts reports whether we, at the local address, start the IKE SA with the peer.
func (p *Peer) Starts(local netip.Addr) bool {
	if p.IKE.Start == StartAuto {
		return local.Less(p.Address)
	}
	return p.IKE.Start == StartYes
}

func (k *IKE) hasPSK() bool { return k.PSKFile != "" || k.PSKEnv != "" }

func (k *IKE) hasCertificate() bool {
	return k.CertificateFile != "" || k.PrivateKeyFile != "" || len(k.CAFiles) > 0
}

// completeIKE fills in the algorithms where there are none.
func (c *Config) completeIKE(r *report) {
	for i := range c.Peers {
		k, at := &c.Peers[i].IKE, join("peers", c.Peers[i].Name, "ike")
		complete := func(key string, proposals *[]string, proposal string) {
			if !r.wrote(join(at, key)) {
				*proposals = []string{proposal}
			}
		}
		complete("ike_proposals", &k.IKEProposals, defaultIKEProposal)
		complete("esp_proposals", &k.ESPProposals, defaultESPProposal)
	}
}

func (c *Config) checkIKE(r *report) {
	for i := range c.Peers {
		p := &c.Peers[i]
		at := join("peers", p.Name, "ike")
		p.IKE.check(r, at)
		protected := c.firstOf(p.Name, IPsecRequired)
		if protected == "" || p.IsStatic() {
			continue
		}
		if !p.IKE.hasPSK() && !p.IKE.hasCertificate() {
			r.add(at, "has no credentials, and %s requires IPsec; want psk_file (or psk_env), or certificate_file, private_key_file and ca_files",
				protected)
		}
		if p.IKE.Start == StartAuto && !c.LocalAddress(p).IsValid() {
			r.add(join(at, "start"), "%q has the side with the lower address start IKE, and ours is not known; want local.address, or start: yes on one side and no on the other",
				p.IKE.Start)
		}
	}
}

func (k *IKE) check(r *report, at string) {
	switch {
	case k.PSKFile != "" && k.PSKEnv != "":
		r.add(join(at, "psk_env"), "contradicts psk_file; want one of them")
	case k.hasPSK() && k.hasCertificate():
		r.add(at, "has a pre-shared key and certificates; want one or the other")
	case k.hasCertificate():
		k.checkCertificates(r, at)
	}
	for _, id := range []struct{ key, value string }{{"local_id", k.LocalID}, {"remote_id", k.RemoteID}} {
		if len(id.value) > maxIdentity || !printableASCII.MatchString(id.value) {
			r.add(join(at, id.key), "%q is no identity; want at most %d printable ASCII characters", id.value, maxIdentity)
		}
	}
	checkProposals(r, join(at, "ike_proposals"), k.IKEProposals, ikeRules)
	checkProposals(r, join(at, "esp_proposals"), k.ESPProposals, espRules)
}

// maxIdentity is far more than the identities in use have, in octets.
const maxIdentity = 255

func (k *IKE) checkCertificates(r *report, at string) {
	for _, need := range []struct {
		key  string
		lack bool
		want string
	}{
		{"certificate_file", k.CertificateFile == "", "a file with our certificate"},
		{"private_key_file", k.PrivateKeyFile == "", "a file with the private key of our certificate"},
		{"ca_files", len(k.CAFiles) == 0, "a list of files with the certificates of those who may have issued the peer's"},
		// Any certificate that the CAs have issued would do otherwise: that of another peer too.
		{"remote_id", k.RemoteID == "", "the identity that the peer's certificate proves, such as pe2.example.net"},
	} {
		if need.lack && !r.told(join(at, need.key)) {
			r.add(join(at, need.key), "is missing; want %s", need.want)
		}
	}
}

// readIKE reads the credentials of each peer that has any. A relative name of a file starts at
// folder.
func (c *Config) readIKE(r *report, folder string) {
	for i := range c.Peers {
		k, at := &c.Peers[i].IKE, join("peers", c.Peers[i].Name, "ike")
		k.PSK = readSecret(r, folder, join(at, "psk_file"), k.PSKFile, join(at, "psk_env"), k.PSKEnv)
		k.readCertificates(r, folder, at)
		if p := &c.Peers[i]; k.PSK != nil && bytes.Equal(k.PSK, p.Secret) {
			r.add(at, "has the secret of the control connection as its pre-shared key; want another one")
		}
	}
}
