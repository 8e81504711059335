package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Load reads and parses the file at path; see Parse.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse parses the text of the file at path, which is YAML, TOML or JSON according to its
// extension, and reads the secrets that it names; relative paths are relative to the file's folder.
// The error joins all problems, one line each: file, key, value, and what would be right.
func Parse(path string, text []byte) (*Config, error) {
	tree, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	r := &report{file: path}
	c := decode(tree, r)
	c.nameInterfaces(r)
	c.completeAuth(r)
	c.completeIPsec(r)
	c.completeIKE(r)
	c.completeStatic()
	c.check(r)
	c.readSecrets(r, filepath.Dir(path))
	c.readAuthSecrets(r, filepath.Dir(path))
	c.readIKE(r, filepath.Dir(path))
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return c, nil
}
