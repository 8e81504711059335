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
				writeError(w, malformed(err))
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
				writeError(w, err)
				return
			}
			w.Header().Set("Content-Type", LinesType)
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

// LinesType is the media type of JSON that comes one value a line.
const LinesType = "application/x-ndjson"

// malformed is what to say of a request that is not the JSON it should be.
func malformed(err error) *Error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newError(http.StatusRequestEntityTooLarge, "the request is longer than %d octets", maxRequest)
	}
	if errors.Is(err, io.EOF) {
		return BadRequest("the request is empty; want JSON")
	}
	return BadRequest("the request: %v", err)
}

// answer tells what came of a request.
func answer(w http.ResponseWriter, out any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // an error here is a client that has gone
}

// Handler serves the API of a backend.
func Handler(b Backend) http.Handler { return handler(routes(b)) }

// handler serves the routes. Its errors name what would be right.
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
			writeError(w, BadRequest("%s has no parameter %q; %s", r.path, name, hint))
			return
		}
	}
	r.handler(w, request)
}
