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

// Read dissects a capture with tshark. The capture may have any number of control connections and
// sessions. Read returns all UDP datagrams over IPv4 to and from the port of the options, and all
// IPv4 fragments.
//
// tshark itself can only follow one control connection between two addresses, and confuses two
// session requests that wait for their replies at the same time. Read therefore splits the capture:
// it passes each session to tshark in a capture of its own, together with its control connection.
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

// part is a part of the capture that tshark dissects by itself, as indexes of the list of frames.
type part struct {
	connection []int // frames of the control connection that belong to no session
	session    []int // frames of one of its sessions; empty if it has none
}

// reread dissects the part by itself, and replaces its frames by the result.
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
		return fmt.Errorf("tshark finds %d frames in a part of %d frames", len(again), len(places))
	}
	for i, place := range places {
		again[i].Number = numbers[i]
		frames[place] = again[i]
	}
	return nil
}

// end identifies one end of a control connection or session, by its address and the ID that it has
// assigned.
type end struct {
	session bool // else a control connection
	at      netip.Addr
	id      uint32
}

// ends returns the ends of the control connection and of the session that a frame has the IDs of.
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

// groups are disjoint sets of ends: the ends of one session or control connection are in one group.
// Each end maps to another end of its group, up to the one that represents the group.
type groups map[end]end

// of returns the end that represents the group of e.
func (g groups) of(e end) end {
	for g[e] != (end{}) && g[e] != e {
		e = g[e]
	}
	return e
}

// join merges the groups of the ends.
func (g groups) join(ends []end) {
	for _, e := range ends {
		g[g.of(e)] = g.of(ends[0])
	}
}

// parts splits the frames by session and control connection. A frame without either is in no part.
func parts(frames []Frame) []part {
	groups := groups{}
	for _, f := range frames {
		connection, session := f.ends()
		groups.join(connection)
		groups.join(session)
	}
	connectionOf := map[end]end{} // from the group of a session to that of its connection
	ofConnection, ofSession := map[end][]int{}, map[end][]int{}
	var connections, sessions []end // in the order of the capture
	for place, f := range frames {
		connection, session := f.ends()
		switch {
		case len(session) > 0:
			group := groups.of(session[0])
			if ofSession[group] == nil {
				sessions = append(sessions, group)
			}
			ofSession[group] = append(ofSession[group], place)
			if len(connection) > 0 {
				connectionOf[group] = groups.of(connection[0])
			}
		case len(connection) > 0:
			group := groups.of(connection[0])
			if ofConnection[group] == nil {
				connections = append(connections, group)
			}
			ofConnection[group] = append(ofConnection[group], place)
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

// selectRecords returns a capture with only the packets of these numbers, from 1, which must be in
// ascending order.
func selectRecords(capture []byte, numbers []int) ([]byte, error) {
	const fileHeader, recordHeader, lengthAt = 24, 16, 8
	if len(capture) < fileHeader {
		return nil, errors.New("the capture is shorter than its file header")
	}
	selected, rest := slices.Clone(capture[:fileHeader]), capture[fileHeader:]
	for number := 1; len(rest) > 0; number++ {
		if len(rest) < recordHeader {
			return nil, fmt.Errorf("packet %d of the capture is truncated", number)
		}
		length := recordHeader + int(binary.LittleEndian.Uint32(rest[lengthAt:]))
		if len(rest) < length {
			return nil, fmt.Errorf("packet %d of the capture is truncated", number)
		}
		if _, found := slices.BinarySearch(numbers, number); found {
			selected = append(selected, rest[:length]...)
		}
		rest = rest[length:]
	}
	return selected, nil
}
