package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Load reads the configuration in the file at path, as Parse does.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads the configuration that is the text of the file at path, YAML, TOML or JSON as its
// extension says, and the secrets that it names: relative names start at the file's folder. The
// error joins everything that is wrong, one line each: file, key, value, and what would be right.
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
