package events

import (
	"encoding/json"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Publish logs an event and keeps it, with all fields of the log's line.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel) // it does not affect events
		e := New(zap.New(core), time.Now())
		e.Publish(api.Event{Kind: api.EventPathMTU, Message: "path MTU", Peer: "pe2", IPsec: "required"}, zap.Int("octets", 1500))
		e.Publish(api.Event{
			Kind: api.EventLinkDown, Level: api.EventWarn, Message: "link down", Peer: "pe2", IPsec: "required",
			VPN: "red", Interface: "vl-red", Reason: "no echo",
		}, zap.Int("left_out", 3))

		list, last, _ := e.After(0)
		start := uint64(time.Now().UnixMicro())
		want := []api.Event{
			{
				Seq: start + 1, Time: time.Now(), Kind: api.EventPathMTU, Level: api.EventInfo, Message: "path MTU", Peer: "pe2", IPsec: "required",
				Details: map[string]string{"octets": "1500"},
			},
			{
				Seq: start + 2, Time: time.Now(), Kind: api.EventLinkDown, Level: api.EventWarn, Message: "link down", Peer: "pe2", IPsec: "required",
				VPN: "red", Interface: "vl-red", Reason: "no echo", Details: map[string]string{"left_out": "3"},
			},
		}
		if got, want := asJSON(t, list), asJSON(t, want); got != want || last != start+2 {
			t.Errorf("got %s\nwant %s", got, want)
		}
		wantFields := map[string]any{
			"event": "link-down", "peer": "pe2", "ipsec": "required", "vpn": "red", "interface": "vl-red", "reason": "no echo", "left_out": int64(3),
		}
		lines := logs.All()
		if len(lines) != 1 || lines[0].Message != "link down" || lines[0].Level != zap.WarnLevel || !maps.Equal(lines[0].ContextMap(), wantFields) {
			t.Errorf("log has %+v, want the warning only, with fields %v", lines, wantFields)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Only the last events are kept; a client that is too slow finds a gap in the sequence numbers.
func TestEventsAreBounded(t *testing.T) {
	e := New(zap.NewNop(), time.UnixMicro(1000))
	for range 3*kept + 7 {
		e.keep(api.Event{})
	}
	last := uint64(1000 + 3*kept + 7)
	for _, tt := range []struct {
		after, first uint64 // first 0: none
	}{
		{0, last - kept + 1},
		{1001, last - kept + 1},
		{last - kept, last - kept + 1},
		{last - 3, last - 2},
		{last, 0},
		{last + 100, 0},
	} {
		list, got, news := e.After(tt.after)
		var first uint64
		for i, x := range list {
			if i == 0 {
				first = x.Seq
			}
			if x.Seq != first+uint64(i) {
				t.Fatalf("after %d: number %d at place %d of those from %d", tt.after, x.Seq, i, first)
			}
		}
		if first != tt.first || got != last || len(list) > 0 && list[len(list)-1].Seq != last || news == nil {
			t.Errorf("after %d: %d from %d up to %d, want from %d up to %d", tt.after, len(list), first, got, tt.first, last)
		}
	}
}
