package tshark

import (
	"net/netip"
	"strconv"
)

func parseInt[T ~int | ~uint8 | ~uint16 | ~uint32](into *T, s string) error {
	n, err := strconv.ParseInt(s, 0, 64)
	*into = T(n)
	return err
}

func parseAddr(into *netip.AddrPort, s string) error {
	addr, err := netip.ParseAddr(s)
	*into = netip.AddrPortFrom(addr, into.Port())
	return err
}

func parsePort(into *netip.AddrPort, s string) error {
	port, err := strconv.ParseUint(s, 10, 16)
	*into = netip.AddrPortFrom(into.Addr(), uint16(port))
	return err
}
