package report

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// A session shows the echoes of its PPP, with lost ones, and the discarded frames by reason.
func TestSessionShowsPPP(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	link := ppp.New(ppp.Config{Rand: func() uint32 { return 0x12345678 }, EchoInterval: time.Second, EchoFails: 5})
	var out ppp.Output
	link.Up(now, &out)
	out.Reset()
	for _, frame := range [][]byte{
		{0xc0, 0x21, 2, 1, 0, 10, 5, 6, 0x12, 0x34, 0x56, 0x78}, // Configure-Ack
		{0xc0, 0x21, 1, 7, 0, 4},                                // Configure-Request
		{0xc0},                                                  // too short for a frame
	} {
		link.Receive(now, frame, &out)
	}
	for range 3 {
		out.Reset()
		now = link.Deadline()
		link.Advance(now, &out)
		for frame := range out.Frames() {
			if frame[2] == 9 && link.Status().Echo.Sent == 1 { // answer the first Echo-Request
				reply := append([]byte(nil), frame...)
				reply[2] = 10
				clear(reply[6:10])
				link.Receive(now.Add(1500*time.Microsecond), reply, new(ppp.Output))
			}
		}
	}
	status := link.Status()
	shown := (&View{}).session(&session.LinkStatus{PPP: &status})
	got, err := json.Marshal(shown.Echo)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"sent":3,"lost":1,"history":[1.5,null]}`; string(got) != want {
		t.Errorf("echo is %s, want %s", got, want)
	}
	if n := shown.Discards[ppp.DiscardBadLength.String()]; n != 1 || len(shown.Discards) != 1 {
		t.Errorf("discards are %v, want one of a bad length", shown.Discards)
	}
}
