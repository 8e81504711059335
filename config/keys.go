package config

import (
	"reflect"
	"strings"
)

// Key is one key of the file, as a reader of documentation wants to know it.
type Key struct {
	Path     string   // such as "vpns.*.links[].peer": * is a name, [] an element of a list
	Kind     string   // what its values are: "an IP address such as 192.0.2.1"; empty for a table or list of other keys
	List     bool     // the value is a list of that kind, or of tables with the keys that follow
	OneOf    []string // all the values there are; nil if they cannot be listed
	Required bool
	Default  string // as it would be written; empty if there is none
	Derived  string // in words, where a missing value follows from others
	Min, Max string // bounds, as they would be written; empty if there are none
	Doc      string // one sentence
	Live     Live   // what it takes for another value to count in a daemon that runs
}

// Keys are all keys of the file, in the order of a well-written one.
func Keys() []Key { return appendKeys(nil, "", "", reflect.TypeFor[Config]()) }

func appendKeys(keys []Key, path string, live Live, table reflect.Type) []Key {
	for field := range table.Fields() {
		tag := field.Tag
		key := tag.Get("key")
		if key == "" || key == "*" {
			continue
		}
		k := Key{
			Path:     strings.TrimPrefix(path+"."+key, "."),
			Kind:     kindOf(field.Type, tag),
			Required: tag.Get("required") != "",
			Default:  tag.Get("default"),
			Derived:  tag.Get("derived"),
			Min:      tag.Get("min"),
			Max:      tag.Get("max"),
			Doc:      tag.Get("doc"),
			Live:     liveBelow(live, tag),
		}
		if oneof := tag.Get("oneof"); oneof != "" {
			k.OneOf = strings.Split(oneof, "|")
		}
		below, t := k.Path, field.Type
		if k.Kind == "" && t.Kind() == reflect.Slice {
			t = t.Elem()
			if isNamed(t) {
				below += ".*"
			} else {
				k.List = true
				k.Kind = kindOf(t, tag)
				below += "[]"
			}
		}
		keys = append(keys, k)
		if k.Kind == "" {
			keys = appendKeys(keys, below, k.Live, t)
		}
	}
	return keys
}
