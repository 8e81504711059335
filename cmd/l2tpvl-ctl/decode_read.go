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

// capture reads the packets of a pcap or pcapng file.
type capture struct {
	read  func() ([]byte, gopacket.CaptureInfo, error)
	link  func(gopacket.CaptureInfo) layers.LinkType
	frame int // number of packets read
}

// pcapngMagic is the start of a pcapng file: the type of its Section Header Block.
var pcapngMagic = []byte{0x0a, 0x0d, 0x0d, 0x0a}

// openCapture reads the header of a capture file. The error is one line to be put after the name of
// the file.
func openCapture(r io.Reader) (*capture, error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(len(pcapngMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.Equal(magic, pcapngMagic) {
		ng, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, fmt.Errorf("is not a pcapng file: %w", err)
		}
		return &capture{read: ng.ReadPacketData, link: linkOfInterface}, nil
	}
	pcap, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("is not a capture file: %w; want pcap or pcapng", err)
	}
	link := pcap.LinkType()
	return &capture{read: pcap.ReadPacketData, link: func(gopacket.CaptureInfo) layers.LinkType { return link }}, nil
}

// linkOfInterface returns the link type of the interface of a packet in a pcapng file.
func linkOfInterface(info gopacket.CaptureInfo) layers.LinkType {
	for _, v := range info.AncillaryData {
		if link, ok := v.(layers.LinkType); ok {
			return link
		}
	}
	return layers.LinkTypeEthernet
}

// next returns the next packet, dissected if its link type is known, or io.EOF at the end of the
// file.
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

// decoderOf returns gopacket's decoder for a link type. It adds the two link types for packets that
// begin with the IP header.
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

// protocolL2TP is the IP protocol number of L2TPv3 over IP (RFC 3931, section 4.1.1).
const protocolL2TP layers.IPProtocol = 115

// found is the part of a packet that decode uses.
type found struct {
	datagram dissect.Datagram // valid if l2tp
	fragment bool             // the packet is a fragment that may belong to L2TP
	l2tp     bool             // the packet contains L2TP
}

// findL2TP looks for L2TPv3 in a packet: UDP from or to one of the ports, or IP protocol 115. In
// nested IP packets it returns the outermost L2TP.
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

// timeOf returns the time at which the packet was captured. It returns the zero time for the years
// of a damaged file that JSON cannot represent: those without four digits.
func timeOf(p gopacket.Packet) time.Time {
	t := p.Metadata().Timestamp.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func addrOf(ip []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip) // gopacket returns 4 or 16 octets
	return addr
}

// dissectCapture passes every L2TP datagram of the capture to d. If the capture is damaged, it
// passes those before the damage and returns an error.
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
