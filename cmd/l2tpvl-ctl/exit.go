package main

import (
	"errors"
	"fmt"
	"strings"
)

// The exit statuses. The help of the root command describes them.
const (
	exitOK       = 0
	exitNegative = 1
	exitUsage    = 2
	exitFailure  = 3
)

// negativeError is a negative result, such as a link that is not up. The reason is empty if the
// output shows it already.
type negativeError struct{ reason string }

func (e *negativeError) Error() string { return e.reason }

// valueError is an invalid value on the command line.
type valueError struct{ reason string }

func (e *valueError) Error() string { return e.reason }

// report prints err, on one line or on several if it has details, and returns the exit status.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	code, text := exitFailure, err.Error()
	if _, ok := errors.AsType[*negativeError](err); ok {
		code = exitNegative
	} else if _, ok := errors.AsType[*unknownError](err); ok {
		code = exitUsage
	} else if _, ok := errors.AsType[*valueError](err); ok {
		code = exitUsage
	} else if !a.parsed {
		code, text = exitUsage, text+"; see l2tpvl-ctl --help"
	}
	for i, line := range strings.Split(text, "\n") {
		switch line = a.style().text(line); {
		case line == "":
		case i == 0:
			fmt.Fprintln(a.stderr, "l2tpvl-ctl:", line)
		default:
			fmt.Fprintln(a.stderr, line)
		}
	}
	return code
}
