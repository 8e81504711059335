package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"hash"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

const (
	secret     = "correct horse"
	nextSecret = "battery staple"
)

// variant is one way to send all messages.
type variant struct {
	name    string
	keys    l2tp.Keys
	secrets []string // the secrets of keys
	hide    l2tp.AVPSet
	ip, v6  bool
}

// sent is a message that was sent.
type sent struct {
	message l2tp.Message
	wire    []byte // its octets, from the control message header on
	sums    [][]byte
}

// side is one end of the control connection.
type side struct {
	address string
	id      uint32
	nonce   []byte
	ns      uint16
}

// sendAll writes a capture of a dialogue with all messages, each with all its AVPs.
func sendAll(t *testing.T, v variant) (file string, messages []sent) {
	t.Helper()
	a := &side{address: "192.0.2.1", id: 0x5f1c22ab, nonce: []byte("0123456789abcdef")}
	b := &side{address: "192.0.2.2", id: 0x0911e0d3, nonce: []byte("a nonce of another length")}
	if v.v6 {
		a.address, b.address = "2001:db8::1", "2001:db8::2"
	}
	var frames [][]byte
	for _, kind := range types {
		if kind == l2tp.ZLB && len(v.keys) > 0 {
			continue // a ZLB has no digest, so an ACK replaces it (RFC 3931, section 6.15)
		}
		from, to := a, b
		if fromB[kind] {
			from, to = b, a
		}
		m := allOf(t, kind, from.nonce, from.id)
		m.Header = l2tp.Header{ConnectionID: to.id, Ns: from.ns, Nr: to.ns}
		if kind == l2tp.SCCRQ {
			m.ConnectionID = 0
		}
		if kind != l2tp.ACK && kind != l2tp.ZLB {
			from.ns++
		}
		s := v.write(t, m, from.nonce, to.nonce)
		messages = append(messages, s)
		frames = append(frames, v.frame(t, from.address, to.address, s.wire))
	}
	return writePcap(t, frames), messages
}

// write writes and signs the message. It also computes the digests that the message must have as
// RFC 3931, section 5.4.1, says, independently of package l2tp.
func (v variant) write(t *testing.T, m l2tp.Message, local, remote []byte) sent {
	t.Helper()
	var sums [][]byte
	v.keys.AddDigests(&m)
	wire, err := l2tp.AppendHidden(nil, &m, l2tp.NewHidingKey([]byte(secret)), v.hide)
	if err != nil {
		t.Fatal(err)
	}
	if m.Type == l2tp.SCCRQ {
		local, remote = nil, nil
	}
	for i, k := range v.keys {
		h := map[l2tp.DigestType]func() hash.Hash{l2tp.DigestHMACMD5: md5.New, l2tp.DigestHMACSHA1: sha1.New}[k.Type]
		sums = append(sums, mac(h, mac(md5.New, []byte(v.secrets[i]), []byte{2}), local, remote, wire))
	}
	if err := v.keys.Sign(wire, local, remote); err != nil {
		t.Fatal(err)
	}
	return sent{message: m, wire: wire, sums: sums}
}

func mac(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// frame returns an Ethernet frame with a control message over UDP or IP.
func (v variant) frame(t *testing.T, from, to string, message []byte) []byte {
	t.Helper()
	protocol := layers.IPProtocolUDP
	payload := message
	if v.ip {
		protocol = 115
		payload = append(make([]byte, l2tp.SessionIDLen), message...)
	}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	ethernet := &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeIPv4}
	var network gopacket.SerializableLayer
	udp := &layers.UDP{SrcPort: 1701, DstPort: 1701}
	src, dst := net.ParseIP(from), net.ParseIP(to)
	var err error
	if v.v6 {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, NextHeader: protocol, HopLimit: 64, SrcIP: src, DstIP: dst}
		network, err = ip, udp.SetNetworkLayerForChecksum(ip)
	} else {
		ip := &layers.IPv4{Version: 4, Protocol: protocol, TTL: 64, SrcIP: src, DstIP: dst}
		network, err = ip, udp.SetNetworkLayerForChecksum(ip)
	}
	if err != nil {
		t.Fatal(err)
	}
	stack := []gopacket.SerializableLayer{ethernet, network, udp, gopacket.Payload(payload)}
	if v.ip {
		stack = []gopacket.SerializableLayer{ethernet, network, gopacket.Payload(payload)}
	}
	out := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(out, options, stack...); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writePcap(t *testing.T, frames [][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(1<<16, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		info := gopacket.CaptureInfo{
			Timestamp: time.Unix(1_700_000_000+int64(i), 0), CaptureLength: len(f), Length: len(f),
		}
		if err := w.WritePacket(info, f); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "wire.pcap")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
