package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

func (a *app) captureCommand() *cobra.Command {
	var file string
	var count int
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "capture PEER",
		Short: "Capture the control messages of a peer",
		Long: `Capture the control messages that l2tpvld sends to a peer and receives from it, until Ctrl-C. They are taken inside
the daemon, so also where IPsec protects them on the network. On a terminal they are shown as decode shows them.
Else, or with -w, they are written as pcapng, which Wireshark and decode read: each packet with a comment that holds what it
says, digests checked and hidden AVPs read by the secret that the daemon knows. The packets themselves are as on the wire.`,
		Example: `  l2tpvl-ctl capture pe2
  l2tpvl-ctl capture pe2 -w pe2.pcapng --for 1m
  l2tpvl-ctl capture pe2 --count 10 | tshark -r - -d udp.port==1702,l2tp`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion(a.listPeers),
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "write", "w", "", "write pcapng to this `file`; - is stdout")
	flags.IntVarP(&count, "count", "c", 0, "end after this `number` of messages; 0: at Ctrl-C")
	flags.DurationVar(&limit, "for", 0, "end after this `duration`; 0s: at Ctrl-C")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		peers, err := a.client().Peers(ctx)
		if err != nil {
			return err
		}
		if _, err := pick(peers, "peer", args[0], nameOfPeer); err != nil {
			return err
		}
		take, err := a.captureTo(file, args[0])
		if err != nil {
			return err
		}
		for c, err := range a.client().Capture(ctx, args[0], count) {
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			}
			if c.Missed > 0 {
				fmt.Fprintf(a.stderr, "l2tpvl-ctl: %d messages were too many at once, and are left out\n", c.Missed)
			}
			if err := take(&c); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// captureTo returns what is to be done with each message.
func (a *app) captureTo(file, peer string) (take func(*api.Captured) error, err error) {
	var out io.Writer
	switch {
	case file == "-" || file == "" && !a.terminal && a.output.value == outputTable:
		out = a.stdout
	case file == "":
		return func(c *api.Captured) error { return showOne(a, *c, renderCaptured) }, nil
	default:
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, err
		}
		out = f // closed by the program's end: each packet is written at once
	}
	w, err := newPcapng(out, peer)
	if err != nil {
		return nil, err
	}
	return w.add, nil
}

// renderCaptured is a message in words, without the end of the last line.
func renderCaptured(c api.Captured, now time.Time, s style) string {
	said, err := said(&c)
	if err != nil {
		return s.text(err.Error())
	}
	var b strings.Builder
	b.WriteString(s.text(c.Time.In(now.Location()).Format("15:04:05")))
	renderControl(&b, said, s)
	return strings.TrimSuffix(b.String(), "\n")
}

// pcapng is a capture file that is being written.
type pcapng struct{ writer *pcapgo.NgWriter }

func newPcapng(out io.Writer, peer string) (*pcapng, error) {
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo.Application = "l2tpvl-ctl"
	options.SectionInfo.Comment = "L2TPv3 control messages of l2tpvld with peer " + peer + ", taken inside the daemon"
	w, err := pcapgo.NewNgWriterInterface(out, pcapgo.NgInterface{
		Name: "l2tpvld-" + peer, LinkType: layers.LinkTypeRaw, SnapLength: 0, TimestampResolution: 9,
	}, options)
	if err != nil {
		return nil, err
	}
	return &pcapng{w}, w.Flush() // whoever reads knows at once what it is
}

// add writes a message as the packet that carries it, with what it says as a comment.
func (p *pcapng) add(c *api.Captured) error {
	said, err := said(c)
	if err != nil {
		return err
	}
	packet, err := packetOf(&said.Datagram, c.Octets)
	if err != nil {
		return err
	}
	var words strings.Builder
	renderControl(&words, said, style{utf8: true})
	info := gopacket.CaptureInfo{Timestamp: c.Time, CaptureLength: len(packet), Length: len(packet)}
	comment := strings.TrimSuffix(words.String(), "\n")
	if err := p.writer.WritePacketWithOptions(info, packet, pcapgo.NgPacketOptions{Comments: []string{comment}}); err != nil {
		return err
	}
	return p.writer.Flush()
}

// said is what the message says.
func said(c *api.Captured) (*dissect.Control, error) {
	var said dissect.Control
	if err := json.Unmarshal(c.Message, &said); err != nil {
		return nil, fmt.Errorf("l2tpvld tells of a message in another way than this l2tpvl-ctl knows: %w", err)
	}
	return &said, nil
}

// packetOf is an IP packet with a control message in it.
func packetOf(g *dissect.Datagram, message []byte) ([]byte, error) {
	var network interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	protocol := layers.IPProtocolUDP
	if g.Transport == dissect.OverIP {
		protocol = protocolL2TP
		message = append(make([]byte, 4), message...) // the session ID 0 (RFC 3931 section 4.1.1.2)
	}
	from, to := net.IP(g.From.Addr().AsSlice()), net.IP(g.To.Addr().AsSlice())
	if g.To.Addr().Is4() {
		network = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, Flags: layers.IPv4DontFragment, SrcIP: from, DstIP: to}
	} else {
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: from, DstIP: to}
	}
	parts := []gopacket.SerializableLayer{network}
	if protocol == layers.IPProtocolUDP {
		udp := &layers.UDP{SrcPort: layers.UDPPort(g.From.Port()), DstPort: layers.UDPPort(g.To.Port())}
		if err := udp.SetNetworkLayerForChecksum(network); err != nil {
			return nil, err
		}
		parts = append(parts, udp)
	}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(parts, gopacket.Payload(message))...)
	return buffer.Bytes(), err
}
