package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Error is an error with its HTTP status.
type Error struct {
	Status  int
	Text    string
	Details []string // one for each mistake, if there are several
}

func (e *Error) Error() string { return e.Text }

func newError(status int, format string, args ...any) *Error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

// BadRequest returns the error for a request that makes no sense to any daemon.
func BadRequest(format string, args ...any) *Error {
	return newError(http.StatusBadRequest, format, args...)
}

// NotFound returns the error for an unknown name in a request.
func NotFound(format string, args ...any) *Error {
	return newError(http.StatusNotFound, format, args...)
}

// Conflict returns the error for a request that the present state of the daemon does not allow.
func Conflict(format string, args ...any) *Error {
	return newError(http.StatusConflict, format, args...)
}

// writeError answers with an error. One that is no *Error becomes 503.
func writeError(w http.ResponseWriter, err error) {
	e, known := errors.AsType[*Error](err)
	if !known {
		e = newError(http.StatusServiceUnavailable, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(api.Error{Error: e.Text, Details: e.Details})
}
