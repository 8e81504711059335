package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// report collects what is wrong with a file.
type report struct {
	file     string
	problems []error
	keys     []string // of each problem
	written  []string // the keys with a scalar or a list that the file has
}

// add notes that the key with that path, or its value, is wrong as the format says: what is wrong,
// and what would be right.
func (r *report) add(key, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s: %s", r.file, key, fmt.Sprintf(format, args...)))
	r.keys = append(r.keys, key)
}

// told reports whether something is wrong with the key of that path.
func (r *report) told(key string) bool { return slices.Contains(r.keys, key) }

// wrote reports whether the file has a value for the key of that path.
func (r *report) wrote(key string) bool { return slices.Contains(r.written, key) }

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join is the path of a key: the path of its table, and the keys below it that lead to it. A key
// that could be mistaken for a path is quoted.
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

// element is the path of element i of the list with that path.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
