package listen

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter is a program that the kernel runs on each packet for a socket.
type filter []bpf.Instruction

// firstMessages4 and firstMessages6 accept the packets of IP protocol 115 that belong to no control
// connection (RFC 3931, section 4.1.1.2): session ID 0, flags and length, Control Connection ID 0.
// A raw socket gets a copy of every packet of the protocol; the filter makes the copies of user
// packets cost next to nothing. An IPv4 raw socket receives packets with their IP header, an IPv6
// raw socket without.
var (
	firstMessages4 = append(filter{bpf.LoadMemShift{Off: 0}}, firstMessages(func(off uint32) bpf.Instruction {
		return bpf.LoadIndirect{Off: off, Size: 4}
	})...)
	firstMessages6 = firstMessages(func(off uint32) bpf.Instruction {
		return bpf.LoadAbsolute{Off: off, Size: 4}
	})
)

func firstMessages(load func(off uint32) bpf.Instruction) filter {
	return filter{
		load(0),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 3},
		load(8),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 18}, // octets, more than any packet has
		bpf.RetConstant{Val: 0},
	}
}

// program returns the filter in the kernel's form.
func (f filter) program() *unix.SockFprog {
	instructions, err := bpf.Assemble(f)
	if err != nil {
		panic("listen: " + err.Error()) // a test assembles all filters
	}
	filters := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
}
