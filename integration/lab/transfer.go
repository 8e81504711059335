package lab

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// Transfer is the result of a TCP transfer.
type Transfer struct {
	Octets   int64
	Duration time.Duration

	// Sent and Received are the SHA-256 digests of the octets at the two ends.
	Sent, Received [sha256.Size]byte
}

// Intact reports whether the octets received are those sent.
func (t Transfer) Intact() bool { return t.Sent == t.Received }

// Rate returns the rate in bits per second.
func (t Transfer) Rate() float64 { return float64(t.Octets) * 8 / t.Duration.Seconds() }

// Listen listens for TCP connections inside the namespace.
func (n Namespace) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var listener net.Listener
	err := n.Do(func() (err error) {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
		return err
	})
	return listener, err
}

// Dial connects by TCP from inside the namespace.
func (n Namespace) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		return err
	})
	return conn, err
}

// Transfer sends random octets by TCP from the host of one site to that of another.
func (s *Site) Transfer(ctx context.Context, to *Site, octets int64) (Transfer, error) {
	t := Transfer{Octets: octets}
	listener, err := to.Host.Listen(ctx, netip.AddrPortFrom(to.Address, 0))
	if err != nil {
		return t, err
	}
	defer listener.Close()

	type receipt struct {
		digest [sha256.Size]byte
		err    error
	}
	received := make(chan receipt, 1)
	go func() {
		var r receipt
		r.digest, r.err = receive(ctx, listener, octets)
		received <- r
	}()

	start := time.Now()
	t.Sent, err = s.send(ctx, listener.Addr().(*net.TCPAddr).AddrPort(), octets)
	if err != nil {
		return t, fmt.Errorf("sending from %s to %s: %w", s.Host, to.Host, err)
	}
	r := <-received
	t.Duration = time.Since(start)
	t.Received = r.digest
	if r.err != nil {
		return t, fmt.Errorf("receiving at %s from %s: %w", to.Host, s.Host, r.err)
	}
	return t, nil
}

// send sends the octets and returns when the receiver has closed the connection.
func (s *Site) send(ctx context.Context, to netip.AddrPort, octets int64) (digest [sha256.Size]byte, err error) {
	conn, err := s.Host.Dial(ctx, to)
	if err != nil {
		return digest, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	var seed [32]byte
	crand.Read(seed[:]) // never returns an error
	random := io.LimitReader(rand.NewChaCha8(seed), octets)
	sum := sha256.New()
	if _, err := io.Copy(conn, io.TeeReader(random, sum)); err != nil {
		return digest, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return digest, err
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return digest, err
	}
	return sumOf(sum), nil
}

// receive accepts one connection and reads it to its end.
func receive(ctx context.Context, listener net.Listener, octets int64) (digest [sha256.Size]byte, err error) {
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	conn, err := listener.Accept()
	if err != nil {
		return digest, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	sum := sha256.New()
	n, err := io.Copy(sum, conn)
	if err != nil {
		return digest, err
	}
	if n != octets {
		return digest, fmt.Errorf("%d of %d octets received", n, octets)
	}
	return sumOf(sum), nil
}

// endWith makes the connection fail when ctx ends, until stop is called.
func endWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func sumOf(h hash.Hash) (digest [sha256.Size]byte) {
	h.Sum(digest[:0])
	return digest
}
