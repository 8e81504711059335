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

// randomID returns a random ID that is not 0 and not taken.
func (p *Peer) randomID(taken func(uint32) bool) uint32 {
	for {
		if id := p.random32(); id != 0 && !taken(id) {
			return id
		}
	}
}
