package hdlc

const (
	initialFCS = 0xffff
	goodFCS    = 0xf0b8 // the FCS over a valid frame and its FCS (RFC 1662, section C.2)
)

// fcsTable has the remainder of each octet for the polynomial x**0 + x**5 + x**12 + x**16 (RFC
// 1662, section C.1).
var fcsTable = func() (table [256]uint16) {
	const polynomial = 0x8408
	for i := range table {
		v := uint16(i)
		for range 8 {
			if v&1 == 1 {
				v = v>>1 ^ polynomial
			} else {
				v >>= 1
			}
		}
		table[i] = v
	}
	return table
}()

// fcs16 extends an FCS by further octets.
func fcs16(fcs uint16, octets []byte) uint16 {
	for _, c := range octets {
		fcs = fcs>>8 ^ fcsTable[byte(fcs)^c]
	}
	return fcs
}
