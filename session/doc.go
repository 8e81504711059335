// Package session implements virtual links: the state machines that bring a link up, keep it up and
// take it down.
//
// A Link is one VPN's link to one peer. To be up it needs, in this order: the control connection,
// an L2TP session identified by the VPN-ID, a session of the data plane with its interface, LCP, at
// least one network protocol, and the interface's addresses. When one of these fails, the Link
// takes the rest down, keeps the reason, and tries again with back-off.
//
// A Pair holds everything for one peer and protection class: the control connection (package
// control) and the Links on it. Like control and ppp it is a machine without I/O, clock or
// goroutines: a single goroutine owns it, each method takes the current time, and side effects are
// appended to an Output. Package daemon carries them out and reports their results back.
package session
