// Package control implements the L2TPv3 control plane of RFC 3931 as pure state machines: reliable
// delivery of control messages, control connections, and the sessions on them.
//
// A [Peer] stands for one remote LCCE. It initiates and answers control connections, breaks ties,
// replaces a connection whose peer has restarted, and retries failed attempts with back-off. A
// [Connection] is one control connection (RFC 3931, section 7.2), a [Session] one session on it
// (sections 7.3 and 7.4.2). The owner passes datagrams and the time to the Peer only. The Peer owns
// its connections and sessions, and one goroutine owns the Peer: no method is safe for concurrent
// use.
//
// The package does no I/O and reads no clock. The caller passes the current time to every method
// that may act. The method appends its results to an [Output]: the datagrams to send and the
// [Event] values to handle. Where a secret is configured, a message that fails authentication
// changes no connection and no session.
//
// The package does not carry data messages and does not know what a session is for: the owner
// decides which sessions to open and accept.
package control
