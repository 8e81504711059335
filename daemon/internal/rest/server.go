package rest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// Server is an HTTP server with its open socket. A nil Server serves nothing.
type Server struct {
	listener net.Listener
	http     http.Server
}

// ListenUnix opens the Unix socket of the API. It fails if a daemon answers on it, waits for a
// daemon that is dying, and removes the socket of a dead one. The owner may use the socket, and the
// group if it is not empty; whoever can open it can do everything that the API can.
func ListenUnix(ctx context.Context, socket, group string, handler http.Handler, log *zap.Logger) (*Server, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, fmt.Errorf("api.socket: %w", err)
	}
	if err := awaitDeath(ctx, log, socket, deathWait); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(socket); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("api.socket %s: exists and is not a socket; remove it, or configure another path", socket)
		}
		if err := os.Remove(socket); err != nil {
			return nil, fmt.Errorf("api.socket: %w", err)
		}
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("api.socket: %w", err)
	}
	if err := admitGroup(socket, group); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &Server{listener, http.Server{Handler: handler, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}}, nil
}

// ListenTCP opens a TCP port for the metrics.
func ListenTCP(at netip.AddrPort, handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	return &Server{listener, http.Server{Handler: handler, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}}, nil
}

// admitGroup sets the permissions of the socket: its owner and, if named, a group.
func admitGroup(socket, name string) error {
	if name != "" {
		group, err := user.LookupGroup(name)
		if err != nil {
			return fmt.Errorf("api.group: no group %q on this host; `groupadd --system %s` creates it", name, name)
		}
		id, err := strconv.Atoi(group.Gid)
		if err == nil {
			err = os.Chown(socket, -1, id)
		}
		if err != nil {
			return fmt.Errorf("api.group: %w", err)
		}
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		return fmt.Errorf("api.socket: %w", err)
	}
	return nil
}

// Serve serves until Close, and returns the error that ended it before.
func (s *Server) Serve() error {
	if s == nil {
		return nil
	}
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends the server, even one that is not serving yet, and removes a Unix socket.
func (s *Server) Close() {
	if s == nil {
		return
	}
	_ = s.http.Close()
	_ = s.listener.Close()
}
