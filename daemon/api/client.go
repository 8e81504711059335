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

// requestTimeout bounds one request: the daemon answers from memory, so a longer silence means that
// it hangs.
const requestTimeout = 5 * time.Second

// changeTimeout bounds a request to change something: the kernel takes its time to remove things,
// and a peer that is left to acknowledge it.
const changeTimeout = time.Minute

// Client asks the daemon. It is safe for concurrent use and holds nothing that needs closing.
//
// Its methods fail with a *NotReachableError if nobody answers at the socket, and with a
// *StatusError if the daemon answers with an error.
type Client struct {
	socket string
	http   http.Client // for one answer
	change http.Client // for one that something has to be done for
	stream http.Client // for one that goes on
}

// NewClient returns a client of the daemon that listens at socket, a path. It does not connect yet.
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

// NotReachableError says that nobody answered at the daemon's socket.
type NotReachableError struct {
	Socket string // its path
	Err    error
}

func (e *NotReachableError) Error() string {
	hint := "is l2tpvld running, and with this socket?"
	if errors.Is(e.Err, fs.ErrPermission) {
		hint = "only root may open it, and the group in l2tpvld's api.group: try sudo"
	}
	return fmt.Sprintf("cannot reach l2tpvld at %s: %v; %s", e.Socket, cause(e.Err), hint)
}

func (e *NotReachableError) Unwrap() error { return e.Err }

// cause leaves out of err what NotReachableError has said already: the made-up URL and the socket.
func cause(err error) error {
	if asked, ok := errors.AsType[*url.Error](err); ok {
		if asked.Timeout() {
			return errors.New("no answer in time")
		}
		err = asked.Err
	}
	if dialled, ok := errors.AsType[*net.OpError](err); ok {
		err = dialled.Err
	}
	return err
}

// StatusError is the daemon's answer where it is not 200 OK.
type StatusError struct {
	Code    int    // the HTTP status code: 404 for a VPN, peer or path that the daemon does not know
	Message string // what the daemon says, one line
	Details []string
}

// Error is one line for what is wrong, and one more for each detail.
func (e *StatusError) Error() string {
	return strings.Join(append([]string{e.Message}, e.Details...), "\n  ")
}

// Links returns all virtual links.
func (c *Client) Links(ctx context.Context) ([]Link, error) { return get[[]Link](ctx, c, PathLinks) }

// Peers returns the control connections to all peers.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) { return get[[]Peer](ctx, c, PathPeers) }

// IPsec returns how IPsec protects the links to each peer that require it.
func (c *Client) IPsec(ctx context.Context) ([]Protection, error) {
	return get[[]Protection](ctx, c, PathIPsec)
}

// Sessions returns the sessions of all links.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	return get[[]Session](ctx, c, PathSessions)
}

// VPNs returns which VPN-IDs both ends have, and which one of them alone.
func (c *Client) VPNs(ctx context.Context) ([]VPN, error) { return get[[]VPN](ctx, c, PathVPNs) }

// MTUs returns the MTU of all links, and what takes how much of the path's.
func (c *Client) MTUs(ctx context.Context) ([]MTU, error) { return get[[]MTU](ctx, c, PathMTU) }

// Explain returns why the link of a VPN towards a peer is as it is.
func (c *Client) Explain(ctx context.Context, vpn, peer string) (Explanation, error) {
	return get[Explanation](ctx, c, PathExplain+"/"+url.PathEscape(vpn)+"/"+url.PathEscape(peer))
}

// Plan returns what a configuration would change. Nothing is done.
func (c *Client) Plan(ctx context.Context, cfg Configuration) (Plan, error) {
	return post[Plan](ctx, c, PathPlan, cfg)
}

// Apply has a configuration run, and returns what that has changed.
func (c *Client) Apply(ctx context.Context, cfg Configuration) (Plan, error) {
	return post[Plan](ctx, c, PathApply, cfg)
}

// Reload has the daemon read its own configuration again, and returns what that has changed.
func (c *Client) Reload(ctx context.Context) (Plan, error) {
	return post[Plan](ctx, c, PathReload, nil)
}

// What an operator may have done to a link.
const (
	Up    = "up"    // it may come up again
	Down  = "down"  // it goes down and stays so
	Reset = "reset" // it begins anew
)

