// Package ppp holds the machines of the Point-to-Point Protocol for one link:
// LCP (RFC 1661, with the packets of RFC 1570 understood), IPCP (RFC 1332) and
// IPV6CP (RFC 5072), and a keepalive by LCP echoes.
//
// A Link does no input or output, has no goroutine and reads no clock. Its
// owner calls it with the time and what happened, and carries out what it
// finds in the Output:
//
//	link := ppp.New(cfg)
//	link.Up(now, &out)                // the lower layer is there
//	link.Receive(now, frame, &out)    // a frame arrived
//	link.Advance(now, &out)           // link.Deadline() has come
//	for frame := range out.Frames() { // send it
//	}
//	for _, e := range out.Events {    // IPv4Opened, LinkFailed, ...
//	}
//	out.Reset()
//
// A Link is not safe for concurrent use. Links share nothing but what their
// Configs share.
//
// Each control protocol is a machine (machine.go) around the state transition
// table of RFC 1661 (automaton.go), and a negotiator for its Configuration
// Options (lcp.go, ipcp.go, ipv6cp.go). Link (link.go) joins them: LCP's
// This-Layer-Up and This-Layer-Down are the network protocols' Up and Down.
package ppp
