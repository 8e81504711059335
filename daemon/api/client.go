package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// requestTimeout bounds a request that reads something. The daemon answers from memory, so if it
// takes longer it hangs.
const requestTimeout = 5 * time.Second

// changeTimeout bounds a request that changes something: the kernel is slow to remove interfaces,
// and a peer that is removed has to acknowledge the StopCCN.
const changeTimeout = time.Minute

// Client sends requests to the daemon. It is safe for concurrent use and need not be closed.
//
// Its methods return a *NotReachableError if no daemon answers at the socket, and a *StatusError if
// the daemon answers with an error.
type Client struct {
	socket string
	http   http.Client // for requests that read something
	change http.Client // for requests that change something
	stream http.Client // for answers without an end
}

// NewClient returns a client of the daemon that listens at the path socket, without connecting.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	return &Client{
		socket: socket,
		http:   http.Client{Transport: transport, Timeout: requestTimeout},
		change: http.Client{Transport: transport, Timeout: changeTimeout},
		stream: http.Client{Transport: transport},
	}
}

// NotReachableError reports that no daemon answered at the socket.
type NotReachableError struct {
	Socket string // its path
	Err    error
}

func (e *NotReachableError) Error() string {
	hint := "is l2tpvld running and using this socket?"
	if errors.Is(e.Err, fs.ErrPermission) {
		hint = "only root and the group in l2tpvld's api.group may open it; try sudo"
	}
	return fmt.Sprintf("cannot reach l2tpvld at %s: %v; %s", e.Socket, cause(e.Err), hint)
}

func (e *NotReachableError) Unwrap() error { return e.Err }

// cause strips from err what NotReachableError shows itself: the placeholder URL and the socket.
func cause(err error) error {
	if urlError, ok := errors.AsType[*url.Error](err); ok {
		if urlError.Timeout() {
			return errors.New("no answer in time")
		}
		err = urlError.Err
	}
	if opError, ok := errors.AsType[*net.OpError](err); ok {
		err = opError.Err
	}
	return err
}

// StatusError is an answer of the daemon whose status is not 200 OK.
type StatusError struct {
	Code    int      // HTTP status code; 404 for an unknown VPN, peer or path
	Message string   // one line
	Details []string // one line for each mistake, if there are several
}

// Error returns the message, and each detail on a line of its own.
func (e *StatusError) Error() string {
	return strings.Join(append([]string{e.Message}, e.Details...), "\n  ")
}

// Links returns all virtual links.
func (c *Client) Links(ctx context.Context) ([]Link, error) { return get[[]Link](ctx, c, PathLinks) }

// Peers returns the control connections and static tunnels to all peers.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) { return get[[]Peer](ctx, c, PathPeers) }

// IPsec returns the IPsec protection of each peer that has protected links.
func (c *Client) IPsec(ctx context.Context) ([]Protection, error) {
	return get[[]Protection](ctx, c, PathIPsec)
}

// Sessions returns the sessions of all links.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	return get[[]Session](ctx, c, PathSessions)
}

// VPNs compares the VPN-IDs configured here with those of the peers.
func (c *Client) VPNs(ctx context.Context) ([]VPN, error) { return get[[]VPN](ctx, c, PathVPNs) }

// MTUs returns how the MTU of each link is calculated.
func (c *Client) MTUs(ctx context.Context) ([]MTU, error) { return get[[]MTU](ctx, c, PathMTU) }

// Explain explains the state of the link of a VPN to a peer.
func (c *Client) Explain(ctx context.Context, vpn, peer string) (Explanation, error) {
	return get[Explanation](ctx, c, PathExplain+"/"+url.PathEscape(vpn)+"/"+url.PathEscape(peer))
}

// Plan returns what a configuration would change. It changes nothing.
func (c *Client) Plan(ctx context.Context, cfg Configuration) (Plan, error) {
	return post[Plan](ctx, c, PathPlan, cfg)
}

// Apply makes the daemon run a configuration, and returns what changed.
func (c *Client) Apply(ctx context.Context, cfg Configuration) (Plan, error) {
	return post[Plan](ctx, c, PathApply, cfg)
}

// Reload makes the daemon read its own configuration file again, and returns what changed.
func (c *Client) Reload(ctx context.Context) (Plan, error) {
	return post[Plan](ctx, c, PathReload, nil)
}

// Operations on a link.
const (
	Up    = "up"    // bring it up after Down
	Down  = "down"  // take it down and keep it down
	Reset = "reset" // end its session and start a new attempt
)

// OperateLink carries out an operation, Up, Down or Reset, on the link of a VPN to a peer.
func (c *Client) OperateLink(ctx context.Context, operation, vpn, peer string) (Done, error) {
	return post[Done](ctx, c, PathLinks+"/"+url.PathEscape(vpn)+"/"+url.PathEscape(peer)+"/"+operation, nil)
}

