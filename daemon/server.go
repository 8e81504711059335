package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// server is the HTTP API on the Unix socket.
type server struct {
	daemon   *Daemon
	listener net.Listener
	http     *http.Server
}

// listenAPI opens the Unix socket. It fails if a daemon answers on it, and clears away what a dead
// one has left.
func (d *Daemon) listenAPI(ctx context.Context) (*server, error) {
	socket := d.cfg().API.Socket
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, fmt.Errorf("api.socket: %w", err)
	}
	if err := awaitDeath(ctx, d.log, socket, deathWait); err != nil {
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
	if err := d.admitGroup(socket); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &server{daemon: d, listener: listener}
	s.http = &http.Server{Handler: handler(d.routes()), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	return s, nil
}

// admitGroup lets the group in that api.group names, beside the socket's owner. Who can open the
// socket can do all that the API can.
func (d *Daemon) admitGroup(socket string) error {
	if name := d.cfg().API.Group; name != "" {
		group, err := user.LookupGroup(name)
		if err != nil {
			return fmt.Errorf("api.group: there is no group %q on this host; `groupadd --system %s` makes it", name, name)
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

func (s *server) serve() {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.daemon.events.Publish(api.Event{Kind: api.EventAPIEnded, Level: api.EventError, Message: "the API has ended", Reason: err.Error()})
	}
}

// close ends the server and removes its socket, whether it is serving or not yet.
func (s *server) close() {
	_ = s.http.Close()
	_ = s.listener.Close()
}
