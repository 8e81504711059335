package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// server is the HTTP API on the Unix socket.
type server struct {
	daemon   *Daemon
	listener net.Listener
	http     *http.Server
}

// listenAPI opens the Unix socket. It fails if a daemon answers on it, and clears away what a dead one has left.
func (d *Daemon) listenAPI() (*server, error) {
	socket := d.cfg.API.Socket
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, fmt.Errorf("api.socket: %w", err)
	}
	if conn, err := net.Dial("unix", socket); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("api.socket %s: another l2tpvld is running and answers there; stop it, or give this one a socket of its own", socket)
	}
	if info, err := os.Lstat(socket); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("api.socket %s: there is something that is not a socket; remove it, or choose another path", socket)
		}
		if err := os.Remove(socket); err != nil {
			return nil, fmt.Errorf("api.socket: %w", err)
		}
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("api.socket: %w", err)
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("api.socket: %w", err), listener.Close())
	}
	s := &server{daemon: d, listener: listener}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second}
	return s, nil
}

func (s *server) serve() {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.daemon.log.Error("API", zap.Error(err))
	}
}

func (s *server) close() { _ = s.http.Close() }

func (s *server) routes() http.Handler {
	d := s.daemon
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathStatus, answer(d.status))
	mux.HandleFunc("GET "+api.PathLinks, answer(d.links))
	mux.HandleFunc("GET "+api.PathPeers, answer(d.peers))
	mux.HandleFunc("GET "+api.PathSessions, answer(d.sessions))
	mux.HandleFunc("GET "+api.PathExplain+"/{vpn}/{peer}", answer(d.explain))
	mux.HandleFunc("/", answer(func(r *http.Request) (any, error) {
		return nil, &notFoundError{fmt.Sprintf("no %s %s in this API", r.Method, r.URL.Path)}
	}))
	return mux
}

// notFoundError is what a client asked for and is not there.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

// answer makes a handler of a function that gives what is to be told as JSON.
func answer[T any](f func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		body, err := f(r.WithContext(ctx))
		w.Header().Set("Content-Type", "application/json")
		var missing *notFoundError
		switch {
		case errors.As(err, &missing):
			w.WriteHeader(http.StatusNotFound)
		case err != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if err != nil {
			_ = json.NewEncoder(w).Encode(api.Error{Error: err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(body) // an error here is a client that has gone
	}
}
