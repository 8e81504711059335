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

// askTimeout bounds one question of Ask.
const askTimeout = 3 * time.Second

// Answer has the site's host answer every TCP connection to the port with a text, until stop is
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
			_, _ = io.WriteString(conn, text) // what is lost is missed by who asks
			conn.Close()
		}
	}()
	return func() { listener.Close() }, nil
}

// Ask connects from the site's host and returns what is answered there.
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

// Count is how often the octets are in a capture that was stopped.
func (c *Capture) Count(octets []byte) (int, error) {
	captured, err := os.ReadFile(c.File)
	return bytes.Count(captured, octets), err
}
