package daemon

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter is a program that the kernel runs on each packet for a socket.
type filter []bpf.Instruction

// firstWords4 and firstWords6 take of IP protocol 115 the messages to no control connection, which
// alone are the listener's (RFC 3931 section 4.1.1.2): session ID 0, flags, length, Control
// Connection ID 0. So user packets, of which a raw socket would get a copy each, cost next to
// nothing. An IPv4 packet comes with its header, an IPv6 packet without.
var (
	firstWords4 = append(filter{bpf.LoadMemShift{Off: 0}}, firstWords(func(off uint32) bpf.Instruction {
		return bpf.LoadIndirect{Off: off, Size: 4}
	})...)
	firstWords6 = firstWords(func(off uint32) bpf.Instruction {
		return bpf.LoadAbsolute{Off: off, Size: 4}
	})
)

func firstWords(load func(off uint32) bpf.Instruction) filter {
	return filter{
		load(0),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 3},
		load(8),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 18}, // octets, more than any packet has
		bpf.RetConstant{Val: 0},
	}
}

// program is the filter as the kernel takes it.
func (f filter) program() *unix.SockFprog {
	instructions, err := bpf.Assemble(f)
	if err != nil {
		panic("daemon: " + err.Error()) // a test assembles all there are
	}
	filters := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
}
