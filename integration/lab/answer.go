package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// askTimeout limits the duration of one Ask.
const askTimeout = 3 * time.Second

// Answer makes the site's host answer every TCP connection to the port with a text, until stop is
// called.
func (s *Site) Answer(ctx context.Context, port uint16, text string) (stop func(), err error) {
	listener, err := s.Host.Listen(ctx, netip.AddrPortFrom(s.Address, port))
	if err != nil {
		return nil, fmt.Errorf("answering at %s: %w", s.Host, err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // stopped
			}
			_, _ = io.WriteString(conn, text) // after an error the client receives less
			conn.Close()
		}
	}()
	return func() { listener.Close() }, nil
}

// Ask connects from the site's host by TCP and returns the answer.
func (s *Site) Ask(ctx context.Context, at netip.AddrPort) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := s.Host.Dial(ctx, at)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// Count returns how often the octets occur in a capture that was stopped.
func (c *Capture) Count(octets []byte) (int, error) {
	captured, err := os.ReadFile(c.File)
	return bytes.Count(captured, octets), err
}
