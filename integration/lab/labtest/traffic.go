package labtest

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Traffic is packets that two ends send to each other without end.
type Traffic [2]*End

// End is one end of Traffic. It sends a packet in each interval, and counts the packets that it
// receives, while it has a socket.
type End struct {
	Text     string        // of each packet that is sent
	Want     string        // text of the packets that are counted; empty: all are
	Interval time.Duration // between packets

	conn     net.Conn
	received atomic.Uint64
}

// Start makes the end use a socket, which Stop closes.
func (e *End) Start(conn net.Conn) {
	e.conn = conn
	go e.send(conn)
	go e.receive(conn)
}

// Stop closes the socket. An end without a socket stays as it is.
func (e *End) Stop() {
	if e.conn != nil {
		e.conn.Close()
		e.conn = nil
	}
}

// Started reports whether the end has a socket.
func (e *End) Started() bool { return e.conn != nil }

// Received returns the number of packets received so far, from all sockets.
func (e *End) Received() uint64 { return e.received.Load() }

func (e *End) send(conn net.Conn) {
	tick := time.NewTicker(e.Interval)
	defer tick.Stop()
	for range tick.C {
		if _, err := conn.Write([]byte(e.Text)); isClosed(err) {
			return
		}
	}
}

func (e *End) receive(conn net.Conn) {
	buf := make([]byte, 1500)
	for {
		n, err := conn.Read(buf)
		switch {
		case isClosed(err):
			return
		case err != nil: // an ICMP error from the path
			time.Sleep(time.Millisecond)
		case e.Want == "" || string(buf[:n]) == e.Want:
			e.received.Add(1)
		}
	}
}

func isClosed(err error) bool { return err != nil && strings.Contains(err.Error(), "closed") }

func (t Traffic) received() [2]uint64 { return [2]uint64{t[0].Received(), t[1].Received()} }

// WaitTraffic waits until each end has received more than so many packets. Explain, if not nil,
// adds to what the test shows if they do not arrive.
func (r *Rig) WaitTraffic(what string, t Traffic, packets uint64, explain func() string) {
	r.Helper()
	before := t.received()
	r.Wait(what+" to pass both ways", func() (bool, string, error) {
		now := t.received()
		seen := fmt.Sprint("received ", before, now)
		if explain != nil {
			seen += explain()
		}
		return now[0] > before[0]+packets && now[1] > before[1]+packets, seen, nil
	})
}

// WaitNoTraffic waits until no end receives a packet during that time.
func (r *Rig) WaitNoTraffic(what string, t Traffic, during time.Duration) {
	r.Helper()
	r.Wait(what+" to stop", func() (bool, string, error) {
		before := t.received()
		time.Sleep(during)
		now := t.received()
		return now == before, fmt.Sprint("received ", before, now), nil
	})
}
