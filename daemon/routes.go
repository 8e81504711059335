package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/report"
)

// routes is the API: daemon/api/openapi.json, which describes it, is written from this table.
func (d *Daemon) routes() []route {
	return []route{
		get(api.PathStatus, "The daemon as a whole", d.status),
		get(api.PathLinks, "All virtual links", fromViews(d.views, report.Links)),
		get(api.PathPeers, "The control connections to all peers", fromViews(d.views, report.Peers)),
		get(api.PathIPsec, "How IPsec protects the links to each peer that require it", fromViews(d.views, report.Protections)),
		get(api.PathSessions, "The L2TP sessions of all links, and what runs in them", fromViews(d.countedViews, report.Sessions)),
		get(api.PathVPNs, "Which VPN-IDs both ends have, and which one of them alone", d.vpns),
		get(api.PathMTU, "The MTU of all links, and what takes how much of the path's", fromViews(d.views, report.MTUs)),
		get(api.PathExplain+"/{vpn}/{peer}", "Why a link is as it is, and what to do", d.explain),
		stream(api.PathEvents, "What has happened, and if wished what happens: link up, link down, and the like", d.followEvents).
			with("since", "Only events after the one of this sequence number, or from this time on (RFC 3339).").
			with("follow", "If true, go on with what happens."),
		stream(api.PathCapture+"/{peer}", "The control messages of a peer, from now on", d.capture).
			with("count", "End after this many messages."),
		post(api.PathPlan, "What a configuration would change; nothing is done", d.planFile),
		post(api.PathApply, "Have a configuration run: what the plan says, and nothing else", d.applyFile),
		post(api.PathReload, "Have the daemon's own configuration file run as it is now", d.reloadFile),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Up, "Let a link come up that was taken down", d.enable),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Down, "Take a link down, and keep it down", d.disable),
		post(api.PathLinks+"/{vpn}/{peer}/"+api.Reset, "End a link's session, and begin anew", d.resetLink),
		post(api.PathPeers+"/{peer}/"+api.Reset, "End the control connections to a peer, and begin anew", d.resetPeer),
		get(api.PathOpenAPI, "This description of the API", func(*http.Request) (json.RawMessage, error) { return api.OpenAPI, nil }),
	}
}

// route is one thing that the API can be asked for.
type route struct {
	method, path, summary string // parts of the path in braces are for the handler, by http.Request.PathValue

	query    []parameter
	request  reflect.Type // of the JSON that comes with it; nil: none
	response reflect.Type // of the JSON that is the answer
	lines    bool         // the answer is many of them, one a line
	handler  http.HandlerFunc
}

// parameter is one of a route's, after the question mark.
type parameter struct{ name, doc string }

// with is the route with a parameter more, which is optional.
func (r route) with(name, doc string) route {
	r.query = append(r.query, parameter{name, doc})
	return r
}

// maxRequest bounds what comes with a request, in octets.
const maxRequest = 4 << 20

// get is a route that tells, and changes nothing.
func get[Out any](path, summary string, f func(*http.Request) (Out, error)) route {
	return route{
		method: http.MethodGet, path: path, summary: summary, response: reflect.TypeFor[Out](),
		handler: func(w http.ResponseWriter, r *http.Request) {
			out, err := f(r)
			answer(w, out, err)
		},
	}
}

// post is a route that changes something. What comes with it is an In; nothing does if that is
// struct{}.
func post[In, Out any](path, summary string, f func(*http.Request, In) (Out, error)) route {
	made := route{method: http.MethodPost, path: path, summary: summary, response: reflect.TypeFor[Out]()}
	if t := reflect.TypeFor[In](); t != reflect.TypeFor[struct{}]() {
		made.request = t
	}
	made.handler = func(w http.ResponseWriter, r *http.Request) {
		// What is to be done may take longer than to tell something.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * time.Minute))
		var in In
		if made.request != nil {
			decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&in); err != nil {
				refuse(w, malformed(err))
				return
			}
		}
		out, err := f(r, in)
		answer(w, out, err)
	}
	return made
}

// stream is a route that tells one thing after another. The iterator gives what is ready, and ends
// with the request's context. A client that takes longer to read what is ready than it may for any
// other answer is dropped.
func stream[Out any](path, summary string, f func(*http.Request) (iter.Seq[[]Out], error)) route {
	return route{
		method: http.MethodGet, path: path, summary: summary, response: reflect.TypeFor[Out](), lines: true,
		handler: func(w http.ResponseWriter, r *http.Request) {
			batches, err := f(r)
			if err != nil {
				refuse(w, err)
				return
			}
			w.Header().Set("Content-Type", linesType)
			out, connection := json.NewEncoder(w), http.NewResponseController(w)
			patience := time.Minute
			if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
				patience = server.WriteTimeout
			}
			_ = connection.SetReadDeadline(time.Time{}) // that of requests would end it
			for batch := range batches {
				_ = connection.SetWriteDeadline(time.Now().Add(patience))
				for i := range batch {
					if out.Encode(&batch[i]) != nil {
						return
					}
				}
				if connection.Flush() != nil {
					return
				}
			}
		},
	}
}

// linesType is the media type of JSON that comes one value a line.
const linesType = "application/x-ndjson"

// malformed is what to say of a request that is not the JSON it should be.
func malformed(err error) *refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refused(http.StatusRequestEntityTooLarge, "the request is longer than %d octets", maxRequest)
	}
	if errors.Is(err, io.EOF) {
		return refused(http.StatusBadRequest, "the request is empty; want JSON")
	}
	return refused(http.StatusBadRequest, "the request: %v", err)
}

// answer tells what came of a request.
func answer(w http.ResponseWriter, out any, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // an error here is a client that has gone
}

// refusal is an error whose HTTP status is known.
type refusal struct {
	status int
	text   string
	// details are what is wrong one by one, if it is several things.
	details []string
}

func (e *refusal) Error() string { return e.text }

func refused(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// notFound is about what a client has named, and is not there.
func notFound(format string, args ...any) *refusal {
	return refused(http.StatusNotFound, format, args...)
}

// refuse answers with an error; one that is no refusal is the daemon's own trouble.
func refuse(w http.ResponseWriter, err error) {
	r, known := errors.AsType[*refusal](err)
	if !known {
		r = refused(http.StatusServiceUnavailable, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(api.Error{Error: r.text, Details: r.details})
}

// handler serves the routes, and says what would be right where a request is for none of them.
func handler(routes []route) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, r.checkQuery)
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, allowed := range methods {
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			refuse(w, refused(http.StatusMethodNotAllowed, "%s %s: want %s", r.Method, r.URL.Path, allowed[0]))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, notFound("no %s in this API", r.URL.Path))
	})
	return mux
}

// checkQuery is the handler behind a check that it knows all parameters.
func (r route) checkQuery(w http.ResponseWriter, request *http.Request) {
	for name := range request.URL.Query() {
		if !slices.ContainsFunc(r.query, func(p parameter) bool { return p.name == name }) {
			var known []string
			for _, p := range r.query {
				known = append(known, p.name)
			}
			hint := "it takes none"
			if known != nil {
				hint = "it takes " + strings.Join(known, ", ")
			}
			refuse(w, refused(http.StatusBadRequest, "%s has no parameter %q; %s", r.path, name, hint))
			return
		}
	}
	r.handler(w, request)
}
