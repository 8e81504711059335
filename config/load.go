package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Load reads the configuration in the file at path, which is YAML, TOML or JSON as its extension says, and the secrets
// that it names. The error joins everything that is wrong, one line each: file, key, value, and what would be right.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
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
	c.check(r)
	c.readSecrets(r, filepath.Dir(path))
	c.readAuthSecrets(r, filepath.Dir(path))
	c.readIKE(r, filepath.Dir(path))
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return c, nil
}
