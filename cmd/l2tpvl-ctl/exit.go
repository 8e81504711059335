package main

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes; the help of the root command tells them to the operator.
const (
	exitFine    = 0
	exitNo      = 1
	exitUsage   = 2
	exitTrouble = 3
)

// noError is an answer that was had, and is no. The reason is empty where what was printed says it
// already.
type noError struct{ reason string }

func (e *noError) Error() string { return e.reason }

// valueError is a value on the command line that cannot be.
type valueError struct{ reason string }

func (e *valueError) Error() string { return e.reason }

// report tells of err in one line, or more if there are details to tell, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitFine
	}
	code, text := exitTrouble, err.Error()
	if _, ok := errors.AsType[*noError](err); ok {
		code = exitNo
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
