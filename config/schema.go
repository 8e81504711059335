package config

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// schema is a JSON Schema (draft 2020-12) or a part of one.
type schema = map[string]any

// scalarSchemas has the schema of each type of value in kinds. Load rejects every value that these
// reject, and more.
var scalarSchemas = map[reflect.Type]schema{
	reflect.TypeFor[string]():         {"type": "string", "minLength": 1},
	reflect.TypeFor[bool]():           {"type": "boolean"},
	reflect.TypeFor[int]():            {"type": "integer"},
	reflect.TypeFor[uint16]():         {"type": "integer", "minimum": 0, "maximum": 65535},
	reflect.TypeFor[uint32]():         {"type": "integer", "minimum": 0, "maximum": 4294967295},
	reflect.TypeFor[time.Duration]():  {"type": "string", "pattern": `^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`},
	reflect.TypeFor[netip.Addr]():     {"type": "string", "pattern": `^[0-9A-Fa-f:.]+(%.+)?$`},
	reflect.TypeFor[netip.AddrPort](): {"type": "string", "pattern": `^(\[[0-9A-Fa-f:.]+(%.+)?\]|[0-9.]+):[0-9]+$`},
	reflect.TypeFor[netip.Prefix]():   {"type": "string", "pattern": `^[0-9A-Fa-f:.]+/[0-9]+$`},
	reflect.TypeFor[endid.VPNID]():    {"type": "string", "pattern": `^[0-9A-Fa-f]{1,6}:[0-9A-Fa-f]{1,8}$`},
	reflect.TypeFor[LinkAddress]():    {"type": "string", "pattern": `^(learn|[0-9.]+(/[0-9]+)?)$`},
	reflect.TypeFor[LinkAddress6]():   {"type": "string", "pattern": `^[0-9A-Fa-f:.]+(/[0-9]+)?$`},
	reflect.TypeFor[Cookie]():         {"type": "string", "pattern": `^([0-9A-Fa-f]{8}){1,2}$`},

	reflect.TypeFor[InterfaceAddress](): {"type": "string", "pattern": `^[0-9A-Fa-f:.]+/[0-9]+$`},
}

// Schema returns the JSON Schema of the file, for editors that check and complete it.
func Schema() ([]byte, error) {
	s := tableSchema(reflect.TypeFor[Config]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Configuration of l2tpvld"
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

func tableSchema(t reflect.Type) schema {
	keys, required := schema{}, []string{}
	for field := range t.Fields() {
		tag := field.Tag
		key := tag.Get("key")
		if key == "" || key == "*" {
			continue
		}
		s := valueSchema(field.Type, tag)
		s["description"] = tag.Get("doc")
		if text := tag.Get("default"); text != "" {
			s["default"] = schemaValue(field.Type, text)
		}
		keys[key] = s
		if tag.Get("required") != "" {
			required = append(required, key)
		}
	}
	s := schema{"type": "object", "properties": keys, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// valueSchema returns the schema of a key's value. Tables and lists may be empty.
func valueSchema(t reflect.Type, tag reflect.StructTag) schema {
	switch {
	case kindOf(t, tag) != "":
		return scalarSchema(t, tag)
	case t.Kind() == reflect.Struct:
		return orNull(tableSchema(t))
	case isNamed(t.Elem()):
		return orNull(schema{
			"type":                 "object",
			"propertyNames":        schema{"pattern": properName.String()},
			"additionalProperties": orNull(tableSchema(t.Elem())),
		})
	}
	return orNull(schema{"type": "array", "items": valueSchema(t.Elem(), tag)})
}

// orNull allows null for a table or a list without required keys, as YAML writes an empty one.
func orNull(s schema) schema {
	if s["required"] == nil {
		s["type"] = []any{s["type"], "null"}
	}
	return s
}

func scalarSchema(t reflect.Type, tag reflect.StructTag) schema {
	if oneof := tag.Get("oneof"); oneof != "" {
		return schema{"enum": strings.Split(oneof, "|")}
	}
	s := maps.Clone(scalarSchemas[t])
	if s["type"] == "integer" {
		for from, to := range map[string]string{"min": "minimum", "max": "maximum"} {
			if text := tag.Get(from); text != "" {
				s[to] = bound(t, text)
			}
		}
	}
	return s
}

// schemaValue returns a value as it is written in JSON.
func schemaValue(t reflect.Type, text string) any {
	switch t.Kind() {
	case reflect.Bool:
		return text == "true"
	case reflect.Int, reflect.Uint16, reflect.Uint32:
		return json.Number(text)
	}
	return text
}
