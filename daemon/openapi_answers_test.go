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

// requests are what the routes that take JSON are asked with.
var requests = map[string]any{
	"POST " + api.PathPlan:  anotherFile,
	"POST " + api.PathApply: anotherFile,
}

// endings are the parameters with which a stream ends by itself.
var endings = map[string]string{api.PathCapture + "/{peer}": "?count=0"}

// Each route of the document is asked, of a daemon that runs, and the answer is as the document
// says: with a request that is right, and with one that is wrong.
func TestAnswersAreAsInOpenAPI(t *testing.T) {
	p, socket := serve(t)
	p.events.Publish(api.Event{Kind: api.EventStarting, Message: "asked"}) // so that there are events
	p.runs(t, anotherFile)
	client := clientOf(socket)
	document := parseDocument(t)

	served := do(t, client, http.MethodGet, api.PathOpenAPI, nil)
	if !bytes.Equal(bytes.TrimSpace(compact(t, served.body)), compact(t, api.OpenAPI)) {
		t.Error("the document served is not the one in api/openapi.json")
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
						t.Fatal("nothing to ask it with: add to requests in openapi_answers_test.go")
					}
				}
				if strings.HasSuffix(path, "/"+api.Reset) { // which a link that is taken down refuses
					do(t, client, method, "/v1/links/red/pe2/up", nil)
				}
				got := do(t, client, method, fill.Replace(path)+endings[path], in)
				if got.status != http.StatusOK {
					t.Fatalf("status %d: %s", got.status, got.body)
				}
				document.check(t, path, method, "200", got)

				wrong := do(t, client, method, fill.Replace(path)+"?colour=blue", in)
				if wrong.status != http.StatusBadRequest {
					t.Errorf("a parameter that there is not: status %d: %s", wrong.status, wrong.body)
				}
				document.check(t, path, method, "default", wrong)
				if unfilled := unfill.Replace(path); unfilled != path {
					wrong = do(t, client, method, unfilled, in)
					if wrong.status != http.StatusNotFound {
						t.Errorf("names that there are not: status %d: %s", wrong.status, wrong.body)
					}
					document.check(t, path, method, "default", wrong)
				}
				if in != nil {
					wrong = do(t, client, method, fill.Replace(path), "no such thing")
					if wrong.status != http.StatusBadRequest {
						t.Errorf("a request of another kind: status %d: %s", wrong.status, wrong.body)
					}
					document.check(t, path, method, "default", wrong)
				}
			})
		}
	}
}

// So are the answers of a daemon whose links are up, which have most to tell.
func TestAnswersOfLinksThatAreUp(t *testing.T) {
	document := parseDocument(t)
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(20 * time.Second)
		a.isUp(t)
		h := rest.Handler(a.Daemon)
		for path, operations := range document.Paths {
			if _, tells := operations["get"]; !tells {
				continue
			}
			w := httptest.NewRecorder()
			target := strings.NewReplacer("{vpn}", "red", "{peer}", "pe2").Replace(path)
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target+endings[path], nil))
			document.check(t, path, http.MethodGet, "200", reply{w.Code, w.Header().Get("Content-Type"), w.Header(), w.Body.Bytes()})
		}
	})
}

// A schema that takes anything would hold nothing.
func TestSchemasRefuse(t *testing.T) {
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
			t.Errorf("%s is taken for links", body)
		}
	}
	const right = `[{"vpn":"red","vpn_id":"1","peer":"pe2","state":"up","since":"2026-07-29T14:02:11Z","vr":"x","protocols":[],"ipsec":"none"}]`
	if err := document.validate(t, api.PathLinks, http.MethodGet, "200", "application/json", []byte(right)); err != nil {
		t.Error(err)
	}
}

// document is what a reader of OpenAPI makes of it.
type document struct {
	Paths map[string]map[string]struct {
		RequestBody any
	}
	compiler *jsonschema.Compiler
}

// parseDocument reads api.OpenAPI. Its objects take members that they do not name, for the sake of
// later versions; here they do not.
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

// validate compares a body with the schema of an answer.
func (d *document) validate(t *testing.T, path, method, status, kind string, body []byte) error {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	schema, err := d.compiler.Compile("openapi.json#/paths/" + escape.Replace(path) + "/" + strings.ToLower(method) + "/responses/" +
		status + "/content/" + escape.Replace(kind) + "/schema")
	if err != nil {
		return err // the document has no such answer
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

// reply is what came of a request.
type reply struct {
	status int
	kind   string
	header http.Header
	body   []byte
}

// do asks; in is sent as JSON, unless it is nil.
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

// clientOf is HTTP over a Unix socket.
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
