package main

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

const (
	oldSecret = "correct horse"
	newSecret = "battery staple"
)

// side is one PE of a dialogue.
type side struct {
	ip    string
	id    uint32
	nonce []byte
	ns    uint16
	peer  *side
}

// dialogue writes L2TP between two PEs to a capture.
type dialogue struct {
	t      testing.TB
	a, b   *side
	keys   l2tp.Keys
	hiding *l2tp.HidingKey
	ip     bool // over IP instead of UDP
	link   layers.LinkType
	frames [][]byte
}

func newDialogue(t testing.TB, secrets ...string) *dialogue {
	d := &dialogue{t: t, link: layers.LinkTypeEthernet}
	d.a = &side{ip: "192.0.2.1", id: 0x5f1c22ab, nonce: []byte("0123456789abcdef")}
	d.b = &side{ip: "192.0.2.2", id: 0x0911e0d3, nonce: []byte("fedcba9876543210"), peer: d.a}
	d.a.peer = d.b
	for _, s := range secrets {
		d.keys = append(d.keys, l2tp.Signer{Key: l2tp.NewKey([]byte(s)), Type: l2tp.DigestHMACSHA1})
		d.hiding = l2tp.NewHidingKey([]byte(s))
	}
	return d
}

// message sends m, signed, with the AVPs in hide hidden.
func (d *dialogue) message(from *side, m l2tp.Message, hide ...l2tp.AVPType) {
	d.t.Helper()
	m.Ns, m.Nr = from.ns, from.peer.ns
	if m.Type != l2tp.SCCRQ {
		m.ConnectionID = from.peer.id
	}
	if m.Type != l2tp.ACK {
		from.ns++
	}
	if len(hide) > 0 {
		m.Has.Add(l2tp.AVPRandomVector)
		m.RandomVector = []byte("a random vector.")
	}
	d.keys.AddDigests(&m)
	wire, err := l2tp.AppendHidden(nil, &m, d.hiding, l2tp.AVPs(hide...))
	if err == nil {
		err = d.keys.Sign(wire, from.nonce, from.peer.nonce)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	if d.ip {
		wire = append(make([]byte, l2tp.SessionIDLen), wire...)
	}
	d.send(from, wire)
}

// data sends a PPP frame, in hexadecimal.
func (d *dialogue) data(from *side, session uint32, cookie, frame string) {
	d.t.Helper()
	ppp, err := hex.DecodeString(strings.ReplaceAll(frame, " ", ""))
	if err != nil {
		d.t.Fatal(err)
	}
	header := l2tp.AppendDataHeader
	if d.ip {
		header = l2tp.AppendIPDataHeader
	}
	d.send(from, append(header(nil, session, []byte(cookie)), ppp...))
}

// send puts a datagram into the capture.
func (d *dialogue) send(from *side, payload []byte) {
	d.t.Helper()
	src, dst := netip.MustParseAddr(from.ip), netip.MustParseAddr(from.peer.ip)
	protocol := layers.IPProtocolUDP
	if d.ip {
		protocol = protocolL2TP
	}
	var stack []gopacket.SerializableLayer
	etherType := layers.EthernetTypeIPv4
	if src.Is6() {
		etherType = layers.EthernetTypeIPv6
	}
	if d.link == layers.LinkTypeEthernet {
		mac := []byte{2, 0, 0, 0, 0, 1}
		stack = append(stack, &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: etherType})
	}
	var network gopacket.NetworkLayer
	if src.Is6() {
		ip := &layers.IPv6{Version: 6, NextHeader: protocol, HopLimit: 64, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		stack, network = append(stack, ip), ip
	} else {
		ip := &layers.IPv4{Version: 4, Protocol: protocol, TTL: 64, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		stack, network = append(stack, ip), ip
	}
	if !d.ip {
		udp := &layers.UDP{SrcPort: 1701, DstPort: 1701}
		if err := udp.SetNetworkLayerForChecksum(network); err != nil {
			d.t.Fatal(err)
		}
		stack = append(stack, udp)
	}
	out := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(out, options, append(stack, gopacket.Payload(payload))...); err != nil {
		d.t.Fatal(err)
	}
	frame := out.Bytes()
	if d.link == layers.LinkTypeLinuxSLL {
		frame = append([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, byte(etherType >> 8), byte(etherType)}, frame...)
	}
	d.frames = append(d.frames, frame)
}

// stamp returns the time and length of frame i. The first frame is at the time now.
func stamp(frame []byte, i int) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{
		Timestamp:     now.Add(time.Duration(i) * 1500 * time.Microsecond),
		CaptureLength: len(frame),
		Length:        len(frame),
	}
}

// pcap returns the capture in the format of tcpdump.
func (d *dialogue) pcap() []byte {
	d.t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	if err := w.WriteFileHeader(1<<16, d.link); err != nil {
		d.t.Fatal(err)
	}
	for i, f := range d.frames {
		if err := w.WritePacket(stamp(f, i), f); err != nil {
			d.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// pcapng returns the capture in the format of Wireshark.
func (d *dialogue) pcapng() []byte {
	d.t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, d.link)
	if err != nil {
		d.t.Fatal(err)
	}
	for i, f := range d.frames {
		if err := w.WritePacket(stamp(f, i), f); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		d.t.Fatal(err)
	}
	return b.Bytes()
}

const (
	sessionOfA = 0x000003e9
	sessionOfB = 0x000007d2
	cookieOfA  = "cookieA!"
)

// linkUp adds a control connection, a session with data, and the refusal of a second session.
func (d *dialogue) linkUp() *dialogue {
	d.t.Helper()
	setup := func(s *side, host string, router uint32) l2tp.Message {
		return l2tp.Message{
			Has: l2tp.AVPs(l2tp.AVPNonce, l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPVendorName,
				l2tp.AVPAssignedConnectionID, l2tp.AVPReceiveWindowSize, l2tp.AVPPseudowireCapabilities),
			Nonce: s.nonce, HostName: []byte(host), RouterID: router, VendorName: []byte("l2tpvl"),
			AssignedConnectionID: s.id, ReceiveWindow: 16, Pseudowires: l2tp.Pseudowires(l2tp.PseudowirePPP),
		}
	}
	sccrq, sccrp := setup(d.a, "pe1", 0xc0000201), setup(d.b, "pe2", 0xc0000202)
	sccrq.Type, sccrp.Type = l2tp.SCCRQ, l2tp.SCCRP
	d.message(d.a, sccrq)
	d.message(d.b, sccrp)
	d.message(d.a, l2tp.Message{Type: l2tp.SCCCN})
	icrq := l2tp.Message{
		Type: l2tp.ICRQ,
		Has: l2tp.AVPs(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID, l2tp.AVPAssignedCookie, l2tp.AVPSerialNumber,
			l2tp.AVPRemoteEndID, l2tp.AVPPseudowireType, l2tp.AVPCircuitStatus),
		LocalSessionID: sessionOfA, AssignedCookie: []byte(cookieOfA), SerialNumber: 42,
		RemoteEndID: []byte{0, 0, 0x5e, 0, 0, 0, 1}, PseudowireType: l2tp.PseudowirePPP, CircuitStatus: l2tp.CircuitActive,
	}
	if d.hiding != nil {
		d.message(d.a, icrq, l2tp.AVPRemoteEndID)
	} else {
		d.message(d.a, icrq)
	}
	d.message(d.b, l2tp.Message{
		Type: l2tp.ICRP,
		Has: l2tp.AVPs(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID, l2tp.AVPAssignedCookie,
			l2tp.AVPCircuitStatus),
		LocalSessionID: sessionOfB, RemoteSessionID: sessionOfA, CircuitStatus: l2tp.CircuitActive,
	})
	d.message(d.a, l2tp.Message{
		Type: l2tp.ICCN, Has: l2tp.AVPs(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID),
		LocalSessionID: sessionOfA, RemoteSessionID: sessionOfB,
	})
	d.data(d.a, sessionOfB, "", "ff03 c021 01 01 0004")
	d.data(d.b, sessionOfA, cookieOfA, "ff03 c021 01 01 0004")
	d.data(d.b, sessionOfA, cookieOfA, "ff03 c021 02 01 0004")
	d.data(d.b, sessionOfA, "another!", "ff03 0021 45")
	d.message(d.b, l2tp.Message{Type: l2tp.ACK})
	d.message(d.b, l2tp.Message{
		Type: l2tp.CDN, Has: l2tp.AVPs(l2tp.AVPResultCode, l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID),
		Result: l2tp.Result{
			Code: uint16(l2tp.CDNGeneralError), HasError: true, Error: l2tp.ErrorVendor,
			Message: []byte("no VPN 00005e:00000007 here\x1b[31m"),
		},
		RemoteSessionID: 0x000003ea,
	})
	return d
}
