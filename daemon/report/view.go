// Package report answers queries about the daemon. It has a function for each answer of the API:
// Links, Peers, Sessions, Protections, VPNs, MTUs, Status, and Explain, which explains the state of
// a link. Collector provides the metrics for Prometheus.
//
// All of them read Views. A View is a copy of the state of one loop at one time, which the daemon
// makes. This package keeps no state, does no I/O except to serve the metrics, and does not import
// the daemon.
package report

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/session"
)

// View is the state of one peer and class, and of its links, at one time.
type View struct {
	session.PairStatus
	Now        time.Time
	Config     config.Peer // as it applies to connections of this class
	Class      config.IPsec
	Local      netip.AddrPort // source address and port, as configured
	VICISocket string         // Unix socket of strongSwan's vici plugin
	Path       Path
	Sessions   map[session.Attempt]dataplane.Session // that exist in the data plane
	Stats      map[session.Attempt]dataplane.Stats   // of Sessions; nil until Count is called
	IPsec      *ipsec.Status                         // nil: the class is clear
}

// Path is the state of the path to the peer.
type Path struct {
	Open      bool
	Protected bool   // the protection is installed: packets pass as ESP or not at all
	Local     string // address and port
	MTU       int    // octets; 0: unknown
	ESP       int    // octets of MTU that ESP uses
	Err       error  // why it is not open
	Hint      error  // the last recent ICMP error for sent packets; it may be forged
	HintAt    time.Time
	RetryAt   time.Time // time of the next attempt to open it; zero: it is open
	Stats     dataplane.TunnelStats
	Dropped   uint64 // messages and frames dropped because the loop's mailbox was full
	TooLong   uint64 // messages dropped because of their length

	// NotProtected is Err if Err is why the guard does not protect the flow yet; nil otherwise.
	NotProtected error

	ForeignPort   uint64 // messages dropped because they came from another port than the peer's
	StaticControl uint64 // control messages dropped because the peer is static
}

// Snapshot is the state of the daemon and of all peers at one time.
type Snapshot struct {
	Version, HostName string
	Started           time.Time
	DataPlane         string
	DataPlaneReason   string            // why that data plane is used
	Drops             map[string]uint64 // datagrams dropped before they reached a loop, by reason
	Views             []View
}

// Count reads the counters of all sessions from the data plane into Stats. This is slow with
// thousands of sessions: call it outside of the loop, and only if the answer uses Stats.
func (v *View) Count() {
	v.Stats = make(map[session.Attempt]dataplane.Stats, len(v.Sessions))
	for attempt, s := range v.Sessions {
		v.Stats[attempt] = s.Stats()
	}
}
