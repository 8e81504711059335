package l2tp

import (
	"strconv"
	"strings"
)

// CircuitStatus is the value of the Circuit Status AVP (RFC 3931, section 5.4.5,
// and RFC 5641, section 2).
type CircuitStatus uint16

// The bits of the circuit status.
const (
	CircuitActive               CircuitStatus = 1 << iota // A: no faults, up and ready
	CircuitNew                                            // N: a new circuit (use deprecated by RFC 5641)
	CircuitReceiveFault                                   // R: local attachment circuit cannot receive
	CircuitTransmitFault                                  // T: local attachment circuit cannot transmit
	CircuitNetworkReceiveFault                            // I: cannot receive from the peer
	CircuitNetworkTransmitFault                           // E: cannot transmit to the peer
	CircuitStandby                                        // S: established, not switching data

	circuitFaults = CircuitReceiveFault | CircuitTransmitFault |
		CircuitNetworkReceiveFault | CircuitNetworkTransmitFault
	circuitBits = circuitFaults | CircuitActive | CircuitNew | CircuitStandby
)

// Active reports whether data may flow to the sender of the status: A is set, and
// the pseudowire is not on standby (RFC 5641, section 2: user traffic must not be
// transmitted then).
func (s CircuitStatus) Active() bool {
	return s&(CircuitActive|CircuitStandby) == CircuitActive
}

// Fault returns s with the fault bits f added and A cleared, as RFC 5641, section 3,
// demands of the two.
func (s CircuitStatus) Fault(f CircuitStatus) CircuitStatus {
	return s&^CircuitActive | f&circuitFaults
}

// String lists the bits set, such as "active,new"; "inactive" stands for A clear.
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

// CircuitErrors is the value of the Circuit Errors AVP: counters since the call
// was established (RFC 3931, section 5.4.5).
//
// RFC 3931 draws four counters and says that the AVP's length is 32, which is the
// length with the two more that RFC 2661, section 4.4.6, has in front of them. Both
// lengths are read; the long one is written, as it agrees with both texts' length.
type CircuitErrors struct {
	CRC, Framing     uint32 // RFC 2661 only
	HardwareOverruns uint32
	BufferOverruns   uint32
	Timeouts         uint32
	Alignment        uint32
}

// Sublayer is the value of the L2-Specific Sublayer AVP: what the sender requires
// in data messages it receives (RFC 3931, section 5.4.4). Parse takes any
// value; one that is not known cannot be honoured.
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

// DataSequencing is the value of the Data Sequencing AVP: which data messages its
// sender wants numbered (RFC 3931, section 5.4.4). Parse takes any value; one that
// is not known cannot be honoured.
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
