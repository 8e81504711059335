package ipsec

import "testing"

// The sizes are those that the kernel computes for transport mode (esp4_get_mtu, esp6_get_mtu), and
// those of the packet format in RFC 4303.
func TestRoom(t *testing.T) {
	for _, tt := range []struct {
		mtu, header  int
		algorithms   []string
		encapsulated bool
		want         int
	}{
		{1500, 20, []string{"aes256gcm16"}, false, 1466},
		{1500, 20, []string{"aes256gcm128"}, false, 1466},
		{1500, 20, []string{"aes256gcm16-ecp256-x25519"}, false, 1466},
		{1500, 20, []string{"aes256gcm16"}, true, 1458},
		{1500, 40, []string{"aes256gcm16"}, false, 1466},
		{1499, 20, []string{"aes256gcm16"}, false, 1462},
		{1503, 20, []string{"aes256gcm16"}, false, 1466},
		{1504, 20, []string{"aes256gcm16"}, false, 1470},
		{1500, 20, []string{"aes256gcm8"}, false, 1474},
		{1500, 20, []string{"aes128ccm96-esn"}, false, 1470},
		{1500, 20, []string{"chacha20poly1305-x25519"}, false, 1466},
		// 1500-20-8-16-16 = 1440, a multiple of 16.
		{1500, 20, []string{"aes256-sha256"}, false, 1458},
		// 1500-20-8-16-32 = 1424, a multiple of 16.
		{1500, 20, []string{"aes256-sha512-ecp256"}, false, 1442},
		{1500, 20, []string{"aes128ctr-sha1"}, false, 1470},
		{1500, 20, []string{"3des-sha1"}, false, 1466},
		{1500, 20, []string{"aes256gcm16", "aes256-sha256"}, false, 1458},
		{1500, 20, []string{"roundrobin7"}, false, 1442},
	} {
		got := Room(tt.mtu, tt.header, tt.algorithms, tt.encapsulated)
		if got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
	if got := Room(40, 20, []string{"aes256gcm16"}, false); got > 20 {
		t.Errorf("room for a packet of %d octets in 40, want no payload", got)
	}
}
