package config

import (
	"reflect"
	"regexp"
	"slices"
)

// Differences are the paths of the keys in which two configurations differ, in the order of the file, but for the secrets of
// peers and the keys that say where these are. A peer, VPN or link that only one of them has is one difference.
func Differences(a, b *Config) []string {
	paths := differ(nil, "", reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		of := keyOfLink.FindStringSubmatch(path)
		return of != nil && slices.Contains(paths, of[1]+of[2]) // the link has it from its VPN
	})
}

// keyOfLink takes out of the path of a link's key which link it is.
var keyOfLink = regexp.MustCompile(`^(vpns\..+)\.links\[\d+\](\..+)$`)

// peerSecrets are the keys of a peer that say where its secrets are.
var peerSecrets = []string{"secret_file", "secret_env", "next_secret_file", "next_secret_env"}

// differ compares two tables.
func differ(paths []string, at string, a, b reflect.Value) []string {
	ofPeer := a.Type() == reflect.TypeFor[Peer]()
	for field, value := range a.Fields() {
		key, other := field.Tag.Get("key"), b.FieldByIndex(field.Index)
		if key == "*" || ofPeer && (key == "" || slices.Contains(peerSecrets, key)) {
			continue
		}
		last := join(at, key)
		if key == "" {
			last = at + " (a secret)"
		}
		switch t := value.Type(); {
		case kindOf(t, field.Tag) != "" || key == "":
			if !reflect.DeepEqual(value.Interface(), other.Interface()) && !slices.Contains(paths, last) {
				paths = append(paths, last)
			}
		case t.Kind() == reflect.Struct:
			paths = differ(paths, last, value, other)
		case isNamed(t.Elem()):
			paths = differNamed(paths, last, value, other)
		default:
			paths = differList(paths, last, value, other)
		}
	}
	return paths
}

// differNamed compares two tables of tables, which are in the order of their names.
func differNamed(paths []string, at string, a, b reflect.Value) []string {
	tables := func(list reflect.Value) map[string]reflect.Value {
		named := make(map[string]reflect.Value)
		for i := range list.Len() {
			named[list.Index(i).Field(0).String()] = list.Index(i)
		}
		return named
	}
	ours, theirs := tables(a), tables(b)
	var names []string
	for _, named := range []map[string]reflect.Value{ours, theirs} {
		for name := range named {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		x, y := ours[name], theirs[name]
		if x.IsValid() && y.IsValid() {
			paths = differ(paths, join(at, name), x, y)
		} else {
			paths = append(paths, join(at, name))
		}
	}
	return paths
}

// differList compares two lists: of tables each with its place, or of values as a whole.
func differList(paths []string, at string, a, b reflect.Value) []string {
	if a.Type().Elem().Kind() != reflect.Struct || kindOf(a.Type().Elem(), "") != "" {
		if a.Len() != b.Len() || a.Len() > 0 && !reflect.DeepEqual(a.Interface(), b.Interface()) {
			paths = append(paths, at)
		}
		return paths
	}
	for i := range max(a.Len(), b.Len()) {
		if i < a.Len() && i < b.Len() {
			paths = differ(paths, element(at, i), a.Index(i), b.Index(i))
		} else {
			paths = append(paths, element(at, i))
		}
	}
	return paths
}
