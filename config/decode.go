package config

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// kinds says of each type of value what it is called, to the operator.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[string]():         "text",
	reflect.TypeFor[bool]():           "true or false",
	reflect.TypeFor[int]():            "a number",
	reflect.TypeFor[uint16]():         "a number up to 65535",
	reflect.TypeFor[uint32]():         "a number up to 4294967295",
	reflect.TypeFor[time.Duration]():  "a duration such as 10s or 1m30s",
	reflect.TypeFor[netip.Addr]():     "an IP address such as 192.0.2.1",
	reflect.TypeFor[netip.AddrPort](): "an IP address with a port",
	reflect.TypeFor[netip.Prefix]():   "a prefix such as 10.1.2.0/24",
	reflect.TypeFor[endid.VPNID]():    "a VPN-ID such as 00005e:00000001",
	reflect.TypeFor[LinkAddress]():    "learn or an IPv4 address such as 10.255.0.0/31",
	reflect.TypeFor[LinkAddress6]():   "an IPv6 address such as 2001:db8::1/64",
	reflect.TypeFor[Cookie]():         "4 or 8 octets in hexadecimal, in quotes",

	reflect.TypeFor[InterfaceAddress](): "an address with the length of its prefix such as 10.1.1.1/24",
}

// kindOf is what a value of a field is called, or "" if it is none but a table or a list.
func kindOf(t reflect.Type, tag reflect.StructTag) string {
	if t.Kind() == reflect.Slice {
		return ""
	}
	if values := tag.Get("oneof"); values != "" {
		return either(values)
	}
	if like := tag.Get("like"); like != "" {
		return kinds[t] + " such as " + like
	}
	return kinds[t]
}

// either writes values that are separated by | for people: "a, b or c".
func either(values string) string {
	last := strings.LastIndexByte(values, '|')
	if last < 0 {
		return values
	}
	return strings.ReplaceAll(values[:last], "|", ", ") + " or " + values[last+1:]
}

// elsewhere says of keys that an operator may look for what there is in their place.
var elsewhere = map[string]string{
	"secret": "a secret is never written here; want secret_file or secret_env",
	"psk":    "a pre-shared key is never written here; want psk_file or psk_env",
}

// decode makes a Config of a tree that parse made.
func decode(tree map[string]any, r *report) *Config {
	c := new(Config)
	decoder{r}.table("", tree, reflect.ValueOf(c).Elem())
	return c
}

// decoder fills structs by the tags of their fields. It goes on after an error, so that the
// operator sees all of them at once; a value that is wrong is left zero.
type decoder struct{ *report }

// table fills the struct into from the keys of a table.
func (d decoder) table(path string, raw any, into reflect.Value) {
	values, ok := d.asTable(path, raw)
	if !ok {
		return
	}
	var keys []string
	for field, value := range into.Fields() {
		key := field.Tag.Get("key")
		if key == "" || key == "*" {
			continue
		}
		keys = append(keys, key)
		d.field(join(path, key), values[key], field.Tag, value)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(keys, key) {
			d.unknown(join(path, key), key, keys)
		}
	}
}

func (d decoder) unknown(path, key string, keys []string) {
	if instead, ok := elsewhere[key]; ok {
		d.add(path, "%s", instead)
	} else if near := nearest(key, keys); near != "" {
		d.add(path, "unknown key; did you mean %s?", near)
	} else {
		d.add(path, "unknown key; want one of %s", strings.Join(keys, ", "))
	}
}

// field fills the value of a key, from its default if the file has no such key or nothing at it.
func (d decoder) field(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	if raw != nil {
		d.written = append(d.written, path)
	}
	switch kind := kindOf(into.Type(), tag); {
	case kind == "":
		d.container(path, raw, tag, into)
	case raw != nil:
		d.scalar(path, raw, tag, into)
	case tag.Get("required") != "":
		d.add(path, "is missing; want %s", kind)
	case tag.Get("default") != "":
		d.text(path, tag.Get("default"), tag, into)
	}
}

// container fills a struct from a table, a slice of structs that have names from a table of tables,
// and any other slice from a list. Nothing is an empty one of these.
func (d decoder) container(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	switch t := into.Type(); {
	case t.Kind() == reflect.Struct:
		d.table(path, orEmpty(raw), into)
	case isNamed(t.Elem()):
		d.named(path, orEmpty(raw), into)
	default:
		d.list(path, raw, tag, into)
	}
}

// orEmpty is raw, or an empty table if raw is nothing.
func orEmpty(raw any) any {
	if raw == nil {
		return map[string]any{}
	}
	return raw
}

// isNamed reports whether elements of type t have a name, which is then their first field.
func isNamed(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("key") == "*"
}

var properName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

const properNames = "1 to 63 letters, digits, '.', '_' and '-', a letter or digit first"

// named fills the slice into, in the order of names, from a table of tables.
func (d decoder) named(path string, raw any, into reflect.Value) {
	values, ok := d.asTable(path, raw)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := join(path, name)
		if !properName.MatchString(name) {
			d.add(at, "is no name; want %s", properNames)
		}
		value := reflect.New(into.Type().Elem()).Elem()
		value.Field(0).SetString(name)
		d.table(at, orEmpty(values[name]), value)
		into.Set(reflect.Append(into, value))
	}
}

// list fills the slice into from a list. Its tag says which values an element may have, if they can
// be listed.
func (d decoder) list(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	if raw == nil {
		return
	}
	values, ok := raw.([]any)
	if !ok {
		d.add(path, "is %s; want a list", notation(raw))
		return
	}
	for i, raw := range values {
		value := reflect.New(into.Type().Elem()).Elem()
		d.field(element(path, i), raw, reflect.StructTag(fmt.Sprintf(`required:"yes" oneof:%q`, tag.Get("oneof"))), value)
		into.Set(reflect.Append(into, value))
	}
}

// asTable is raw as a table whose keys are all text.
func (d decoder) asTable(path string, raw any) (map[string]any, bool) {
	switch raw := raw.(type) {
	case map[string]any:
		return raw, true
	case map[any]any: // from YAML, if a key is not text
		for key := range raw {
			if _, ok := key.(string); !ok {
				d.add(join(path, fmt.Sprint(key)), "the key is %s; want text, in quotes", notation(key))
			}
		}
	default:
		d.add(path, "is %s; want a table of keys", notation(raw))
	}
	return nil, false
}
