package config

import (
	"bytes"
	"net/netip"
	"time"
)

// IKE configures IKEv2 with a peer (RFC 7296), for the links that IPsec protects: the credentials
// of both ends, algorithms and times.
type IKE struct {
	PSKFile         string        `key:"psk_file" impact:"content" example:"/etc/l2tpvl/pe2.psk" doc:"File with the pre-shared key that authenticates both ends; a relative path is relative to the configuration file's folder. Without psk_file and psk_env, certificates are used."`
	PSKEnv          string        `key:"psk_env" impact:"content" example:"PE2_PSK" hidden:"yes" doc:"Environment variable with the pre-shared key."`
	PSK             Secret        // from PSKFile or PSKEnv; nil: certificates are used
	CertificateFile string        `key:"certificate_file" impact:"content" example:"/etc/l2tpvl/pe1.crt" doc:"PEM file with the local certificate, if no pre-shared key is configured."`
	Certificate     []byte        // from CertificateFile
	PrivateKeyFile  string        `key:"private_key_file" impact:"content" example:"/etc/l2tpvl/pe1.key" doc:"PEM file with the certificate's private key, without a passphrase."`
	PrivateKey      Secret        // from PrivateKeyFile
	CAFiles         []string      `key:"ca_files" impact:"content" example:"/etc/l2tpvl/ca.crt" doc:"PEM files with one CA certificate each. One of these CAs must have issued the peer's certificate."`
	CAs             [][]byte      // from CAFiles
	LocalID         string        `key:"local_id" example:"pe1.example.net" derived:"the local address, or the subject of the local certificate" doc:"Local IKE identity: an address, a name, or the subject of a certificate."`
	RemoteID        string        `key:"remote_id" example:"pe2.example.net" derived:"the peer's address; required with certificates" doc:"IKE identity that the peer must prove."`
	Start           IKEStart      `key:"start" default:"auto" oneof:"auto|yes|no" doc:"Whether this end starts the IKE SA; exactly one of the two ends must. With auto the end with the lower address does, which requires that both ends see the same addresses: do not use it across a NAT."`
	IKEProposals    []string      `key:"ike_proposals" example:"aes256gcm16-prfsha256-ecp256" derived:"aes256gcm16-prfsha256-ecp256-x25519" doc:"Proposals for the IKE SA in the notation of strongSwan: algorithms of each kind, joined by '-'."`
	ESPProposals    []string      `key:"esp_proposals" example:"aes256gcm16-ecp256" derived:"aes256gcm16-ecp256-x25519" doc:"Proposals for ESP. With a Diffie-Hellman group (ecp256, x25519) each rekeying generates independent keys (perfect forward secrecy)."`
	IKERekey        time.Duration `key:"ike_rekey" default:"4h" min:"10s" max:"168h" doc:"Age at which the IKE SA is rekeyed, with some jitter."`
	ChildRekey      time.Duration `key:"child_rekey" default:"1h" min:"1s" max:"24h" doc:"Age at which the ESP keys are renewed, with some jitter."`
	RekeyOctets     int           `key:"rekey_octets" default:"100000000000" min:"0" max:"1000000000000000" doc:"Octets after which the ESP keys are also renewed; 0: by age only. The default is reached before the 32-bit sequence numbers of ESP are exhausted."`
	DPD             time.Duration `key:"dpd" default:"30s" min:"1s" max:"1h" doc:"Time without a packet from the peer after which IKE checks its liveness (RFC 7296, section 2.4)."`
	ReplayWindow    int           `key:"replay_window" default:"1024" min:"32" max:"4096" doc:"Size of the ESP anti-replay window, in packets: packets that arrive later than that are dropped (RFC 4303, section 3.4.3)."`
}

// IKEStart decides whether this end starts the IKE SA.
type IKEStart string

// The values of IKEStart.
const (
	StartAuto IKEStart = "auto" // the end with the lower address starts
	StartYes  IKEStart = "yes"
	StartNo   IKEStart = "no"
)

// The default algorithms: RFC 8247, section 2, and RFC 8221, section 5, have them at SHOULD or
// above. The two groups are alternatives.
const (
	defaultIKEProposal = "aes256gcm16-prfsha256-ecp256-x25519"
	defaultESPProposal = "aes256gcm16-ecp256-x25519"
)

// Starts reports whether this end, at the local address, starts the IKE SA with the peer.
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

// completeIKE sets the default proposals where none are configured.
func (c *Config) completeIKE(r *report) {
	for i := range c.Peers {
		k, at := &c.Peers[i].IKE, join("peers", c.Peers[i].Name, "ike")
		complete := func(key string, proposals *[]string, proposal string) {
			if !r.isSet(join(at, key)) {
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
			r.add(at, "no credentials, but %s requires IPsec; set psk_file (or psk_env), or certificate_file, private_key_file and ca_files",
				protected)
		}
		if p.IKE.Start == StartAuto && !c.LocalAddress(p).IsValid() {
			r.add(join(at, "start"), "%q requires a local address, because the end with the lower address starts IKE; set local.address, or start: yes at one end and no at the other",
				p.IKE.Start)
		}
	}
}

func (k *IKE) check(r *report, at string) {
	switch {
	case k.PSKFile != "" && k.PSKEnv != "":
		r.add(join(at, "psk_env"), "conflicts with psk_file; use only one of them")
	case k.hasPSK() && k.hasCertificate():
		r.add(at, "both a pre-shared key and certificates are configured; use only one of them")
	case k.hasCertificate():
		k.checkCertificates(r, at)
	}
	for _, id := range []struct{ key, value string }{{"local_id", k.LocalID}, {"remote_id", k.RemoteID}} {
		if len(id.value) > maxIdentity || !printableASCII.MatchString(id.value) {
			r.add(join(at, id.key), "invalid identity %q; expected at most %d printable ASCII characters", id.value, maxIdentity)
		}
	}
	checkProposals(r, join(at, "ike_proposals"), k.IKEProposals, ikeRules)
	checkProposals(r, join(at, "esp_proposals"), k.ESPProposals, espRules)
}

// maxIdentity is the length of the longest identity in octets, far above those in use.
const maxIdentity = 255

func (k *IKE) checkCertificates(r *report, at string) {
	for _, need := range []struct {
		key     string
		missing bool
		want    string
	}{
		{"certificate_file", k.CertificateFile == "", "a file with the local certificate"},
		{"private_key_file", k.PrivateKeyFile == "", "a file with the private key of the local certificate"},
		{"ca_files", len(k.CAFiles) == 0, "a list of files with the certificates of the CAs that may issue the peer's certificate"},
		// Without remote_id any certificate issued by the CAs would be accepted, another peer's
		// too.
		{"remote_id", k.RemoteID == "", "the identity that the peer's certificate proves, such as pe2.example.net"},
	} {
		if need.missing && !r.reported(join(at, need.key)) {
			r.add(join(at, need.key), "missing; expected %s", need.want)
		}
	}
}

// readIKE reads the credentials of each peer that has any. Relative paths are relative to folder.
func (c *Config) readIKE(r *report, folder string) {
	for i := range c.Peers {
		k, at := &c.Peers[i].IKE, join("peers", c.Peers[i].Name, "ike")
		k.PSK = readSecret(r, folder, join(at, "psk_file"), k.PSKFile, join(at, "psk_env"), k.PSKEnv)
		k.readCertificates(r, folder, at)
		if p := &c.Peers[i]; k.PSK != nil && bytes.Equal(k.PSK, p.Secret) {
			r.add(at, "the pre-shared key equals the secret of the control connection; use two different ones")
		}
	}
}
