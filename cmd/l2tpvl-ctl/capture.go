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
		Short: "Capture the control messages exchanged with a peer",
		Long: `Capture the control messages that l2tpvld sends to a peer and receives from it, until Ctrl-C. They
are captured inside l2tpvld, so they are readable even where IPsec encrypts them on the network.

On a terminal the messages are printed in the format of decode. In a pipe, or with -w, they are
written as a pcapng file for Wireshark or decode, each as a packet without IPsec. The comment of a
packet is the decoded message; l2tpvld has checked its digest and decrypted its hidden AVPs.`,
		Example: `  l2tpvl-ctl capture pe2
  l2tpvl-ctl capture pe2 -w pe2.pcapng --for 1m
  l2tpvl-ctl capture pe2 --count 10 | tshark -r - -d udp.port==1702,l2tp`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion(a.listPeers),
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "write", "w", "", "write pcapng to this `file`; - is standard output")
	flags.IntVarP(&count, "count", "c", 0, "stop after this `number` of messages; 0: at Ctrl-C")
	flags.DurationVar(&limit, "for", 0, "stop after this `duration`; 0s: at Ctrl-C")
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
		write, err := a.captureWriter(file, args[0])
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
				fmt.Fprintf(a.stderr, "l2tpvl-ctl: %d messages missing: too many at once\n", c.Missed)
			}
			if err := write(&c); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// captureWriter returns a function that prints a message, or writes it to a pcapng file.
func (a *app) captureWriter(file, peer string) (write func(*api.Captured) error, err error) {
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
		out = f // each packet is flushed, so the file need not be closed
	}
	w, err := newPcapng(out, peer)
	if err != nil {
		return nil, err
	}
	return w.add, nil
}

// renderCaptured renders a message, without a line feed after its last line.
func renderCaptured(c api.Captured, now time.Time, s style) string {
	message, err := messageOf(&c)
	if err != nil {
		return s.text(err.Error())
	}
	var b strings.Builder
	b.WriteString(s.text(c.Time.In(now.Location()).Format("15:04:05")))
	renderControl(&b, message, s)
	return strings.TrimSuffix(b.String(), "\n")
}

// pcapng writes a capture file.
type pcapng struct{ writer *pcapgo.NgWriter }

func newPcapng(out io.Writer, peer string) (*pcapng, error) {
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo.Application = "l2tpvl-ctl"
	options.SectionInfo.Comment = "L2TPv3 control messages of l2tpvld with peer " + peer + ", captured inside the daemon"
	w, err := pcapgo.NewNgWriterInterface(out, pcapgo.NgInterface{
		Name: "l2tpvld-" + peer, LinkType: layers.LinkTypeRaw, SnapLength: 0, TimestampResolution: 9,
	}, options)
	if err != nil {
		return nil, err
	}
	return &pcapng{w}, w.Flush() // a reader sees the file header at once
}

// add writes a message as the packet that carries it, with the decoded message as a comment.
func (p *pcapng) add(c *api.Captured) error {
	message, err := messageOf(c)
	if err != nil {
		return err
	}
	packet, err := packetOf(&message.Datagram, c.Octets)
	if err != nil {
		return err
	}
	var text strings.Builder
	renderControl(&text, message, style{utf8: true})
	info := gopacket.CaptureInfo{Timestamp: c.Time, CaptureLength: len(packet), Length: len(packet)}
	comment := strings.TrimSuffix(text.String(), "\n")
	if err := p.writer.WritePacketWithOptions(info, packet, pcapgo.NgPacketOptions{Comments: []string{comment}}); err != nil {
		return err
	}
	return p.writer.Flush()
}

// messageOf returns the decoded message.
func messageOf(c *api.Captured) (*dissect.Control, error) {
	var message dissect.Control
	if err := json.Unmarshal(c.Message, &message); err != nil {
		return nil, fmt.Errorf("cannot read a message from l2tpvld, whose version may differ from this l2tpvl-ctl's: %w", err)
	}
	return &message, nil
}

// packetOf returns an IP packet that contains a control message.
func packetOf(g *dissect.Datagram, message []byte) ([]byte, error) {
	var network interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	protocol := layers.IPProtocolUDP
	if g.Transport == dissect.OverIP {
		protocol = protocolL2TP
		// The session ID 0 (RFC 3931, section 4.1.1.2).
		message = append(make([]byte, 4), message...)
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
