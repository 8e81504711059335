package strongswan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/strongswan/govici/vici"
)

// callTimeout bounds one command. It is below 5 s, because govici closes a connection that is
// silent for 5 s during a call.
const callTimeout = 4 * time.Second

// session is a connection to charon for commands. It is safe for concurrent use.
type session struct {
	mu  sync.Mutex
	s   *vici.Session
	sas chan vici.Event // the events list-sa, which list-sas causes
}

// errLost is the error of a command that charon has not answered.
var errLost = errors.New("strongSwan does not answer")

// refusal is charon's message that it has not carried out a command.
type refusal string

func (r refusal) Error() string { return string(r) }

func open(socket string) (*vici.Session, error) {
	return vici.NewSession(vici.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}))
}

func dial(socket string) (*session, error) {
	s, err := open(socket)
	if err != nil {
		return nil, err
	}
	// govici's own streaming may report the end of a stream before its last events. Events that
	// are subscribed to have arrived, in order, when the answer does.
	if err := s.Subscribe("list-sa"); err != nil {
		s.Close()
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	c := &session{s: s, sas: make(chan vici.Event, 1<<14)}
	s.NotifyEvents(c.sas)
	return c, nil
}

func (c *session) Close() error { return c.s.Close() }

// call sends a command and returns its answer. Its error is a refusal if charon has answered, else
// errLost.
func (c *session) call(command string, fields any) (*vici.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.callLocked(command, fields)
}

func (c *session) callLocked(command string, fields any) (*vici.Message, error) {
	m := vici.NewMessage()
	if fields != nil {
		var err error
		if m, err = vici.MarshalMessage(fields); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := c.s.Call(ctx, command, m)
	switch {
	case err == nil:
		return answer, nil
	case answer != nil:
		text, _ := answer.Get("errmsg").(string)
		return nil, refusal(text)
	default:
		return nil, fmt.Errorf("%w: %s: %w", errLost, command, err)
	}
}

// caller sends commands to charon; see session.call.
type caller interface {
	call(command string, fields any) (*vici.Message, error)
}

// names sends a command whose answer is a list of names.
func names(c caller, command, field string) ([]string, error) {
	answer, err := c.call(command, nil)
	if err != nil {
		return nil, err
	}
	list, _ := answer.Get(field).([]string)
	return list, nil
}

// list returns charon's messages about the IKE SAs of a connection, or of all if it is empty.
func (c *session) list(connection string) ([]*vici.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	arguments := map[string]string{} // no "noblock": it omits SAs that charon is working on
	if connection != "" {
		arguments["ike"] = connection
	}
	if _, err := c.callLocked("list-sas", arguments); err != nil {
		return nil, err
	}
	var all []*vici.Message
	for {
		select {
		case e, ok := <-c.sas:
			if !ok {
				return nil, fmt.Errorf("%w: list-sas", errLost)
			}
			all = append(all, e.Message)
		default:
			return all, nil
		}
	}
}
