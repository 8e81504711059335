package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// YAML output has the same values as JSON output, whatever the strings contain.
func TestYAMLEqualsJSON(t *testing.T) {
	for _, data := range []any{
		links, peers, sessions, refused, status,
		[]string{},
		map[string]int{},
		nil, "alone",
		[]string{
			"", "yes", "no", "null", "~", "12", "0x10", "1e3", "1_000", "0o7", "2026-07-29", "12:30:45", "-", "- a", "a: b", "#", "a #b", "*x", "&x", "!x",
			"%", "@", "`", "'", `"`, "\\", "{", "[a]", " a ", "a\nb\n", "\t", "\x01\x7f", "\u0085\u2028\ufeff", "𝄞", "<<", "=", "true", "1.5", ".inf", "é",
		},
		map[string]any{"yes": 1.5, "12": 18446744073709551615.0, "n": nil, "": []any{true, []any{}}},
	} {
		var asJSON, asYAML strings.Builder
		if err := writeJSON(&asJSON, data); err != nil {
			t.Fatal(err)
		}
		if err := writeYAML(&asYAML, data); err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal([]byte(asJSON.String()), &want); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(asYAML.String()), &got); err != nil {
			t.Fatalf("%v in\n%s", err, asYAML.String())
		}
		// Convert to JSON and back: YAML, unlike JSON, distinguishes integers from other numbers.
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, %v\nwant %#v\nYAML:\n%s", got, err, want, asYAML.String())
		}
	}
}
