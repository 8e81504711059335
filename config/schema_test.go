package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write ../configs/schema/l2tpvl.schema.json")

// compiledSchema returns the schema, compiled as an editor would do it.
func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("l2tpvl.schema.json", whole); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("l2tpvl.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tree returns a YAML text as parsed.
func tree(t testing.TB, text string) any {
	t.Helper()
	read, err := parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// The file in configs equals the result of Schema.
func TestSchemaFile(t *testing.T) {
	const path = "../configs/schema/l2tpvl.schema.json"
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs from the result of Schema (%v): run go test ./config -run Schema -update", path, err)
	}
}

// The schema accepts the example configurations.
func TestSchemaAccepts(t *testing.T) {
	s := compiledSchema(t)
	texts := map[string]string{"minimalYAML": minimalYAML}
	for _, path := range []string{"../configs/l2tpvl.yaml", "../configs/minimal.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(text)
	}
	for name, text := range texts {
		if err := s.Validate(tree(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Everything that the schema rejects, Load rejects too.
func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, tt := range []struct{ name, was, is string }{
		{"an unknown key", "hostname: pe1", "hostname: pe1\n  hostnam: pe1"},
		{"a missing key", "  hostname: pe1\n", ""},
		{"text for a number", "router_id: 192.0.2.1", "router_id: 192.0.2.1\n  port: many"},
		{"a number beyond its bounds", "router_id: 192.0.2.1", "router_id: 192.0.2.1\n  port: 65536"},
		{"a duration without a unit", "secret_file: pe2.secret", "secret_file: pe2.secret\n    hello: 5"},
		{"no address", "address: 192.0.2.2", "address: pe2"},
		{"no VPN-ID", "vpn_id: 5e:1", "vpn_id: red"},
		{"an unknown value", "vpn_id: 5e:1", "vpn_id: 5e:1\n    ipsec: yes please"},
		{"a list for a table", "vr: {netns: red}", "vr: [red]"},
		{"a table for a list", "links:\n      - peer: pe2", "links: {peer: pe2}"},
		{"a bad name", "  red:", "  \"a red one\":"},
	} {
		text := strings.Replace(minimalYAML, tt.was, tt.is, 1)
		if text == minimalYAML {
			t.Fatalf("%s: %q is not in minimalYAML", tt.name, tt.was)
		}
		if s.Validate(tree(t, text)) == nil {
			t.Errorf("the schema accepts %s", tt.name)
		}
		if _, err := Load(inFolder(t, "x.yaml", text)); err == nil {
			t.Errorf("Load accepts %s", tt.name)
		}
	}
}

// Each type of value has a schema, which accepts the examples, defaults and bounds in the tags.
func TestSchemaAcceptsExamples(t *testing.T) {
	for kind := range kinds {
		if scalarSchemas[kind] == nil {
			t.Errorf("no schema for %v", kind)
		}
	}
	var walk func(reflect.Type)
	walk = func(table reflect.Type) {
		for field := range table.Fields() {
			ft := field.Type
			if ft.Kind() == reflect.Slice {
				ft = ft.Elem()
			}
			if kindOf(ft, field.Tag) == "" {
				if ft.Kind() == reflect.Struct {
					walk(ft)
				}
				continue
			}
			c := jsonschema.NewCompiler()
			if err := c.AddResource("kind.json", plainJSON(t, scalarSchema(ft, field.Tag))); err != nil {
				t.Fatal(err)
			}
			s, err := c.Compile("kind.json")
			if err != nil {
				t.Fatalf("%s: %v", field.Name, err)
			}
			for _, tag := range []string{"example", "default", "min", "max"} {
				if text := field.Tag.Get(tag); text != "" {
					if err := s.Validate(schemaValue(ft, text)); err != nil {
						t.Errorf("%s: %s: %v", field.Name, tag, err)
					}
				}
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// plainJSON returns a schema as if read from a file.
func plainJSON(t testing.TB, s schema) any {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}
