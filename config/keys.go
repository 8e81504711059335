package config

import (
	"reflect"
	"strings"
)

// Key describes one key of the file, for documentation.
type Key struct {
	Path     string   // such as "vpns.*.links[].peer": * is a name, [] an element of a list
	Kind     string   // of the values: "an IP address such as 192.0.2.1"; empty for a table
	List     bool     // the value is a list of that kind, or of tables with the keys that follow
	OneOf    []string // all allowed values; nil if they cannot be listed
	Required bool
	Default  string // as written in the file; empty: none
	Derived  string // in words, where a missing value follows from others
	Min, Max string // bounds as written in the file; empty: none
	Doc      string // description, in whole sentences
	Impact   Impact // what a change affects in a running daemon
}

// Keys returns all keys of the file, in the recommended order.
func Keys() []Key { return appendKeys(nil, "", "", reflect.TypeFor[Config]()) }

func appendKeys(keys []Key, path string, impact Impact, table reflect.Type) []Key {
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
			Impact:   impactBelow(impact, tag),
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
			keys = appendKeys(keys, below, k.Impact, t)
		}
	}
	return keys
}
