package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// report collects the problems of a file.
type report struct {
	file     string
	problems []error
	keys     []string // the paths of the keys with a problem, one for each problem
	set      []string // the paths of the keys that have a value in the file
}

// add records a problem of the key with that path or of its value. The text says what is wrong, and
// what would be right.
func (r *report) add(key, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s: %s", r.file, key, fmt.Sprintf(format, args...)))
	r.keys = append(r.keys, key)
}

// reported reports whether the key with that path has a problem.
func (r *report) reported(key string) bool { return slices.Contains(r.keys, key) }

// isSet reports whether the file has a value for the key with that path.
func (r *report) isSet(key string) bool { return slices.Contains(r.set, key) }

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join returns the path of a key: the path of a table, and the keys below it. A key that could be
// mistaken for a path is quoted.
func join(path string, keys ...string) string {
	for _, key := range keys {
		if !plainName.MatchString(key) {
			key = strconv.Quote(key)
		}
		if path != "" {
			path += "."
		}
		path += key
	}
	return path
}

// element returns the path of element i of the list with that path.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
