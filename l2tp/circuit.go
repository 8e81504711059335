package l2tp

import (
	"strconv"
	"strings"
)

// CircuitStatus is the value of the Circuit Status AVP (RFC 3931, section 5.4.5, and RFC 5641,
// section 2).
type CircuitStatus uint16

// The bits of the circuit status. The circuit is the local attachment circuit of the sender.
const (
	CircuitActive               CircuitStatus = 1 << iota // A: no faults, up and ready
	CircuitNew                                            // N: new; deprecated by RFC 5641
	CircuitReceiveFault                                   // R: circuit cannot receive
	CircuitTransmitFault                                  // T: circuit cannot transmit
	CircuitNetworkReceiveFault                            // I: cannot receive from the peer
	CircuitNetworkTransmitFault                           // E: cannot transmit to the peer
	CircuitStandby                                        // S: established, not switching data

	circuitFaults = CircuitReceiveFault | CircuitTransmitFault |
		CircuitNetworkReceiveFault | CircuitNetworkTransmitFault
	circuitBits = circuitFaults | CircuitActive | CircuitNew | CircuitStandby
)

// Active reports whether data may be sent to the peer that reported s: A is set and S is clear. RFC
// 5641, section 2, forbids user traffic while the pseudowire is on standby.
func (s CircuitStatus) Active() bool {
	return s&(CircuitActive|CircuitStandby) == CircuitActive
}

// Fault returns s with the fault bits of f set and A clear. RFC 5641, section 3, requires A to be
// clear when a fault bit is set.
func (s CircuitStatus) Fault(f CircuitStatus) CircuitStatus {
	return s&^CircuitActive | f&circuitFaults
}

// String lists the bits that are set, such as "active,new". It begins with "inactive" if A is
// clear.
func (s CircuitStatus) String() string {
	names := [...]string{
		"active", "new", "receive fault", "transmit fault",
		"network receive fault", "network transmit fault", "standby",
	}
	var set []string
	if s&CircuitActive == 0 {
		set = append(set, "inactive")
	}
	for i, name := range names {
		if s&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ",")
}

// CircuitErrors is the value of the Circuit Errors AVP: counters since the call was established
// (RFC 3931, section 5.4.5).
//
// RFC 3931 shows four counters but gives 32 as the length of the AVP. That is the length with two
// more counters, which RFC 2661, section 4.4.6, has before these four. Parse accepts both lengths.
// Append writes the long form, because its length agrees with both RFCs.
type CircuitErrors struct {
	CRC, Framing     uint32 // RFC 2661 only
	HardwareOverruns uint32
	BufferOverruns   uint32
	Timeouts         uint32
	Alignment        uint32
}

// Sublayer is the value of the L2-Specific Sublayer AVP: the sublayer that the sender requires in
// the data messages that it receives (RFC 3931, section 5.4.4). Parse accepts any value; its caller
// must refuse a session with a value that it does not support.
type Sublayer uint16

// The sublayers of RFC 3931.
const (
	SublayerNone    Sublayer = 0
	SublayerDefault Sublayer = 1 // RFC 3931, section 4.6
)

// String returns "none", "default" or the number.
func (s Sublayer) String() string {
	switch s {
	case SublayerNone:
		return "none"
	case SublayerDefault:
		return "default"
	}
	return "sublayer " + strconv.Itoa(int(s))
}

// DataSequencing is the value of the Data Sequencing AVP: which of the data messages that the
// sender receives must have sequence numbers (RFC 3931, section 5.4.4). Parse accepts any value;
// its caller must refuse a session with a value that it does not support.
type DataSequencing uint16

// The levels of RFC 3931.
const (
	SequenceNone  DataSequencing = 0
	SequenceNonIP DataSequencing = 1
	SequenceAll   DataSequencing = 2
)

// String returns "none", "non-IP", "all" or the number.
func (s DataSequencing) String() string {
	switch s {
	case SequenceNone:
		return "none"
	case SequenceNonIP:
		return "non-IP"
	case SequenceAll:
		return "all"
	}
	return "data sequencing level " + strconv.Itoa(int(s))
}
