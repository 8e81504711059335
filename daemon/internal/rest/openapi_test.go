package rest

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

var update = flag.Bool("update", false, "write daemon/api/openapi.json")

// openapi.json matches the table of routes and the types.
func TestOpenAPI(t *testing.T) {
	all := routes(nil)
	document := describe(t, all)
	operations := 0
	for _, path := range document["paths"].(object) {
		operations += len(path.(object))
	}
	if operations != len(all) {
		t.Errorf("the document has %d operations, and the table %d routes", operations, len(all))
	}
	want, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if bytes.Equal(want, api.OpenAPI) {
		return
	}
	if !*update {
		t.Fatal("daemon/api/openapi.json does not match the routes and types: run go test ./daemon/internal/rest -update")
	}
	if err := os.WriteFile("../../api/openapi.json", want, 0o644); err != nil {
		t.Fatal(err)
	}
}

type object = map[string]any

// describe returns the OpenAPI document.
func describe(t *testing.T, routes []route) object {
	w := describer{t: t, source: readSource(t, "../../api"), schemas: object{}}
	paths := object{}
	for _, r := range routes {
		at, _ := paths[r.path].(object)
		if at == nil {
			at = object{}
			paths[r.path] = at
		}
		at[strings.ToLower(r.method)] = w.operation(r)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title":   "l2tpvld",
			"version": "1",
			"description": "The virtual links of l2tpvld: show, explain and change them while it runs. Later releases only add to version 1: " +
				"a client must ignore unknown members and accept unknown values of strings.",
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{object{
			"url":         "http://l2tpvld",
			"description": "The Unix socket that the configuration key api.socket names; the host in the URL is ignored.",
		}},
		"paths":      paths,
		"components": object{"schemas": w.schemas},
	}
}

