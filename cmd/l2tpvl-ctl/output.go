package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The values of --output.
const (
	outputTable = "table" // for people
	outputWide  = "wide"  // with more columns
	outputJSON  = "json"  // as the API returns it
	outputYAML  = "yaml"  // the same in YAML
)

// show prints data in the format of --output: as JSON or YAML, or rendered for people.
func show[T any](a *app, data T, render func(data T, now time.Time, s style) string) error {
	switch a.output.value {
	case outputJSON:
		return writeJSON(a.stdout, data)
	case outputYAML:
		return writeYAML(a.stdout, data)
	}
	_, err := io.WriteString(a.stdout, render(data, a.now(), a.style()))
	return err
}

// showOne prints one value of a stream in the format of --output: JSON on one line, a YAML
// document, or a line for people.
func showOne[T any](a *app, one T, line func(one T, now time.Time, s style) string) error {
	switch a.output.value {
	case outputJSON:
		e := json.NewEncoder(a.stdout)
		e.SetEscapeHTML(false)
		return e.Encode(one)
	case outputYAML:
		if _, err := io.WriteString(a.stdout, "---\n"); err != nil {
			return err
		}
		return writeYAML(a.stdout, one)
	}
	_, err := io.WriteString(a.stdout, line(one, a.now(), a.style())+"\n")
	return err
}

func writeJSON(w io.Writer, data any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(data)
}

// writeYAML writes data as YAML, with the names and in the order of its JSON.
func writeYAML(w io.Writer, data any) error {
	var text bytes.Buffer
	if err := writeJSON(&text, data); err != nil {
		return err
	}
	d := json.NewDecoder(&text)
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return err
	}
	return e.Close()
}

// yamlNode reads the next JSON value and returns it as YAML.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{}
	switch t := token.(type) {
	case json.Delim: // the start of a list or an object; its end is read below
		node.Kind = yaml.SequenceNode
		if t == '{' {
			node.Kind = yaml.MappingNode
		}
		for d.More() { // in an object, names and values alternate
			child, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		if len(node.Content) == 0 {
			node.Style = yaml.FlowStyle // an empty list or map is [] or {}
		}
		_, err = d.Token()
		return node, err
	case string:
		node.SetString(t)
		if strings.ContainsRune(t, '\n') {
			node.Style = yaml.DoubleQuotedStyle // on one line, so that grep finds it whole
		}
		return node, nil
	case json.Number:
		node.Kind, node.Value = yaml.ScalarNode, t.String()
		return node, nil
	}
	return node, node.Encode(token)
}
