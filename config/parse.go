package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// formats are the forms of a configuration by file extension, as viper names them.
var formats = map[string]string{".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}

// parse reads the text of the file at path into a tree of map[string]any, []any and scalars. It
// takes viper's decoders, but not its tree of settings: that one folds all keys to lower case, and
// the names of VPNs and peers are the operator's own.
func parse(path string, text []byte) (map[string]any, error) {
	format, known := formats[strings.ToLower(filepath.Ext(path))]
	if !known {
		return nil, fmt.Errorf("%s: the extension of its name is none of .yaml, .yml, .toml, .json", path)
	}
	decoder, err := viper.NewCodecRegistry().Decoder(format)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	tree := map[string]any{}
	if err := decoder.Decode(text, tree); err != nil {
		return nil, fmt.Errorf("%s%s: is no valid %s: %s", path, position(text, err), strings.ToUpper(format), plain.Replace(err.Error()))
	}
	if unread := unreadParts[format]; unread != nil {
		if err := unread(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return tree, nil
}

// unreadParts find what a decoder would pass over in silence.
var unreadParts = map[string]func(text []byte) error{
	"yaml": secondDocument,
	"json": duplicateKey,
}

// secondDocument is an error if the YAML text has a second document.
func secondDocument(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	first, second := d.Decode(&document), d.Decode(&document)
	if first == io.EOF || second == io.EOF {
		return nil
	}
	return errors.New("has a second YAML document, after a line of ---; want one document")
}

// duplicateKey is an error if an object of the JSON text has a key twice.
func duplicateKey(text []byte) error {
	return duplicateKeyBelow(json.NewDecoder(bytes.NewReader(text)), "")
}

func duplicateKeyBelow(d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return err
			}
			key, _ := token.(string) // a JSON key is always a string
			if seen[key] {
				return fmt.Errorf("%s: is there twice; want it once", join(path, key))
			}
			seen[key] = true
			if err := duplicateKeyBelow(d, join(path, key)); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := duplicateKeyBelow(d, element(path, i)); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

// position is where in the text a decoder failed, as ":LINE", as far as the error says. YAML's says
// it in its words.
func position(text []byte, err error) string {
	if toml := (interface{ Position() (row, column int) })(nil); errors.As(err, &toml) {
		row, _ := toml.Position()
		return fmt.Sprintf(":%d", row)
	}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Sprintf(":%d", 1+bytes.Count(text[:syntax.Offset], []byte("\n")))
	}
	return ""
}

// plain takes Go's and the decoders' own names out of their messages.
var plain = strings.NewReplacer(
	"yaml: unmarshal errors:\n  ", "", "\n  ", "; ", "yaml: ", "", "toml: ", "", "json: ", "",
	"Go value of type ", "", "map[string]interface {}", "a table of keys", "!!seq", "a list", "!!str", "text",
)
