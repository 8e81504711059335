package uapi

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var session = Session{
	TunnelID: 0x11, PeerTunnelID: 0x12, LocalID: 0x13, PeerID: 0x14,
	LocalCookie: []byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}, PeerCookie: []byte{0xb0, 0xb1, 0xb2, 0xb3},
}

// unhex decodes hexadecimal octets and ignores blanks. The octets are those of a little-endian
// host.
func unhex(t *testing.T, s string) string {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Fatal("the golden octets are those of a little-endian host")
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each attribute is its length, its type (linux/l2tp.h), its value, and padding to 4 octets.
func TestCommands(t *testing.T) {
	bare := session
	bare.LocalCookie, bare.PeerCookie = nil, []byte{}
	sublayer, sequenced := bare, bare
	sublayer.Sublayer = SublayerDefault
	sequenced.Sublayer, sequenced.Sequenced, sequenced.ReorderTimeout = SublayerDefault, true, 10*time.Millisecond
	for _, tt := range []struct {
		name    string
		encode  func() (genetlink.Message, error)
		command uint8
		want    string
	}{
		{
			"tunnel", Tunnel{LocalID: 0x01020304, PeerID: 5, Encapsulation: UDP, Socket: 7}.Create, 1,
			`0800 0900 04030201  0800 0a00 05000000  0500 0700 03000000  0600 0200 00000000  0800 1700 07000000`,
		},
		{"delete tunnel", func() (genetlink.Message, error) { return DeleteTunnel(0x01020304) }, 2, `0800 0900 04030201`},
		{
			// L2TP_ATTR_COOKIE (15) is assigned by the peer, L2TP_ATTR_PEER_COOKIE (16) by the
			// local end.
			"session", session.Create, 5,
			`0800 0900 11000000  0800 0a00 12000000  0800 0b00 13000000  0800 0c00 14000000
			 0600 0100 07000000  0500 0500 00000000
			 0800 0f00 b0b1b2b3  0c00 1000 a0a1a2a3a4a5a6a7`,
		},
		{
			"session without cookies", bare.Create, 5,
			`0800 0900 11000000  0800 0a00 12000000  0800 0b00 13000000  0800 0c00 14000000
			 0600 0100 07000000  0500 0500 00000000`,
		},
		{
			"session with sublayer", sublayer.Create, 5,
			`0800 0900 11000000  0800 0a00 12000000  0800 0b00 13000000  0800 0c00 14000000
			 0600 0100 07000000  0500 0500 01000000  0500 1400 01000000`,
		},
		{
			"session with sequence numbers", sequenced.Create, 5,
			`0800 0900 11000000  0800 0a00 12000000  0800 0b00 13000000  0800 0c00 14000000
			 0600 0100 07000000  0500 0500 01000000  0500 1400 01000000
			 0500 1200 01000000  0500 1300 01000000  0c00 1600 0a00000000000000`,
		},
		{
			"delete session", session.Delete, 6,
			`0800 0900 11000000  0800 0b00 13000000`,
		},
		{
			"query", session.Get, 8,
			`0800 0900 11000000  0800 0b00 13000000`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tt.encode()
			if err != nil {
				t.Fatal(err)
			}
			if m.Header.Command != tt.command || m.Header.Version != 1 {
				t.Errorf("command %d of version %d, want %d of 1", m.Header.Command, m.Header.Version, tt.command)
			}
			if want := unhex(t, tt.want); string(m.Data) != want {
				t.Errorf("got  %x\nwant %x", m.Data, want)
			}
		})
	}
}

// The address is struct sockaddr_pppol2tpv3 of linux/if_pppox.h and linux/if_pppol2tp.h, packed.
func TestSockaddr(t *testing.T) {
	want := unhex(t, `1800  01000000  00000000 00000000  00000000000000000000000000000000  11000000 13000000 12000000 14000000`)
	got := session.AppendSockaddr(nil)
	if string(got) != want {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if len(got) != sockaddrSize {
		t.Errorf("%d octets, want %d", len(got), sockaddrSize)
	}
}

func TestInterface(t *testing.T) {
	m, err := Interface{Name: "vl-red", MTU: 1400, Unit: 9, Namespace: 8}.Create()
	if err != nil {
		t.Fatal(err)
	}
	if want := netlink.HeaderFlags(unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_EXCL); m.Header.Type != unix.RTM_NEWLINK || m.Header.Flags != want {
		t.Errorf("header %+v, want RTM_NEWLINK with flags %v", m.Header, want)
	}
	// struct ifinfomsg of type ARPHRD_PPP, IFLA_IFNAME, IFLA_MTU, IFLA_NET_NS_FD, and IFLA_LINKINFO
	// that contains the kind and IFLA_PPP_DEV_FD.
	want := unhex(t, `00000002 00000000 00000000 00000000
		0b00 0300 766c2d72656400 00
		0800 0400 78050000
		0800 1c00 08000000
		1800 1280  0800 0100 70707000  0c00 0280  0800 0100 09000000`)
	if string(m.Data) != want {
		t.Errorf("got  %x\nwant %x", m.Data, want)
	}
}

// reply is a shortened reply of the kernel to Session.Get: the session's ID and its counters, with
// some unused attributes.
const reply = `0800 0b00 13000000  6c00 1e80
	0c00 0100 0100000000000000  0c00 0200 0200000000000000  0c00 0300 0300000000000000
	0c00 0400 0400000000000000  0c00 0500 0500000000000000  0c00 0600 0600000000000000
	0c00 0800 0800000000000000  0400 0900  0c00 0a00 0a00000000000000  04007f00`

func TestParseStats(t *testing.T) {
	whole := unhex(t, reply)
	got, err := ParseStats([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{TxPackets: 1, TxOctets: 2, TxErrors: 3, RxPackets: 4, RxOctets: 5, RxErrors: 8, RxCookie: 10}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for n := range len(whole) - 1 {
		if got, err := ParseStats([]byte(whole[:n])); err == nil && got != want {
			t.Errorf("the first %d octets were accepted as %+v, want an error", n, got)
		}
	}
}
