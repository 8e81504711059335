package static

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
)

// plane is the userspace data plane with the tunnels of go-l2tp on top.
type plane struct{ userspace.Plane }

func (p plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	return OpenTunnel(p.Plane, IDs{3001, 4001}, cfg)
}

// Packets, frames and cookies are those of the data plane below.
func TestPlane(t *testing.T) { planetest.RunWith(t, plane{}, userspace.Plane{}) }

// fake is a data plane without packets.
type fake struct {
	dataplane.Plane
	dataplane.Tunnel
	err     error
	opened  []dataplane.TunnelConfig
	created []dataplane.SessionConfig
	closed  int
}

func (f *fake) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	f.opened = append(f.opened, cfg)
	return f, f.err
}

func (f *fake) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	f.created = append(f.created, cfg)
	return &fakeSession{fake: f}, f.err
}

func (f *fake) Close() error { return f.err }

type fakeSession struct {
	dataplane.Session
	fake   *fake
	closed bool
}

func (s *fakeSession) Close() error {
	if !s.closed {
		s.closed = true
		s.fake.closed++
	}
	return s.fake.err
}

func TestIDs(t *testing.T) {
	for _, tt := range []struct {
		ids  IDs
		peer string
		over dataplane.Encapsulation
		want string // in the error; "": no error
	}{
		{IDs{1, 2}, "192.0.2.2:1702", dataplane.UDP, ""},
		{IDs{1, 1<<32 - 1}, "[2001:db8::2]:1702", dataplane.UDP, ""},
		{IDs{1, 2}, "192.0.2.2:0", dataplane.IP, ""},
		{IDs{1, 2}, "[2001:db8::2]:0", dataplane.IP, ""},
		{IDs{0, 2}, "192.0.2.2:1702", dataplane.UDP, "must both be > 0"},
		{IDs{1, 0}, "192.0.2.2:1702", dataplane.UDP, "must both be > 0"},
	} {
		f := new(fake)
		_, err := OpenTunnel(f, tt.ids, dataplane.TunnelConfig{Peer: netip.MustParseAddrPort(tt.peer), Encapsulation: tt.over})
		if tt.want == "" && (err != nil || len(f.opened) != 1 || f.opened[0].Peer.String() != tt.peer || f.opened[0].Local.IsValid()) ||
			tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || len(f.opened) != 0) {
			t.Errorf("%+v: error %v, opened %+v; want error %q, or one tunnel to the peer", tt, err, f.opened, tt.want)
		}
	}
}

func TestSessions(t *testing.T) {
	f := new(fake)
	tunnel, err := OpenTunnel(f, IDs{1, 2}, dataplane.TunnelConfig{Peer: netip.MustParseAddrPort("192.0.2.2:1702")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := dataplane.SessionConfig{
		LocalConnectionID: 1, PeerConnectionID: 2, LocalID: 11, PeerID: 22,
		LocalCookie: []byte{1, 2, 3, 4}, PeerCookie: []byte{5, 6, 7, 8}, Interface: "vl-red-ce5",
	}
	s, err := tunnel.CreateSession(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if c := f.created[0]; string(c.LocalCookie) != "\x01\x02\x03\x04" || string(c.PeerCookie) != "\x05\x06\x07\x08" || c.Interface != "vl-red-ce5" {
		t.Errorf("created %+v, want %+v", c, cfg)
	}
	if _, err := tunnel.CreateSession(cfg); err == nil || len(f.created) != 1 {
		t.Errorf("a second session with the same ID: error %v, %d created; want an error and 1", err, len(f.created))
	}

	// The ID of a closed session can be used again, and errors of the data plane are returned.
	f.err = syscall.EBUSY
	if err := s.Close(); !errors.Is(err, syscall.EBUSY) || f.closed != 1 {
		t.Errorf("Close: %v, %d closed; want EBUSY and 1", err, f.closed)
	}
	if _, err := tunnel.CreateSession(cfg); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("CreateSession: %v, want EBUSY", err)
	}
	f.err = nil
	if _, err := tunnel.CreateSession(cfg); err != nil {
		t.Errorf("CreateSession: %v", err)
	}
	if err := tunnel.Close(); err != nil || f.closed != 2 {
		t.Errorf("tunnel.Close: %v, %d closed; want 2", err, f.closed)
	}
	if err := s.Close(); err != nil || f.closed != 2 {
		t.Errorf("second Close: %v, %d closed; want 2", err, f.closed)
	}

	f.err = syscall.ENETUNREACH
	if _, err := OpenTunnel(f, IDs{1, 2}, dataplane.TunnelConfig{Peer: netip.MustParseAddrPort("192.0.2.2:1702")}); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("OpenTunnel: %v, want ENETUNREACH", err)
	}
}
