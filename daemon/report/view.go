// Package report answers questions about the daemon from a View of each peer: the links, peers,
// sessions, protections, VPNs and MTUs of the API, why a link is as it is (Explain), and the
// metrics for Prometheus (Collector).
//
// A View is a copy of what one loop of the daemon knows at one time. The daemon takes the views;
// this package only reads them. It has no state, no I/O beside the metrics page, and does not
// import the daemon.
package report

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/session"
)

// View is what the daemon knows of one peer and class, and of its links, at one time.
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

// Path is what is known of the path to the peer.
type Path struct {
	Open      bool
	Protected bool   // IPsec protects it, or drops what it cannot protect
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
	Unasked   uint64 // control messages dropped because the peer is static

	// NotProtected is Err if that is why the guard does not protect the flow yet; nil otherwise.
	NotProtected error

	ForeignPort uint64 // messages dropped because they came from another port than the peer's
}

// Snapshot is what the daemon knows of itself and of all peers at one time.
type Snapshot struct {
	Version, HostName string
	Started           time.Time
	DataPlane         string
	DataPlaneReason   string            // why that data plane is used
	Drops             map[string]uint64 // datagrams that no loop received, by reason
	Views             []View
}

// Count reads the counters of all sessions from the data plane into Stats. With thousands of
// sessions this takes long: call it outside of the loop, and only if the answer uses Stats.
func (v *View) Count() {
	v.Stats = make(map[session.Attempt]dataplane.Stats, len(v.Sessions))
	for attempt, s := range v.Sessions {
		v.Stats[attempt] = s.Stats()
	}
}
