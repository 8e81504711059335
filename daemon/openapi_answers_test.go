package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
)

// requests are the bodies for the routes that need one.
var requests = map[string]any{
	"POST " + api.PathPlan:  anotherFile,
	"POST " + api.PathApply: anotherFile,
}

// endings are parameters that make a stream end.
var endings = map[string]string{api.PathCapture + "/{peer}": "?count=0"}

// The answers of a running daemon to a valid and to an invalid request of each operation match the
// OpenAPI document.
func TestAnswersMatchOpenAPI(t *testing.T) {
	p, socket := serve(t)
	p.events.Publish(api.Event{Kind: api.EventStarting, Message: "starting"}) // for /v1/events
	p.runs(t, anotherFile)
	client := clientOf(socket)
	document := parseDocument(t)

	served := do(t, client, http.MethodGet, api.PathOpenAPI, nil)
	if !bytes.Equal(bytes.TrimSpace(compact(t, served.body)), compact(t, api.OpenAPI)) {
		t.Error("the served document differs from api/openapi.json")
	}
	fill := strings.NewReplacer("{vpn}", "red", "{peer}", "pe2")
	unfill := strings.NewReplacer("{vpn}", "gren", "{peer}", "pe9")
	for path, operations := range document.Paths {
		for method, op := range operations {
			method = strings.ToUpper(method)
			t.Run(method+" "+path, func(t *testing.T) {
				var in any
				if op.RequestBody != nil {
					if in = requests[method+" "+path]; in == nil {
						t.Fatal("no body for this operation in requests, in openapi_answers_test.go")
					}
				}
				if strings.HasSuffix(path, "/"+api.Reset) { // a disabled link cannot be reset
					do(t, client, method, "/v1/links/red/pe2/up", nil)
				}
				got := do(t, client, method, fill.Replace(path)+endings[path], in)
				if got.status != http.StatusOK {
					t.Fatalf("status %d: %s", got.status, got.body)
				}
				document.check(t, path, method, "200", got)

				wrong := do(t, client, method, fill.Replace(path)+"?colour=blue", in)
				if wrong.status != http.StatusBadRequest {
					t.Errorf("unknown parameter: status %d: %s", wrong.status, wrong.body)
				}
				document.check(t, path, method, "default", wrong)
				if unfilled := unfill.Replace(path); unfilled != path {
					wrong = do(t, client, method, unfilled, in)
					if wrong.status != http.StatusNotFound {
						t.Errorf("unknown names: status %d: %s", wrong.status, wrong.body)
					}
					document.check(t, path, method, "default", wrong)
				}
				if in != nil {
					wrong = do(t, client, method, fill.Replace(path), "no such thing")
					if wrong.status != http.StatusBadRequest {
						t.Errorf("body of another type: status %d: %s", wrong.status, wrong.body)
					}
					document.check(t, path, method, "default", wrong)
				}
			})
		}
	}
}

// The answers about links that are up, which have the most members, match the document, too.
func TestAnswersOfLinksUp(t *testing.T) {
	document := parseDocument(t)
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(20 * time.Second)
		a.isUp(t)
		h := rest.Handler(a.Daemon)
		for path, operations := range document.Paths {
			if _, isGet := operations["get"]; !isGet {
				continue
			}
			w := httptest.NewRecorder()
			target := strings.NewReplacer("{vpn}", "red", "{peer}", "pe2").Replace(path)
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target+endings[path], nil))
			document.check(t, path, http.MethodGet, "200", reply{w.Code, w.Header().Get("Content-Type"), w.Header(), w.Body.Bytes()})
		}
	})
}

// The schemas reject invalid answers; otherwise the other tests would check nothing.
func TestSchemasReject(t *testing.T) {
	document := parseDocument(t)
	for _, body := range []string{
		`{}`,
		`[{"vpn":"red"}]`,
		`[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"sideways","since":"2026-07-29T14:02:11Z","vr":"x","protocols":[],"ipsec":"none"}]`,
		`[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"up","since":"yesterday","vr":"x","protocols":[],"ipsec":"none"}]`,
		`[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"up","since":"2026-07-29T14:02:11Z","vr":"x","protocols":null,"ipsec":"none"}]`,
		`[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"up","since":"2026-07-29T14:02:11Z","vr":"x","protocols":[],"ipsec":"none","colour":1}]`,
	} {
		if document.validate(t, api.PathLinks, http.MethodGet, "200", "application/json", []byte(body)) == nil {
			t.Errorf("the schema of links accepts %s", body)
		}
	}
	const right = `[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"up","since":"2026-07-29T14:02:11Z","vr":"x","protocols":[],"ipsec":"none"}]`
	if err := document.validate(t, api.PathLinks, http.MethodGet, "200", "application/json", []byte(right)); err != nil {
		t.Error(err)
	}
}

// document is the parsed OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		RequestBody any
	}
	compiler *jsonschema.Compiler
}

// parseDocument parses api.OpenAPI. Its objects accept unknown members, so that later versions may
// add some; here they reject them.
func parseDocument(t *testing.T) *document {
	t.Helper()
	var d document
	if err := json.Unmarshal(api.OpenAPI, &d); err != nil {
		t.Fatal(err)
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	components, _ := whole.(map[string]any)["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for _, s := range schemas {
		if s := s.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false
		}
	}
	d.compiler = jsonschema.NewCompiler()
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	return &d
}

// validate checks a body against the schema of an answer.
func (d *document) validate(t *testing.T, path, method, status, kind string, body []byte) error {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	schema, err := d.compiler.Compile("openapi.json#/paths/" + escape.Replace(path) + "/" + strings.ToLower(method) + "/responses/" +
		status + "/content/" + escape.Replace(kind) + "/schema")
	if err != nil {
		return err // the document has no schema for this answer
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *document) check(t *testing.T, path, method, status string, got reply) {
	t.Helper()
	values := [][]byte{got.body}
	if got.kind == rest.LinesType {
		values = slices.Collect(bytes.Lines(got.body))
	}
	for _, value := range values {
		if err := d.validate(t, path, method, status, got.kind, value); err != nil {
			t.Errorf("%v\nin %s", err, value)
		}
	}
}

// reply is the answer to a request.
type reply struct {
	status int
	kind   string
	header http.Header
	body   []byte
}

// do sends a request, with in as JSON unless it is nil.
func do(t *testing.T, client *http.Client, method, path string, in any) reply {
	t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://l2tpvld"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header.Get("Content-Type"), response.Header, text}
}

// clientOf returns an HTTP client for a Unix socket.
func clientOf(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
