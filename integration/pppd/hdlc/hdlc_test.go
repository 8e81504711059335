package hdlc

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// octets reads hexadecimal digits with blanks between them.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode returns the frames in stream, each in hexadecimal.
func decode(d *Decoder, stream []byte) (frames []string) {
	for frame := range d.Frames(stream) {
		frames = append(frames, hex.EncodeToString(frame))
	}
	return frames
}

// The check value of this FCS, which is also known as CRC-16/X-25 and CRC-16/IBM-SDLC, and some
// entries of the table in RFC 1662, section C.2.
func TestFCS(t *testing.T) {
	if got := ^fcs16(initialFCS, []byte("123456789")); got != 0x906e {
		t.Errorf("FCS of 123456789 is %04x, want 906e", got)
	}
	for i, want := range map[int]uint16{0: 0x0000, 1: 0x1189, 128: 0x8408, 248: 0x7bc7, 254: 0x1ef1, 255: 0x0f78} {
		if fcsTable[i] != want {
			t.Errorf("fcsTable[%d] = %04x, want %04x", i, fcsTable[i], want)
		}
	}
}

var golden = []struct {
	name    string
	frame   string
	sending ACCM
	stream  string
}{
	// The first octets of many PPP implementations: an LCP Configure-Request without options.
	{"all control characters escaped", "ff03 c021 01010004", DefaultACCM, "7e ff7d23 c021 7d217d217d207d24 d1b5 7e"},
	{"no control character escaped", "ff03 c021 01010004", 0, "7e ff03 c021 01010004 d1b5 7e"},
	{"XON and XOFF escaped", "ff03 0021 11 13 91 93", 1<<0x11 | 1<<0x13, "7e ff03 0021 7d31 7d33 91 93 9da1 7e"},
	// Section 4.2: these are always escaped.
	{"flag and escape", "7e7d", 0, "7e 7d5e7d5d f1cd 7e"},
	{"compressed fields", "21 45", 0, "7e 21 45 0520 7e"},
}

func TestGolden(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			frame, stream := octets(t, tt.frame), octets(t, tt.stream)
			if got := AppendFrame(nil, frame, tt.sending); !bytes.Equal(got, stream) {
				t.Errorf("AppendFrame: % x, want % x", got, stream)
			}
			if got := decode(NewDecoder(100), stream); !slices.Equal(got, []string{hex.EncodeToString(frame)}) {
				t.Errorf("Frames: %v, want %x", got, frame)
			}
		})
	}
}

// RFC 1662, sections 3.1, 4.2 and 4.3: invalid frames are discarded and counted, and the next frame
// is found.
func TestResynchronises(t *testing.T) {
	const good = "7e 21 45 0520 7e"
	tests := []struct {
		name      string
		before    string
		discarded Discarded
	}{
		{"nothing", "", Discarded{}},
		{"a login prompt", "6c6f67696e3a20", Discarded{}},
		{"the rest of a frame", "45 0520 7d", Discarded{}},
		{"empty frames", "7e7e7e", Discarded{}},
		{"three octets", "7e 21 0520", Discarded{Short: 1}},
		{"another FCS", "7e 21 45 0521", Discarded{BadFCS: 1}},
		{"noise", "7e 0102030405060708", Discarded{BadFCS: 1}},
		{"aborted", "7e 21 45 0520 7d", Discarded{Aborted: 1}},
		{"longer than any", "7e 21" + strings.Repeat("45", 40), Discarded{TooLong: 1}},
		{"longer than any, aborted", "7e 21" + strings.Repeat("45", 40) + "7d", Discarded{TooLong: 1}},
		{"longer by one octet", "7e 21" + strings.Repeat("45", 20), Discarded{TooLong: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(18)
			got := decode(d, octets(t, tt.before+good+"7e"+good))
			if want := []string{"2145", "2145"}; !slices.Equal(got, want) {
				t.Errorf("Frames: %v, want %v", got, want)
			}
			if d.Discarded != tt.discarded {
				t.Errorf("discarded %+v, want %+v", d.Discarded, tt.discarded)
			}
		})
	}
}

// Section 4.4.2: one Flag Sequence may both end a frame and begin the next.
func TestSharedFlag(t *testing.T) {
	got := decode(NewDecoder(100), octets(t, "7e 21 45 0520 7e 21 45 0520 7e"))
	if want := []string{"2145", "2145"}; !slices.Equal(got, want) {
		t.Errorf("Frames: %v, want %v", got, want)
	}
}

// Section 4.2: a control character of the receiving ACCM is removed, also between a Control Escape
// and its octet; an escaped one, and one that is not in the map, is data.
func TestReceivingACCM(t *testing.T) {
	d := NewDecoder(100)
	d.Receiving = 1 << 0x11
	if got := decode(d, octets(t, "7e 11 ff7d1123 c011 21 7d217d217d207d24 11 d1b5 7e")); !slices.Equal(got, []string{"ff03c02101010004"}) {
		t.Errorf("XON inserted: got %v", got)
	}
	stream := AppendFrame(nil, []byte{0x21, 0x11, 0x13}, d.Receiving)
	if got := decode(d, stream); !slices.Equal(got, []string{"211113"}) {
		t.Errorf("XON in the data: got %v", got)
	}
}

// A frame of the longest length is accepted, and no more memory is used than it needs.
func TestLongestFrame(t *testing.T) {
	d := NewDecoder(300)
	for n, want := range map[int]int{300: 1, 301: 0} {
		stream := AppendFrame(nil, make([]byte, n), DefaultACCM)
		if got := decode(d, stream); len(got) != want {
			t.Errorf("%d octets: %d frames, want %d", n, len(got), want)
		}
	}
	if cap(d.buf) != 302 {
		t.Errorf("buffer of %d octets, want 302", cap(d.buf))
	}
}

func TestNoAllocation(t *testing.T) {
	frame := bytes.Repeat([]byte{0, 0x7e, 'x'}, 500)
	stream := AppendFrame(nil, frame, DefaultACCM)
	d := NewDecoder(len(frame))
	n := testing.AllocsPerRun(10, func() {
		stream = AppendFrame(stream[:0], frame, DefaultACCM)
		for got := range d.Frames(stream) {
			if len(got) != len(frame) {
				t.Errorf("frame of %d octets, want %d", len(got), len(frame))
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a frame, want none", n)
	}
}

// FuzzFrame checks that a frame is received unchanged, after any octets and in any pieces.
func FuzzFrame(f *testing.F) {
	for _, tt := range golden {
		f.Add([]byte("login: "), octets(f, tt.frame), uint32(tt.sending), uint8(3))
		f.Add(octets(f, tt.stream), octets(f, tt.frame), uint32(tt.sending), uint8(1))
	}
	f.Fuzz(func(t *testing.T, noise, frame []byte, accm uint32, cut uint8) {
		if len(frame) < shortest {
			return
		}
		d := NewDecoder(len(frame))
		d.Receiving = ACCM(accm)
		stream := AppendFrame(slices.Concat(noise, []byte{flag}), frame, ACCM(accm))
		var last []byte
		for piece := range slices.Chunk(stream, int(cut)+1) {
			for got := range d.Frames(piece) {
				last = append(last[:0], got...)
			}
		}
		if !bytes.Equal(last, frame) {
			t.Errorf("last frame % x, want % x", last, frame)
		}
		if cap(d.buf) != len(frame)+fcsLen {
			t.Errorf("buffer of %d octets, want %d", cap(d.buf), len(frame)+fcsLen)
		}
	})
}
