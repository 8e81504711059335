package control

import "encoding/binary"

func (p *Peer) random32() uint32 {
	p.cfg.Rand(p.random[:4])
	return binary.BigEndian.Uint32(p.random[:])
}

func (p *Peer) random64() uint64 {
	p.cfg.Rand(p.random[:])
	return binary.BigEndian.Uint64(p.random[:])
}

// newSessionID returns an unused local session ID. All bits but ProtectedSessionIDs are random.
func (p *Peer) newSessionID() uint32 {
	id := p.randomID(func(id uint32) bool {
		id = p.withProtectedBit(id)
		return id == 0 || p.hasSession(id)
	})
	return p.withProtectedBit(id)
}

// withProtectedBit returns id with the bit ProtectedSessionIDs as configured.
func (p *Peer) withProtectedBit(id uint32) uint32 {
	if p.cfg.Protected {
		return id | ProtectedSessionIDs
	}
	return id &^ ProtectedSessionIDs
}

// randomID returns a random ID other than 0 that is not taken.
func (p *Peer) randomID(taken func(uint32) bool) uint32 {
	for {
		if id := p.random32(); id != 0 && !taken(id) {
			return id
		}
	}
}
