package session

import (
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// Calls counts the peer's session requests for one VPN-ID.
type Calls struct {
	Count uint64
	Last  time.Time
}

// maxUnknown is the number of unknown VPN-IDs that are remembered. The peer may request any VPN-ID,
// so the number must be bounded.
const maxUnknown = 64

// recordUnknown records that the peer has requested a session for a VPN-ID without a link here. If
// the table is full, the VPN-ID with the oldest request is dropped.
func (p *Pair) recordUnknown(now time.Time, id endid.VPNID) {
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
