// Package control holds the machines of the L2TPv3 control plane (RFC 3931): reliable delivery, the
// control connection and the sessions on it, as pure functions of what arrives and what time it is.
//
// A Peer is everything between us and one remote LCCE: it starts and answers control connections,
// breaks ties, replaces a connection whose peer has restarted, retries with back-off. A Connection
// is one control connection (section 7.2), a Session one session on it (sections 7.3 and 7.4.2).
// Only Peer takes datagrams and time; it owns the others, and one goroutine owns it.
//
// Nothing here does I/O or reads a clock. Every entry takes now and appends what is to be done to
// an Output: the datagrams to send and the Events to act upon. Nothing that has not passed
// authentication changes any state.
package control
