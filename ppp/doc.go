// Package ppp implements the Point-to-Point Protocol for one link, without input or output: LCP
// (RFC 1661; the packets of RFC 1570 are accepted), authentication by CHAP (RFC 1994) or PAP
// (RFC 1334), IPCP (RFC 1332), IPV6CP (RFC 5072), and a keepalive by LCP Echo-Requests. It sends no
// user packets and configures no interface: that is the work of its owner.
//
// A Link has no goroutine and reads no clock. Its owner calls it with the time and with what
// happened, and then processes the Output: it sends the frames and acts on the events.
//
//	link := ppp.New(cfg)
//	link.Up(now, &out)                // the lower layer is up
//	link.Receive(now, frame, &out)    // a frame was received
//	link.Advance(now, &out)           // link.Deadline() has passed
//	for frame := range out.Frames() { // frames to send
//	}
//	for _, e := range out.Events {    // IPv4Opened, LinkFailed, ...
//	}
//	out.Reset()
//
// A Link is not safe for concurrent use. Different Links share only the values that their Configs
// share.
//
// Each control protocol is a machine (machine.go), which combines the state transition table of
// RFC 1661 (automaton.go) with a negotiator for the protocol's Configuration Options (lcp.go,
// ipcp.go, ipv6cp.go). Link (link.go) joins them: This-Layer-Up and This-Layer-Down of LCP are Up
// and Down of the network control protocols.
package ppp
