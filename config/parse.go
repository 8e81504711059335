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

// formats has viper's name of the format for each file extension.
var formats = map[string]string{".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}

// parse returns the text of the file at path as a tree of map[string]any, []any and scalars. It
// uses the decoders of viper but not its tree of settings, which folds all keys to lower case: the
// names of VPNs and peers are case-sensitive.
func parse(path string, text []byte) (map[string]any, error) {
	format, known := formats[strings.ToLower(filepath.Ext(path))]
	if !known {
		return nil, fmt.Errorf("%s: unknown file extension; expected .yaml, .yml, .toml or .json", path)
	}
	decoder, err := viper.NewCodecRegistry().Decoder(format)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	tree := map[string]any{}
	if err := decoder.Decode(text, tree); err != nil {
		return nil, fmt.Errorf("%s%s: invalid %s: %s", path, position(text, err), strings.ToUpper(format), plain.Replace(err.Error()))
	}
	if unread := unreadParts[format]; unread != nil {
		if err := unread(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return tree, nil
}

// unreadParts has, for each format, the check for content that its decoder silently ignores.
var unreadParts = map[string]func(text []byte) error{
	"yaml": secondDocument,
	"json": duplicateKey,
}

// secondDocument returns an error if the YAML text has a second document.
func secondDocument(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	first, second := d.Decode(&document), d.Decode(&document)
	if first == io.EOF || second == io.EOF {
		return nil
	}
	return errors.New("second YAML document after a line with ---; expected one document")
}

// duplicateKey returns an error if an object of the JSON text has a key twice.
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
				return fmt.Errorf("%s: duplicate key; expected it once", join(path, key))
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

// position returns the line at which a decoder failed as ":LINE", or "" if the error does not have
// it. YAML errors have the line in their text.
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

// plain removes the names of Go types and of the decoders from their messages.
var plain = strings.NewReplacer(
	"yaml: unmarshal errors:\n  ", "", "\n  ", "; ", "yaml: ", "", "toml: ", "", "json: ", "",
	"Go value of type ", "", "map[string]interface {}", "a table of keys", "!!seq", "a list", "!!str", "text",
)