// describer makes parts of the document, and collects the schemas that they refer to.
type describer struct {
	t       *testing.T
	source  source
	schemas object
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

// named describes the parameters in paths.
var named = map[string]string{
	"vpn":  "Name of a VPN in the daemon's configuration.",
	"peer": "Name of a peer in the daemon's configuration.",
}

func (w *describer) operation(r route) object {
	op := object{"summary": r.summary, "operationId": operationID(r)}
	parameters := []any{}
	for _, part := range inBraces.FindAllStringSubmatch(r.path, -1) {
		doc := named[part[1]]
		if doc == "" {
			w.t.Errorf("%s: {%s} has no description in openapi_test.go", r.path, part[1])
		}
		parameters = append(parameters, object{
			"name": part[1], "in": "path", "required": true, "description": doc, "schema": object{"type": "string"},
		})
	}
	for _, p := range r.query {
		parameters = append(parameters, object{
			"name": p.name, "in": "query", "description": p.doc, "schema": object{"type": "string"},
		})
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.request != nil {
		op["requestBody"] = object{"required": true, "content": w.json(r.request)}
	}
	done := object{"description": "Success.", "content": w.json(r.response)}
	if r.lines {
		done = object{"description": "One such value on each line.", "content": object{LinesType: object{"schema": w.schema(r.response)}}}
	}
	op["responses"] = object{
		"200":     done,
		"default": object{"description": "Failure, with the reason.", "content": w.json(reflect.TypeFor[api.Error]())},
	}
	return op
}

func (w *describer) json(t reflect.Type) object {
	return object{"application/json": object{"schema": w.schema(t)}}
}

// operationID returns the ID of an operation, such as getExplain.
func operationID(r route) string {
	id := strings.ToLower(r.method)
	for _, part := range strings.Split(inBraces.ReplaceAllString(strings.TrimPrefix(r.path, "/v1/"), ""), "/") {
		for _, word := range strings.FieldsFunc(part, func(r rune) bool { return r == '.' || r == '-' }) {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return id
}

// schema returns the schema of a type: a reference, if the type is defined in package api.
func (w *describer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}
	case t.PkgPath() == reflect.TypeFor[api.Error]().PkgPath():
		w.define(t)
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	switch t.Kind() {
	case reflect.Struct:
		if t.NumField() == 0 {
			return object{"type": "object"}
		}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": w.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": w.schema(t.Elem())}
	case reflect.Pointer:
		s := w.schema(t.Elem())
		if s["$ref"] != nil {
			return object{"oneOf": []any{s, object{"type": "null"}}}
		}
		s["type"] = []any{s["type"], "null"}
		return s
	}
	w.t.Fatalf("no schema for type %v", t)
	return nil
}

// define adds the schema of a type with a name.
func (w *describer) define(t reflect.Type) {
	if w.schemas[t.Name()] != nil {
		return
	}
	s := object{}
	w.schemas[t.Name()] = s
	text := w.source.docs[t.Name()]
	if text == "" {
		w.t.Errorf("api.%s has no comment", t.Name())
	}
	s["description"] = text
	if t.Kind() == reflect.String {
		s["type"] = "string"
		if values := w.source.values[t.Name()]; values != nil {
			s["enum"] = values
		}
		return
	}
	properties, required := object{}, []any{}
	w.members(t, properties, &required)
	s["type"], s["properties"] = "object", properties
	if len(required) > 0 {
		s["required"] = required
	}
}

// members adds the fields of a struct, and those of the structs that it embeds.
func (w *describer) members(t reflect.Type, properties object, required *[]any) {
	for f := range t.Fields() {
		if f.Anonymous {
			w.members(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			w.t.Errorf("api.%s.%s has no name in JSON", t.Name(), f.Name)
		}
		optional := options == "omitempty" || options == "omitzero"
		of := f.Type
		if optional && of.Kind() == reflect.Pointer {
			of = of.Elem() // if present, it is not null
		}
		member := w.schema(of)
		doc := w.source.docs[t.Name()+"."+f.Name]
		if doc == "" {
			w.t.Errorf("api.%s.%s has no comment", t.Name(), f.Name)
		}
		member["description"] = doc
		properties[name] = member
		if !optional {
			*required = append(*required, name)
		}
	}
}

// source holds what reflection does not know of a package: comments and constants.
type source struct {
	docs   map[string]string // of types, by name, and of their fields, by Type.Field
	values map[string][]any  // of types that have constants
}

func readSource(t *testing.T, folder string) source {
	s := source{docs: map[string]string{}, values: map[string][]any{}}
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || paths == nil {
		t.Fatalf("no Go files in %s: %v", folder, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				s.read(g)
			}
		}
	}
	for _, values := range s.values {
		slices.SortFunc(values, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
	return s
}

func (s source) read(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch x := spec.(type) {
		case *ast.TypeSpec:
			s.docs[x.Name.Name] = words(x.Doc, g.Doc)
			if t, ok := x.Type.(*ast.StructType); ok {
				for _, f := range t.Fields.List {
					for _, name := range f.Names {
						s.docs[x.Name.Name+"."+name.Name] = words(f.Doc, f.Comment)
					}
				}
			}
		case *ast.ValueSpec:
			of, typed := x.Type.(*ast.Ident)
			if g.Tok != token.CONST || !typed {
				continue
			}
			for _, v := range x.Values {
				if literal, ok := v.(*ast.BasicLit); ok {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						s.values[of.Name] = append(s.values[of.Name], text)
					}
				}
			}
		}
	}
}

// words returns a comment in one line.
func words(comments ...*ast.CommentGroup) string {
	for _, c := range comments {
		if text := strings.Join(strings.Fields(c.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}

// Each kind of note in package session is a kind of event in the API.
func TestKindsOfNotes(t *testing.T) {
	known := readSource(t, "../../api").values["EventKind"]
	notes := readSource(t, "../../../session").values["NoteKind"]
	if len(notes) == 0 {
		t.Error("no kinds of notes found in package session")
	}
	for _, kind := range notes {
		if !slices.Contains(known, kind) {
			t.Errorf("session.NoteKind %q is no api.EventKind", kind)
		}
	}
}
