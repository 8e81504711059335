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
	"strings"
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
	if err := awaitDeath(socket); err != nil {
		return nil, err
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
	s.http = &http.Server{Handler: s.routes(), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	return s, nil
}

// deathWait is how long a daemon that was killed may take to be gone: the kernel removes its interfaces first, a thousand
// of them in some twenty seconds, and its socket takes connections until then.
const deathWait = 30 * time.Second

// awaitDeath returns when nobody holds the socket any more, with an error if somebody goes on to.
func awaitDeath(socket string) error {
	for deadline := time.Now().Add(deathWait); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil
		}
		_ = conn.Close()
		_, err = api.NewClient(socket).Status(context.Background())
		if err == nil || errors.As(err, new(*api.StatusError)) {
			return fmt.Errorf("api.socket %s: another l2tpvld is running and answers there; stop it, or give this one a socket of its own", socket)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("api.socket %s: somebody holds it and does not answer; end that process, or give this one a socket of its own", socket)
		}
	}
}

func (s *server) serve() {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.daemon.log.Error("the API has ended", zap.String("reason", err.Error()))
	}
}

// close ends the server and removes its socket, whether it is serving or not yet.
func (s *server) close() {
	_ = s.http.Close()
	_ = s.listener.Close()
}

func (s *server) routes() http.Handler {
	d := s.daemon
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		api.PathStatus:                    answer(d.status),
		api.PathLinks:                     answer(d.links),
		api.PathPeers:                     answer(d.peers),
		api.PathSessions:                  answer(d.sessions),
		api.PathExplain + "/{vpn}/{peer}": answer(d.explain),
	} {
		mux.Handle("GET "+path, handler)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s %s: want GET", r.Method, r.URL.Path))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no %s in this API", r.URL.Path))
	})
	return mux
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Error{Error: text})
}

// notFoundError is what a client asked for and is not there.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

// answer makes a handler of a function that gives what is to be told as JSON.
func answer[T any](f func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := f(r)
		var missing *notFoundError
		switch {
		case errors.As(err, &missing):
			refuse(w, http.StatusNotFound, err.Error())
		case err != nil:
			refuse(w, http.StatusServiceUnavailable, strings.ReplaceAll(err.Error(), "\n", "; "))
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body) // an error here is a client that has gone
		}
	}
}
