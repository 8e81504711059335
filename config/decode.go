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

// kinds has the description of each type of value, as documentation and error texts show it.
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

	reflect.TypeFor[InterfaceAddress](): "an address with a prefix length such as 10.1.1.1/24",
}

// kindOf returns the description of the values of a field, or "" for a table or a list.
func kindOf(t reflect.Type, tag reflect.StructTag) string {
	if t.Kind() == reflect.Slice {
		return ""
	}
	if values := tag.Get("oneof"); values != "" {
		return either(values)
	}
	if example := tag.Get("example"); example != "" {
		return kinds[t] + " such as " + example
	}
	return kinds[t]
}

// either formats values separated by | for people: "a, b or c".
func either(values string) string {
	last := strings.LastIndexByte(values, '|')
	if last < 0 {
		return values
	}
	return strings.ReplaceAll(values[:last], "|", ", ") + " or " + values[last+1:]
}

// alternatives has an error text for keys that do not exist and that an operator may expect.
var alternatives = map[string]string{
	"secret": "secrets are not allowed in this file; use secret_file or secret_env",
	"psk":    "pre-shared keys are not allowed in this file; use psk_file or psk_env",
}

// decode converts a tree returned by parse into a Config.
func decode(tree map[string]any, r *report) *Config {
	c := new(Config)
	decoder{r}.table("", tree, reflect.ValueOf(c).Elem())
	return c
}

// decoder fills structs according to the tags of their fields. It continues after an error, so that
// the operator sees all errors at once; a wrong value is left zero.
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
	if text, ok := alternatives[key]; ok {
		d.add(path, "%s", text)
	} else if near := nearest(key, keys); near != "" {
		d.add(path, "unknown key; did you mean %s?", near)
	} else {
		d.add(path, "unknown key; expected one of %s", strings.Join(keys, ", "))
	}
}

// field fills the value of a key, from its default if the file has no such key or no value for it.
func (d decoder) field(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	if raw != nil {
		d.set = append(d.set, path)
	}
	switch kind := kindOf(into.Type(), tag); {
	case kind == "":
		d.container(path, raw, tag, into)
	case raw != nil:
		d.scalar(path, raw, tag, into)
	case tag.Get("required") != "":
		d.add(path, "missing; expected %s", kind)
	case tag.Get("default") != "":
		d.text(path, tag.Get("default"), tag, into)
	}
}

// container fills a struct from a table, a slice of named structs from a table of tables, and any
// other slice from a list. A missing value counts as an empty table or list.
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

// orEmpty returns raw, or an empty table if raw is nil.
func orEmpty(raw any) any {
	if raw == nil {
		return map[string]any{}
	}
	return raw
}

// isNamed reports whether t is a struct whose first field is the name given by the operator.
func isNamed(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("key") == "*"
}

var properName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

const properNames = "1 to 63 letters, digits, '.', '_' and '-', a letter or digit first"

// named fills the slice into from a table of tables, in the order of their names.
func (d decoder) named(path string, raw any, into reflect.Value) {
	values, ok := d.asTable(path, raw)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := join(path, name)
		if !properName.MatchString(name) {
			d.add(at, "invalid name; expected %s", properNames)
		}
		value := reflect.New(into.Type().Elem()).Elem()
		value.Field(0).SetString(name)
		d.table(at, orEmpty(values[name]), value)
		into.Set(reflect.Append(into, value))
	}
}

// list fills the slice into from a list. The tag oneof applies to each element.
func (d decoder) list(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	if raw == nil {
		return
	}
	values, ok := raw.([]any)
	if !ok {
		d.add(path, "expected a list; got %s", notation(raw))
		return
	}
	for i, raw := range values {
		value := reflect.New(into.Type().Elem()).Elem()
		d.field(element(path, i), raw, reflect.StructTag(fmt.Sprintf(`required:"yes" oneof:%q`, tag.Get("oneof"))), value)
		into.Set(reflect.Append(into, value))
	}
}

// asTable returns raw as a table, and reports a problem if it is none or has a key that is not
// text.
func (d decoder) asTable(path string, raw any) (map[string]any, bool) {
	switch raw := raw.(type) {
	case map[string]any:
		return raw, true
	case map[any]any: // the YAML decoder returns this if a key is not text
		for key := range raw {
			if _, ok := key.(string); !ok {
				d.add(join(path, fmt.Sprint(key)), "the key is %s; expected text, in quotes", notation(key))
			}
		}
	default:
		d.add(path, "expected a table of keys; got %s", notation(raw))
	}
	return nil, false
}
