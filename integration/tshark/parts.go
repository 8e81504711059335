package tshark

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
)

// Read has tshark dissect a capture, which may have any number of control connections and sessions.
// It returns the UDP datagrams over IPv4 to and from the port, whatever is in them, and every
// fragment.
//
// tshark itself follows one control connection between two addresses, and takes two calls that wait
// for their answer together for one. So it is handed each session in a capture of its own, with the
// connection that it is in.
func Read(ctx context.Context, file string, o Options) ([]Frame, error) {
	frames, err := read(ctx, file, o)
	if err != nil {
		return nil, err
	}
	capture, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parts := parts(frames)
	if len(parts) <= 1 {
		return frames, nil
	}
	for _, part := range parts {
		if err := part.reread(ctx, capture, frames, o); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return frames, nil
}

// part is what tshark is handed at once, as places in the list of frames.
type part struct {
	connection []int // frames of the control connection alone
	session    []int // frames of one session in it; empty if it has none
}

// reread dissects the part by itself, and puts the result in place of what there was.
func (p part) reread(ctx context.Context, capture []byte, frames []Frame, o Options) error {
	places := slices.Sorted(slices.Values(slices.Concat(p.connection, p.session)))
	var numbers []int
	for _, place := range places {
		numbers = append(numbers, frames[place].Number)
	}
	selected, err := selectRecords(capture, numbers)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "part-*.pcap")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(selected)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	again, err := read(ctx, file.Name(), o)
	if err != nil {
		return err
	}
	if len(again) != len(places) {
		return fmt.Errorf("tshark finds %d frames in a part of %d", len(again), len(places))
	}
	for i, place := range places {
		again[i].Number = numbers[i]
		frames[place] = again[i]
	}
	return nil
}

// end names one end of a control connection or of a session: both are numbered by who receives.
type end struct {
	session bool
	at      netip.Addr
	id      uint32
}

// ends are the ends of the control connection and of the session that a frame tells of.
func (f Frame) ends() (connection, session []end) {
	from, to := f.Source.Addr(), f.Destination.Addr()
	add := func(list *[]end, e end) {
		if e.id != 0 {
			*list = append(*list, e)
		}
	}
	add(&connection, end{false, to, f.ConnectionID})
	add(&connection, end{false, from, f.AssignedConnectionID})
	add(&session, end{true, from, f.LocalSessionID})
	add(&session, end{true, to, f.RemoteSessionID})
	add(&session, end{true, to, f.SessionID})
	return connection, session
}

// families join ends that belong together; each family is named by one of them.
type families map[end]end

func (f families) of(e end) end {
	for f[e] != (end{}) && f[e] != e {
		e = f[e]
	}
	return e
}

func (f families) join(ends []end) {
	for _, e := range ends {
		f[f.of(e)] = f.of(ends[0])
	}
}

// parts finds the sessions and connections. A frame that is of none is in no part.
func parts(frames []Frame) []part {
	families := families{}
	for _, f := range frames {
		connection, session := f.ends()
		families.join(connection)
		families.join(session)
	}
	connectionOf := map[end]end{} // by the session's family
	ofConnection, ofSession := map[end][]int{}, map[end][]int{}
	var connections, sessions []end // in the order of the capture
	for place, f := range frames {
		connection, session := f.ends()
		switch {
		case len(session) > 0:
			family := families.of(session[0])
			if ofSession[family] == nil {
				sessions = append(sessions, family)
			}
			ofSession[family] = append(ofSession[family], place)
			if len(connection) > 0 {
				connectionOf[family] = families.of(connection[0])
			}
		case len(connection) > 0:
			family := families.of(connection[0])
			if ofConnection[family] == nil {
				connections = append(connections, family)
			}
			ofConnection[family] = append(ofConnection[family], place)
		}
	}
	var parts []part
	for _, s := range sessions {
		parts = append(parts, part{connection: ofConnection[connectionOf[s]], session: ofSession[s]})
	}
	withSession := slices.Collect(maps.Values(connectionOf))
	for _, c := range connections {
		if !slices.Contains(withSession, c) {
			parts = append(parts, part{connection: ofConnection[c]})
		}
	}
	return parts
}

// selectRecords makes a capture of those packets of another that have these numbers, which are in
// ascending order.
func selectRecords(capture []byte, numbers []int) ([]byte, error) {
	const fileHeader, recordHeader, lengthAt = 24, 16, 8
	if len(capture) < fileHeader {
		return nil, errors.New("the capture has no header")
	}
	selected, rest := slices.Clone(capture[:fileHeader]), capture[fileHeader:]
	for number := 1; len(rest) > 0; number++ {
		if len(rest) < recordHeader {
			return nil, fmt.Errorf("packet %d of the capture is cut short", number)
		}
		length := recordHeader + int(binary.LittleEndian.Uint32(rest[lengthAt:]))
		if len(rest) < length {
			return nil, fmt.Errorf("packet %d of the capture is cut short", number)
		}
		if _, found := slices.BinarySearch(numbers, number); found {
			selected = append(selected, rest[:length]...)
		}
		rest = rest[length:]
	}
	return selected, nil
}
