package rest

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// A post route accepts valid requests, and its errors say what is wrong with others.
func TestPost(t *testing.T) {
	type order struct {
		Colour string `json:"colour"`
	}
	h := handler([]route{
		post("/v1/paint", "Paints", func(r *http.Request, in order) (string, error) {
			switch {
			case in.Colour == "plaid":
				return "", &Error{Status: http.StatusUnprocessableEntity, Text: "two mistakes", Details: []string{"plaid", "is none"}}
			case in.Colour == "black":
				return "", errors.New("out of black\nand white")
			}
			return in.Colour + r.URL.Query().Get("where"), nil
		}).with("where", "Where to paint."),
		post("/v1/wash", "Washes", func(*http.Request, struct{}) (string, error) { return "clean", nil }),
	})
	for _, tt := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"POST", "/v1/paint", `{"colour":"blue"}`, 200, `"blue"`},
		{"POST", "/v1/paint?where=here", `{"colour":"blue"}`, 200, `"bluehere"`},
		{"POST", "/v1/wash", "", 200, `"clean"`},
		{"POST", "/v1/wash", "ignored", 200, `"clean"`},
		{"POST", "/v1/paint", `{"colour":"plaid"}`, 422, `{"error":"two mistakes","details":["plaid","is none"]}`},
		{"POST", "/v1/paint", `{"colour":"black"}`, 503, `{"error":"out of black; and white"}`},
		{"POST", "/v1/paint", ``, 400, `{"error":"empty request; want JSON"}`},
		{"POST", "/v1/paint", `{"color":"blue"}`, 400, `{"error":"invalid request: json: unknown field \"color\""}`},
		{"POST", "/v1/paint?when=now", `{}`, 400, `{"error":"/v1/paint has no parameter \"when\"; it has where"}`},
		{"POST", "/v1/paint", `{"colour":"` + strings.Repeat("x", maxRequest) + `"}`, 413, `{"error":"request longer than 4194304 octets"}`},
		{"GET", "/v1/paint", "", 405, `{"error":"GET /v1/paint: want POST"}`},
	} {
		got := httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), tt.method, tt.target, strings.NewReader(tt.body)))
		if text := strings.TrimSpace(got.Body.String()); got.Code != tt.status || text != tt.want {
			t.Errorf("%s %s %.40s: %d %s, want %d %s", tt.method, tt.target, tt.body, got.Code, text, tt.status, tt.want)
		}
	}
}

// captureBackend is a Backend that captures nothing.
type captureBackend struct {
	Backend
	count int // as requested
}

func (b *captureBackend) Capture(_ context.Context, _ string, count int) (iter.Seq[[]api.Captured], error) {
	b.count = count
	return func(func([]api.Captured) bool) {}, nil
}

func TestCaptureCount(t *testing.T) {
	for query, want := range map[string]string{
		"?count=0":      "0",
		"?count=100000": "100000",
		"":              "100000",
		"?count=many":   `count is "many"; want a number of messages, 100000 at most`,
		"?count=-1":     `count is "-1"; want a number of messages, 100000 at most`,
		"?count=100001": `count is "100001"; want a number of messages, 100000 at most`,
	} {
		b, w := new(captureBackend), httptest.NewRecorder()
		Handler(b).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/capture/pe2"+query, nil))
		got := strconv.Itoa(b.count)
		if w.Code == http.StatusBadRequest {
			var e api.Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			got = e.Error
		}
		if got != want {
			t.Errorf("%q: %d, %s; want %s", query, w.Code, got, want)
		}
	}
}