// DoToLink does one of these to the link of a VPN to a peer.
func (c *Client) DoToLink(ctx context.Context, what, vpn, peer string) (Done, error) {
	return post[Done](ctx, c, PathLinks+"/"+url.PathEscape(vpn)+"/"+url.PathEscape(peer)+"/"+what, nil)
}

// ResetPeer ends the control connections to a peer, and has them begin anew.
func (c *Client) ResetPeer(ctx context.Context, peer string) (Done, error) {
	return post[Done](ctx, c, PathPeers+"/"+url.PathEscape(peer)+"/"+Reset, nil)
}

// Status returns the daemon as a whole.
func (c *Client) Status(ctx context.Context) (Status, error) { return get[Status](ctx, c, PathStatus) }

// EventsWanted says which events there are to be; the zero value: all that the daemon has kept.
type EventsWanted struct {
	After  uint64    // only those after the one of this sequence number
	Since  time.Time // only those from this time on, unless After is given
	Follow bool      // go on with what happens
}

// Events yields what has happened, and with Follow what happens until ctx is done. An error is the
// last that it yields; with Follow the stream never ends without one.
func (c *Client) Events(ctx context.Context, wanted EventsWanted) iter.Seq2[Event, error] {
	query := url.Values{}
	switch {
	case wanted.After > 0:
		query.Set("since", strconv.FormatUint(wanted.After, 10))
	case !wanted.Since.IsZero():
		query.Set("since", wanted.Since.Format(time.RFC3339Nano))
	}
	if wanted.Follow {
		query.Set("follow", "true")
	}
	return lines[Event](ctx, c, PathEvents+"?"+query.Encode(), !wanted.Follow)
}

// Capture yields the control messages of a peer from now on, until ctx is done or there were count
// of them; 0: until the daemon has had enough. An error is the last that it yields.
func (c *Client) Capture(ctx context.Context, peer string, count int) iter.Seq2[Captured, error] {
	path := PathCapture + "/" + url.PathEscape(peer)
	if count > 0 {
		path += "?count=" + strconv.Itoa(count)
	}
	return lines[Captured](ctx, c, path, true)
}

// lines yields what comes in answer to path, one value a line. Where the answer does not end by
// itself its end is an error.
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
				yield(none, &NotReachableError{Socket: c.socket, Err: errors.New("it has ended in the midst of its answer")})
			}
			return
		}
	}
}

// get asks for path, whose parts are escaped, and decodes the answer.
func get[Out any](ctx context.Context, c *Client, path string) (Out, error) {
	return call[Out](ctx, c, http.MethodGet, path, nil)
}

// post is get for what changes something; in goes with it as JSON, unless it is nil.
func post[Out any](ctx context.Context, c *Client, path string, in any) (Out, error) {
	var answer Out
	body, err := json.Marshal(in)
	if err != nil {
		return answer, fmt.Errorf("asking l2tpvld for %s: %w", path, err)
	}
	return call[Out](ctx, c, http.MethodPost, path, body)
}

func call[Out any](ctx context.Context, c *Client, method, path string, body []byte) (Out, error) {
	var answer Out
	by := &c.http
	if method != http.MethodGet {
		by = &c.change
	}
	response, err := c.do(ctx, by, method, path, body)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("l2tpvld at %s answers %s with something else than its API: %w", c.socket, path, err)
	}
	return answer, nil
}

// do asks, and returns an answer that is 200.
func (c *Client) do(ctx context.Context, by *http.Client, method, path string, body []byte) (*http.Response, error) {
	// The host only fills its place in the URL: dialling goes to the socket.
	request, err := http.NewRequestWithContext(ctx, method, "http://l2tpvld"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking l2tpvld for %s: %w", path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := by.Do(request)
	if err != nil {
		return nil, &NotReachableError{Socket: c.socket, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, statusError(path, response)
	}
	return response, nil
}

// statusError reads what the daemon says in an answer that is not 200; its body may be of another
// make than Error.
func statusError(path string, response *http.Response) *StatusError {
	const enough = 1 << 16 // octets
	body, _ := io.ReadAll(io.LimitReader(response.Body, enough))
	var said Error
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("l2tpvld answers %s with %s", path, response.Status)
	}
	return &StatusError{Code: response.StatusCode, Message: strings.TrimSpace(said.Error), Details: said.Details}
}
