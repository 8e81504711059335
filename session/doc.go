// Package session is the virtual link: what the operator wants of it, and what is done and undone
// to have it.
//
// A Link is one VPN towards one peer. To be up it needs, in this order: the control connection, an
// L2TP session named by its VPN-ID, a session of the data plane with its interface, LCP, one
// network protocol at least, and the interface's addresses. When any of these fails the Link takes
// the rest down, remembers why, and tries again with back-off.
//
// A Pair is everything towards one peer that has the same protection: the control connection
// (package control) and the Links on it. It is a machine like those below: one goroutine owns it,
// every entry takes now and appends to an Output what is to be done.
package session
