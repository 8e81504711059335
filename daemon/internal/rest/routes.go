// Package rest serves the API over HTTP: on a Unix socket for l2tpvl-ctl and other programs of the
// host, and the metrics on a TCP port for Prometheus.
//
// Handler returns an http.Handler for a Backend, which is the daemon. This package owns the table
// of routes, the parsing and checking of requests, the HTTP status of errors (Error), and streams
// of JSON lines; daemon/api/openapi.json is written from the table by a test. Server is a listening
// socket with its HTTP server. Before a Server opens the Unix socket of the API it waits for an
// earlier daemon that was killed (takeover.go). The package knows no loops and no configuration.
package rest

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Backend is what the API shows and changes. An error that is an *Error has its HTTP status; any
// other error means that the daemon cannot answer now (503). All methods are safe for concurrent
// use.
type Backend interface {
	Status(context.Context) (api.Status, error)
	Links(context.Context) ([]api.Link, error)
	Peers(context.Context) ([]api.Peer, error)
	Protections(context.Context) ([]api.Protection, error)
	Sessions(context.Context) ([]api.Session, error)
	VPNs(context.Context) ([]api.VPN, error)
	MTUs(context.Context) ([]api.MTU, error)
	Explain(ctx context.Context, vpn, peer string) (api.Explanation, error)

	// Events returns the kept events after sequence number seq and from that time on, in batches.
	// With follow it goes on with new events until ctx is done.
	Events(ctx context.Context, seq uint64, from time.Time, follow bool) iter.Seq[[]api.Event]
	// Capture returns the next count control messages of a peer.
	Capture(ctx context.Context, peer string, count int) (iter.Seq[[]api.Captured], error)

	Plan(api.Configuration) (api.Plan, error)
	Apply(api.Configuration) (api.Plan, error)
	Reload() (api.Plan, error)
	SetDisabled(ctx context.Context, vpn, peer string, disabled bool) (api.Done, error)
	ResetLink(ctx context.Context, vpn, peer string) (api.Done, error)
	ResetPeer(ctx context.Context, peer string) (api.Done, error)
}

// routes returns the API: daemon/api/openapi.json, which describes it, is written from this table.
func routes(b Backend) []route {
	return []route{
		get(api.PathStatus, "Show the status of the daemon", func(r *http.Request) (api.Status, error) { return b.Status(r.Context()) }),
		get(api.PathLinks, "List the virtual links", func(r *http.Request) ([]api.Link, error) { return b.Links(r.Context()) }),
		get(api.PathPeers, "List the control connections and static tunnels to the peers", func(r *http.Request) ([]api.Peer, error) { return b.Peers(r.Context()) }),
		get(api.PathIPsec, "Show the IPsec protection of each peer that has protected links",
			func(r *http.Request) ([]api.Protection, error) { return b.Protections(r.Context()) }),
		get(api.PathSessions, "List the L2TP sessions with their PPP states and traffic",
			func(r *http.Request) ([]api.Session, error) { return b.Sessions(r.Context()) }),
		get(api.PathVPNs, "Compare the VPN-IDs configured at both ends",
			func(r *http.Request) ([]api.VPN, error) { return b.VPNs(r.Context()) }),
		get(api.PathMTU, "Show how the MTU of each link is calculated",
			func(r *http.Request) ([]api.MTU, error) { return b.MTUs(r.Context()) }),
		get(api.PathExplain+"/{vpn}/{peer}", "Explain the state of a link, and what to do",
			func(r *http.Request) (api.Explanation, error) {
				return b.Explain(r.Context(), r.PathValue("vpn"), r.PathValue("peer"))
			}),
		stream(api.PathEvents, "Show recent events and, if requested, follow new ones",
			func(r *http.Request) (iter.Seq[[]api.Event], error) { return events(b, r) }).
			with("since", "Only events after the one with this sequence number, or from this time on (RFC 3339).").
			with("follow", "If true, continue with new events."),
		stream(api.PathCapture+"/{peer}", "Capture the control messages exchanged with a peer, from now on",
			func(r *http.Request) (iter.Seq[[]api.Captured], error) { return capture(b, r) }).
			with("count", "Number of messages after which the capture ends."),
		post(api.PathPlan, "Show what a configuration would change, without changing it",
			func(_ *http.Request, in api.Configuration) (api.Plan, error) { return b.Plan(in) }),
		post(api.PathApply, "Apply a configuration: make exactly the changes of its plan",
			func(_ *http.Request, in api.Configuration) (api.Plan, error) { return b.Apply(in) }),
		post(api.PathReload, "Reload the daemon's own configuration file",
			func(*http.Request, struct{}) (api.Plan, error) { return b.Reload() }),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Up, "Bring up a link that was taken down",
			func(r *http.Request, _ struct{}) (api.Done, error) {
				return b.SetDisabled(r.Context(), r.PathValue("vpn"), r.PathValue("peer"), false)
			}),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Down, "Take a link down and keep it down",
			func(r *http.Request, _ struct{}) (api.Done, error) {
				return b.SetDisabled(r.Context(), r.PathValue("vpn"), r.PathValue("peer"), true)
			}),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Reset, "Reset a link: end its session and start a new attempt",
			func(r *http.Request, _ struct{}) (api.Done, error) {
				return b.ResetLink(r.Context(), r.PathValue("vpn"), r.PathValue("peer"))
			}),
		post(api.PathPeers+"/{peer}/"+api.Reset, "Reset the control connections to a peer, with all their links and the IKE SA of the protected ones",
			func(r *http.Request, _ struct{}) (api.Done, error) {
				return b.ResetPeer(r.Context(), r.PathValue("peer"))
			}),
		get(api.PathOpenAPI, "Show this description of the API", func(*http.Request) (json.RawMessage, error) { return api.OpenAPI, nil }),
	}
}

// events reads the parameters since and follow.
func events(b Backend, r *http.Request) (iter.Seq[[]api.Event], error) {
	query := r.URL.Query()
	seq, from, err := parseSince(query.Get("since"))
	if err != nil {
		return nil, err
	}
	follow := false
	if text := query.Get("follow"); text != "" {
		if follow, err = strconv.ParseBool(text); err != nil {
			return nil, BadRequest("follow is %q; want true or false", text)
		}
	}
	return b.Events(r.Context(), seq, from, follow), nil
}

// parseSince reads where events begin: after a sequence number, or at a time.
func parseSince(text string) (seq uint64, from time.Time, err error) {
	if text == "" {
		return 0, from, nil
	}
	if seq, err = strconv.ParseUint(text, 10, 64); err == nil {
		return seq, from, nil
	}
	if from, err = time.Parse(time.RFC3339, text); err != nil {
		return 0, from, BadRequest("since is %q; want the number of an event, or a time such as 2026-07-29T14:02:11Z", text)
	}
	return 0, from, nil
}

// maxCaptured is the largest number of messages that one client may capture: the dissector
// remembers the sessions that it has seen.
const maxCaptured = 100_000

// capture reads the parameter count.
func capture(b Backend, r *http.Request) (iter.Seq[[]api.Captured], error) {
	count := maxCaptured
	if text := r.URL.Query().Get("count"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil || count < 0 || count > maxCaptured {
			return nil, BadRequest("count is %q; want a number of messages, %d at most", text, maxCaptured)
		}
	}
	return b.Capture(r.Context(), r.PathValue("peer"), count)
}
