package session

import (
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// Calls are those of the peer for one VPN-ID.
type Calls struct {
	Count uint64
	Last  time.Time
}

// maxUnknown bounds how many VPN-IDs are remembered, as the peer may call for any.
const maxUnknown = 64

// noteUnknown remembers that the peer has called for a VPN-ID that has no link here; that which it
// has not called for for the longest time makes room.
func (p *Pair) noteUnknown(now time.Time, id endid.VPNID) {
	if _, known := p.unknown[id]; !known && len(p.unknown) == maxUnknown {
		var oldest endid.VPNID
		last := now
		for id, calls := range p.unknown {
			if !calls.Last.After(last) {
				oldest, last = id, calls.Last
			}
		}
		delete(p.unknown, oldest)
	}
	p.unknown[id] = Calls{p.unknown[id].Count + 1, now}
}