// ResetPeer ends the control connections to a peer; new ones start at once.
func (c *Client) ResetPeer(ctx context.Context, peer string) (Done, error) {
	return post[Done](ctx, c, PathPeers+"/"+url.PathEscape(peer)+"/"+Reset, nil)
}

// Status returns the state of the daemon as a whole.
func (c *Client) Status(ctx context.Context) (Status, error) { return get[Status](ctx, c, PathStatus) }

// EventQuery selects events. The zero value selects all that the daemon keeps.
type EventQuery struct {
	After  uint64    // only events after the one with this sequence number
	Since  time.Time // only events from this time on; ignored if After is set
	Follow bool      // continue with new events
}

// Events yields past events and, with Follow, new events until ctx is done. If it yields an error,
// it ends there; with Follow it always ends with an error.
func (c *Client) Events(ctx context.Context, query EventQuery) iter.Seq2[Event, error] {
	values := url.Values{}
	switch {
	case query.After > 0:
		values.Set("since", strconv.FormatUint(query.After, 10))
	case !query.Since.IsZero():
		values.Set("since", query.Since.Format(time.RFC3339Nano))
	}
	if query.Follow {
		values.Set("follow", "true")
	}
	return lines[Event](ctx, c, PathEvents+"?"+values.Encode(), !query.Follow)
}

// Capture yields the control messages of a peer from now on, until ctx is done or it has yielded
// count of them; if count is 0, until the daemon's own limit. If it yields an error, it ends there.
func (c *Client) Capture(ctx context.Context, peer string, count int) iter.Seq2[Captured, error] {
	path := PathCapture + "/" + url.PathEscape(peer)
	if count > 0 {
		path += "?count=" + strconv.Itoa(count)
	}
	return lines[Captured](ctx, c, path, true)
}

// lines yields the values of an answer that has one on each line. Unless the answer ends by itself
// (ends), its end is an error.
func lines[Out any](ctx context.Context, c *Client, path string, ends bool) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		response, err := c.do(ctx, &c.stream, http.MethodGet, path, nil)
		if err != nil {
			yield(none, err)
			return
		}
		defer response.Body.Close()
		for values := json.NewDecoder(response.Body); ; {
			var value Out
			switch err := values.Decode(&value); {
			case err == nil:
				if !yield(value, nil) {
					return
				}
				continue
			case ctx.Err() != nil:
				yield(none, ctx.Err())
			case !ends || !errors.Is(err, io.EOF):
				yield(none, &NotReachableError{Socket: c.socket, Err: errors.New("the connection closed during the answer")})
			}
			return
		}
	}
}

// get requests path, whose elements are escaped, and decodes the answer.
func get[Out any](ctx context.Context, c *Client, path string) (Out, error) {
	return call[Out](ctx, c, http.MethodGet, path, nil)
}

// post sends a request that changes something, with in as its JSON body, and decodes the answer.
func post[Out any](ctx context.Context, c *Client, path string, in any) (Out, error) {
	var answer Out
	body, err := json.Marshal(in)
	if err != nil {
		return answer, fmt.Errorf("requesting %s from l2tpvld: %w", path, err)
	}
	return call[Out](ctx, c, http.MethodPost, path, body)
}

func call[Out any](ctx context.Context, c *Client, method, path string, body []byte) (Out, error) {
	var answer Out
	client := &c.http
	if method != http.MethodGet {
		client = &c.change
	}
	response, err := c.do(ctx, client, method, path, body)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("unexpected answer of l2tpvld at %s to %s: %w", c.socket, path, err)
	}
	return answer, nil
}

// do sends a request and returns the answer if its status is 200.
func (c *Client) do(ctx context.Context, client *http.Client, method, path string, body []byte) (*http.Response, error) {
	// The host in the URL is a placeholder: the transport dials the socket.
	request, err := http.NewRequestWithContext(ctx, method, "http://l2tpvld"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("requesting %s from l2tpvld: %w", path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, &NotReachableError{Socket: c.socket, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, statusError(path, response)
	}
	return response, nil
}

// statusError reads an answer whose status is not 200. Its body may be something other than an
// Error, if another program answers.
func statusError(path string, response *http.Response) *StatusError {
	const maxBody = 1 << 16 // octets
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	var e Error
	if json.Unmarshal(body, &e) != nil || e.Error == "" {
		e.Error = fmt.Sprintf("l2tpvld answered %s with %s", path, response.Status)
	}
	return &StatusError{Code: response.StatusCode, Message: strings.TrimSpace(e.Error), Details: e.Details}
}
