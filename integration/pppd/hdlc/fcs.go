package hdlc

const (
	initialFCS = 0xffff
	goodFCS    = 0xf0b8 // of a frame that is followed by its FCS (RFC 1662, section C.2)
)

// fcsTable has what each octet does to the FCS: the remainders of x**0 + x**5 + x**12 + x**16
// (section C.1).
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

// fcs16 goes on from an FCS over further octets.
func fcs16(fcs uint16, octets []byte) uint16 {
	for _, c := range octets {
		fcs = fcs>>8 ^ fcsTable[byte(fcs)^c]
	}
	return fcs
}
