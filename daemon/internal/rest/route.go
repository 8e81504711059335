package rest

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// route is one operation of the API.
type route struct {
	method, path, summary string // path may contain {names} for http.Request.PathValue

	query    []parameter
	request  reflect.Type // JSON type of the request's body; nil: it has none
	response reflect.Type // JSON type of the answer
	lines    bool         // the answer is a stream of them, one per line
	handler  http.HandlerFunc
}

// parameter is a query parameter of a route.
type parameter struct{ name, doc string }

// with returns the route with another optional parameter.
func (r route) with(name, doc string) route {
	r.query = append(r.query, parameter{name, doc})
	return r
}

// maxRequest is the length of the longest accepted body of a request, in octets.
const maxRequest = 4 << 20

// get returns a route that changes nothing.
func get[Out any](path, summary string, f func(*http.Request) (Out, error)) route {
	return route{
		method: http.MethodGet, path: path, summary: summary, response: reflect.TypeFor[Out](),
		handler: func(w http.ResponseWriter, r *http.Request) {
			out, err := f(r)
			answer(w, out, err)
		},
	}
}

// post returns a route that changes something. The body of its request is an In; it has none if In
// is struct{}.
func post[In, Out any](path, summary string, f func(*http.Request, In) (Out, error)) route {
	post := route{method: http.MethodPost, path: path, summary: summary, response: reflect.TypeFor[Out]()}
	if t := reflect.TypeFor[In](); t != reflect.TypeFor[struct{}]() {
		post.request = t
	}
	post.handler = func(w http.ResponseWriter, r *http.Request) {
		// A change may take longer than other requests.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * time.Minute))
		var in In
		if post.request != nil {
			decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&in); err != nil {
				writeError(w, malformed(err))
				return
			}
		}
		out, err := f(r, in)
		answer(w, out, err)
	}
	return post
}

// stream returns a route whose answer is a stream of JSON values. The iterator yields the values
// that are available, and ends with the request's context. A client that does not read them within
// the server's write timeout is disconnected.
func stream[Out any](path, summary string, f func(*http.Request) (iter.Seq[[]Out], error)) route {
	return route{
		method: http.MethodGet, path: path, summary: summary, response: reflect.TypeFor[Out](), lines: true,
		handler: func(w http.ResponseWriter, r *http.Request) {
			batches, err := f(r)
			if err != nil {
				writeError(w, err)
				return
			}
			w.Header().Set("Content-Type", LinesType)
			out, connection := json.NewEncoder(w), http.NewResponseController(w)
			timeout := time.Minute
			if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
				timeout = server.WriteTimeout
			}
			_ = connection.SetReadDeadline(time.Time{}) // that of requests would end the stream
			for batch := range batches {
				_ = connection.SetWriteDeadline(time.Now().Add(timeout))
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

// LinesType is the media type of a stream of JSON values, one per line.
const LinesType = "application/x-ndjson"

// malformed returns the error for a request whose body is not the expected JSON.
func malformed(err error) *Error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newError(http.StatusRequestEntityTooLarge, "request longer than %d octets", maxRequest)
	}
	if errors.Is(err, io.EOF) {
		return BadRequest("empty request; want JSON")
	}
	return BadRequest("invalid request: %v", err)
}

// answer writes the answer to a request.
func answer(w http.ResponseWriter, out any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // an error means that the client has disconnected
}

// Handler serves the API of a backend.
func Handler(b Backend) http.Handler { return handler(routes(b)) }

// handler serves the routes. The errors for other requests name what is right.
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
			writeError(w, newError(http.StatusMethodNotAllowed, "%s %s: want %s", r.Method, r.URL.Path, allowed[0]))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, NotFound("no %s in this API", r.URL.Path))
	})
	return mux
}

// checkQuery calls the handler if the route has all parameters of the request.
func (r route) checkQuery(w http.ResponseWriter, request *http.Request) {
	for name := range request.URL.Query() {
		if !slices.ContainsFunc(r.query, func(p parameter) bool { return p.name == name }) {
			var known []string
			for _, p := range r.query {
				known = append(known, p.name)
			}
			hint := "it has none"
			if known != nil {
				hint = "it has " + strings.Join(known, ", ")
			}
			writeError(w, BadRequest("%s has no parameter %q; %s", r.path, name, hint))
			return
		}
	}
	r.handler(w, request)
}
