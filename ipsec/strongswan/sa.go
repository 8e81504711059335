package strongswan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// ikeSA is an IKE SA in charon.
type ikeSA struct {
	ipsec.IKESA
	connection string
	id         string // charon's unique ID
	children   []childSA
}

// childSA is a CHILD SA in charon.
type childSA struct {
	ipsec.ChildSA
	localTS, remoteTS []string
}

// carriesTraffic reports whether the SA should be in the kernel.
func (c childSA) carriesTraffic() bool {
	return slices.Contains([]string{"INSTALLED", "REKEYING", "REKEYED"}, c.State)
}

// fields reads the fields of a message. Missing ones are empty, or zero.
type fields struct{ m *vici.Message }

func (f fields) text(key string) string {
	text, _ := f.m.Get(key).(string)
	return text
}

func (f fields) list(key string) []string {
	list, _ := f.m.Get(key).([]string)
	return list
}

func (f fields) number(key string) uint64 {
	n, _ := strconv.ParseUint(f.text(key), 10, 64)
	return n
}

// moment returns the time that is the field's number of seconds before now, with sign -1, or after
// now, with sign 1. It is zero without the field.
func (f fields) moment(key string, now time.Time, sign time.Duration) time.Time {
	if f.text(key) == "" {
		return time.Time{}
	}
	return now.Add(sign * time.Duration(f.number(key)) * time.Second)
}

// parse returns the IKE SAs in an event list-sa.
func parse(m *vici.Message, now time.Time) []ikeSA {
	var sas []ikeSA
	for _, name := range m.Keys() {
		section, ok := m.Get(name).(*vici.Message)
		if !ok {
			continue
		}
		f := fields{section}
		sa := ikeSA{connection: name, id: f.text("uniqueid"), IKESA: ipsec.IKESA{
			State:       f.text("state"),
			LocalID:     f.text("local-id"),
			RemoteID:    f.text("remote-id"),
			Initiator:   f.text("initiator") == "yes",
			LocalSPI:    f.text("responder-spi"),
			RemoteSPI:   f.text("initiator-spi"),
			Proposal:    proposal(f),
			Established: f.moment("established", now, -1),
			RekeyAt:     f.moment("rekey-time", now, 1),
		}}
		if sa.Initiator {
			sa.LocalSPI, sa.RemoteSPI = sa.RemoteSPI, sa.LocalSPI
		}
		if children, ok := section.Get("child-sas").(*vici.Message); ok {
			for _, key := range children.Keys() {
				if c, ok := children.Get(key).(*vici.Message); ok {
					sa.children = append(sa.children, parseChild(fields{c}, now))
				}
			}
		}
		sas = append(sas, sa)
	}
	return sas
}

func parseChild(f fields, now time.Time) childSA {
	return childSA{
		localTS: f.list("local-ts"), remoteTS: f.list("remote-ts"),
		ChildSA: ipsec.ChildSA{
			State:        f.text("state"),
			LocalSPI:     f.text("spi-in"),
			RemoteSPI:    f.text("spi-out"),
			Algorithms:   proposal(f),
			Encapsulated: f.text("encap") == "yes",
			Installed:    f.moment("install-time", now, -1),
			RekeyAt:      f.moment("rekey-time", now, 1),
			RxOctets:     f.number("bytes-in"),
			TxOctets:     f.number("bytes-out"),
			RxPackets:    f.number("packets-in"),
			TxPackets:    f.number("packets-out"),
		},
	}
}

// keywords are the keywords that proposals have for algorithms, by charon's names of algorithms in
// SAs. %s is the length of the key.
var keywords = map[string]string{
	"AES_GCM_16": "aes%sgcm16", "AES_GCM_12": "aes%sgcm12", "AES_GCM_8": "aes%sgcm8", "AES_CBC": "aes%s", "AES_CTR": "aes%sctr",
	"AES_CCM_16": "aes%sccm16", "CHACHA20_POLY1305": "chacha20poly1305",
	"HMAC_SHA1_96": "sha1", "HMAC_SHA2_256_128": "sha256", "HMAC_SHA2_384_192": "sha384", "HMAC_SHA2_512_256": "sha512",
	"PRF_HMAC_SHA1": "prfsha1", "PRF_HMAC_SHA2_256": "prfsha256", "PRF_HMAC_SHA2_384": "prfsha384", "PRF_HMAC_SHA2_512": "prfsha512",
	"CURVE_25519": "x25519", "CURVE_448": "x448",
}

// proposal returns the negotiated algorithms as a proposal: "aes256gcm16-prfsha384-ecp256".
func proposal(f fields) string {
	var parts []string
	for _, key := range []string{"encr-alg", "integ-alg", "prf-alg", "dh-group"} {
		name := f.text(key)
		if name == "" {
			continue
		}
		keyword := cmp.Or(keywords[name], strings.ToLower(strings.ReplaceAll(name, "_", "")))
		if strings.Contains(keyword, "%s") {
			keyword = fmt.Sprintf(keyword, f.text("encr-keysize"))
		}
		parts = append(parts, keyword)
	}
	return strings.Join(parts, "-")
}
