package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// capture is a file of packets, of either format: pcap or pcapng.
type capture struct {
	read  func() ([]byte, gopacket.CaptureInfo, error)
	link  func(gopacket.CaptureInfo) layers.LinkType
	frame int
}

// pcapngMagic begins a pcapng file: the type of its Section Header Block.
var pcapngMagic = []byte{0x0a, 0x0d, 0x0d, 0x0a}

// openCapture reads the head of a capture. The error is one line that begins with what is wrong.
func openCapture(r io.Reader) (*capture, error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(len(pcapngMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.Equal(magic, pcapngMagic) {
		ng, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, fmt.Errorf("is no pcapng file: %w", err)
		}
		return &capture{read: ng.ReadPacketData, link: linkOfInterface}, nil
	}
	pcap, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("is no capture: %w; want a pcap or pcapng file", err)
	}
	link := pcap.LinkType()
	return &capture{read: pcap.ReadPacketData, link: func(gopacket.CaptureInfo) layers.LinkType { return link }}, nil
}

// linkOfInterface is the link type of the interface that a packet of a pcapng file came by.
func linkOfInterface(info gopacket.CaptureInfo) layers.LinkType {
	for _, v := range info.AncillaryData {
		if link, ok := v.(layers.LinkType); ok {
			return link
		}
	}
	return layers.LinkTypeEthernet
}

// next returns the next packet, dissected as far as we know its link; io.EOF is the file's end.
func (c *capture) next() (gopacket.Packet, error) {
	data, info, err := c.read()
	if err != nil {
		return nil, err
	}
	c.frame++
	p := gopacket.NewPacket(data, decoderOf(c.link(info)), gopacket.DecodeOptions{NoCopy: true})
	p.Metadata().CaptureInfo = info
	return p, nil
}

// decoderOf is gopacket's for a link type, with two more that stand for IP without anything before
// it.
func decoderOf(link layers.LinkType) gopacket.Decoder {
	switch link {
	case layers.LinkTypeIPv4:
		return layers.LayerTypeIPv4
	case layers.LinkTypeIPv6:
		return layers.LayerTypeIPv6
	}
	if link >= layers.LinkTypeMax {
		return gopacket.DecodePayload
	}
	return link
}

// protocolL2TP is L2TPv3's over IP (RFC 3931, section 4.1.1).
const protocolL2TP layers.IPProtocol = 115

// found is what a packet has for decode.
type found struct {
	datagram dissect.Datagram
	fragment bool // it is a fragment that may be of L2TP
	l2tp     bool // the datagram is there
}

// findL2TP looks for L2TPv3 in a packet: UDP from or to one of the ports, or IP protocol 115; of
// several IP headers in one another the first that carries it.
func findL2TP(p gopacket.Packet, ports []uint16) found {
	var from, to netip.Addr
	overIP := func(payload []byte) found {
		return foundDatagram(p, dissect.OverIP, netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0), payload)
	}
	for _, layer := range p.Layers() {
		var next layers.IPProtocol
		switch l := layer.(type) {
		case *layers.IPv4:
			from, to = addrOf(l.SrcIP), addrOf(l.DstIP)
			if l.Flags&layers.IPv4MoreFragments != 0 || l.FragOffset != 0 {
				return found{fragment: l.Protocol == layers.IPProtocolUDP || l.Protocol == protocolL2TP}
			}
			next = l.Protocol
		case *layers.IPv6:
			from, to = addrOf(l.SrcIP), addrOf(l.DstIP)
			next = l.NextHeader
		case *layers.IPv6Fragment:
			return found{fragment: l.NextHeader == layers.IPProtocolUDP || l.NextHeader == protocolL2TP}
		case *layers.IPv6HopByHop:
			next = l.NextHeader
		case *layers.IPv6Routing:
			next = l.NextHeader
		case *layers.IPv6Destination:
			next = l.NextHeader
		case *layers.UDP:
			source, destination := uint16(l.SrcPort), uint16(l.DstPort)
			if slices.Contains(ports, source) || slices.Contains(ports, destination) {
				return foundDatagram(p, dissect.OverUDP,
					netip.AddrPortFrom(from, source), netip.AddrPortFrom(to, destination), l.Payload)
			}
		}
		if next == protocolL2TP {
			return overIP(layer.LayerPayload())
		}
	}
	return found{}
}

func foundDatagram(p gopacket.Packet, t dissect.Transport, from, to netip.AddrPort, payload []byte) found {
	return found{l2tp: true, datagram: dissect.Datagram{
		Time:      timeOf(p),
		Transport: t,
		From:      dissect.Endpoint{AddrPort: from},
		To:        dissect.Endpoint{AddrPort: to},
		Truncated: p.Metadata().CaptureLength < p.Metadata().Length,
		Payload:   payload,
	}}
}

// timeOf is when the packet was captured. What a damaged file says may be no date: JSON takes years
// of four digits alone.
func timeOf(p gopacket.Packet) time.Time {
	t := p.Metadata().Timestamp.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func addrOf(ip []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip) // of 4 or 16 octets, as gopacket cuts it
	return addr
}

// dissectCapture gives every L2TP datagram of the capture to d. A capture that ends within a packet
// gives what is before it, and an error.
func dissectCapture(c *capture, ports []uint16, d *dissect.Dissector) error {
	for {
		p, err := c.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("cannot be read beyond packet %d: %w", c.frame, err)
		}
		switch f := findL2TP(p, ports); {
		case f.fragment:
			d.AddFragment()
		case f.l2tp:
			f.datagram.Frame = c.frame
			d.Add(f.datagram)
		}
	}
}
