// Package bench measures how fast two daemons bring up thousands of links, and what a link costs.
// Each side is a process of its own with the loops, machines and executor of package daemon; only
// what ends in the kernel is left out: a link has no interface, its virtual router does nothing,
// and the data plane carries control messages and PPP frames alone, over real sockets.
package bench
