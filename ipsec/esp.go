package ipsec

import (
	"regexp"
	"strconv"
	"strings"
)

// udpHeader is the length of the header that encapsulation for a NAT puts before the ESP header
// (RFC 3948, section 2.1), in octets.
const udpHeader = 8

// espHeader is the length of SPI and sequence number (RFC 4303, section 2), in octets.
const espHeader = 8

// espTrailer is the length of Pad Length and Next Header (RFC 4303, section 2), in octets.
const espTrailer = 2

// Room returns the size of the largest IP packet that is no larger than mtu as ESP in transport
// mode. All sizes are in octets; header is the size of the packet's IP header. The algorithms are
// proposals as strongSwan writes them, any of which may be in use; encapsulated means that ESP is
// in UDP.
func Room(mtu, header int, algorithms []string, encapsulated bool) int {
	worst := sizes{}
	for _, proposal := range algorithms {
		worst = worst.atWorst(sizesOf(proposal))
	}
	around := header + espHeader + worst.iv + worst.icv
	if encapsulated {
		around += udpHeader
	}
	align := max(worst.align, 4) // RFC 4303, section 2.4
	return max(mtu-around, 0)/align*align - espTrailer + header
}

// sizes are the lengths that an algorithm adds to a packet, and its alignment, in octets.
type sizes struct{ iv, icv, align int }

func (s sizes) atWorst(o sizes) sizes {
	return sizes{max(s.iv, o.iv), max(s.icv, o.icv), max(s.align, o.align)}
}

// algorithmSizes are the sizes of algorithms by their keywords. The first match counts; a group in
// it is the length of the ICV, in octets or bits.
var algorithmSizes = []struct {
	keyword *regexp.Regexp
	sizes   sizes
}{
	// RFC 4106, RFC 4309.
	{regexp.MustCompile(`^\w+?[gc]cm(\d*)$`), sizes{iv: 8, icv: 16, align: 4}},
	// RFC 7634.
	{regexp.MustCompile(`^chacha20poly1305`), sizes{iv: 8, icv: 16, align: 4}},
	// RFC 3686, RFC 5529.
	{regexp.MustCompile(`^(?:aes|camellia)\d*ctr$`), sizes{iv: 8, align: 4}},
	// RFC 3566, RFC 4494, RFC 2404.
	{regexp.MustCompile(`^(?:aesxcbc|aescmac|sha1|sha256_96)$`), sizes{icv: 12}},
	// RFC 4595.
	{regexp.MustCompile(`^sha1_160$`), sizes{icv: 20}},
	// RFC 4868.
	{regexp.MustCompile(`^(?:sha256|sha2_256)$`), sizes{icv: 16}},
	{regexp.MustCompile(`^(?:sha384|sha2_384)$`), sizes{icv: 24}},
	{regexp.MustCompile(`^(?:sha512|sha2_512)$`), sizes{icv: 32}},
	// RFC 2451.
	{regexp.MustCompile(`^(?:3des|cast128)$`), sizes{iv: 8, align: 8}},
	// RFC 3602, RFC 4312.
	{regexp.MustCompile(`^(?:aes|camellia|serpent|twofish)`), sizes{iv: 16, align: 16}},
	// Keywords that add nothing to a packet.
	{regexp.MustCompile(`^(?:esn|noesn|ecp|modp|x25519|x448|curve|ke\d|prf)`), sizes{}},
	// Unknown: the largest sizes of all.
	{regexp.MustCompile(``), sizes{iv: 16, icv: 32, align: 16}},
}

func sizesOf(proposal string) sizes {
	total := sizes{}
	for keyword := range strings.SplitSeq(proposal, "-") {
		for _, known := range algorithmSizes {
			match := known.keyword.FindStringSubmatch(keyword)
			if match == nil {
				continue
			}
			s := known.sizes
			if len(match) > 1 {
				s.icv = icvLength(match[1])
			}
			total = total.atWorst(s)
			break
		}
	}
	return total
}

// icvLength returns the length of the ICV in octets, from the digits at the end of a keyword such
// as aes256gcm16 or aes256gcm128.
func icvLength(text string) int {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 16
	case n > 16:
		return n / 8
	}
	return n
}
