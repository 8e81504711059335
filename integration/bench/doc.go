// Package bench measures how fast daemons bring up thousands of links, and how much processor time
// and memory a link needs. There are two sides, a and b. Each is a process of its own with real
// loops, machines and executor of package daemon, and real sockets. The measurement leaves out the
// work of the kernel: links have no interfaces, virtual routers do nothing, and the data plane only
// carries control messages and PPP frames.
package bench
