package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Secret is a shared secret (RFC 3931, section 4.3). It never appears in printed or encoded output.
type Secret []byte

const hidden = "(secret)"

// Format prints a placeholder, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns a placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// maxSecret is the size of the largest secret file, in octets. A longer HMAC key adds no strength.
const maxSecret = 4096

// readSecretFile reads a secret from a regular file that only its owner and group can read. A
// single trailing line end, which most editors write, is not part of the secret.
func readSecretFile(path string) (Secret, error) {
	if err := checkSecretFile(path, maxSecret); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, "the secret")
	}
	return checkSecret(text)
}

// checkSecretFile returns an error unless the file is regular, only its owner and group can read
// it, and it has at most that many octets.
func checkSecretFile(path string, most int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(err, "the secret")
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return errors.New("is not a regular file; expected a file with the secret")
	case mode.Perm()&0o037 != 0:
		return fmt.Errorf("has mode %04o, which gives others access; expected 0600 or 0640", mode.Perm())
	case info.Size() > most:
		return fmt.Errorf("has %d octets; expected at most %d", info.Size(), most)
	}
	return nil
}

// unreadable returns the error of reading a file without the path, which the message has already.
func unreadable(err error, holds string) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("cannot be read: %w; expected a file with %s", err, holds)
}

// readSecretEnv reads a secret from an environment variable.
func readSecretEnv(name string) (Secret, error) {
	text, found := os.LookupEnv(name)
	if !found {
		return nil, errors.New("the environment variable is not set; expected one with the secret")
	}
	secret, err := checkSecret([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the environment variable %w", err)
	}
	return secret, nil
}

func checkSecret(text []byte) (Secret, error) {
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("is empty; expected the secret")
	}
	return Secret(text), nil
}

// readSecrets reads the secret of each peer that has one. Relative paths are relative to folder.
func (c *Config) readSecrets(r *report, folder string) {
	for i := range c.Peers {
		p := &c.Peers[i]
		at := join("peers", p.Name)
		p.Secret = readSecret(r, folder, join(at, "secret_file"), p.SecretFile, join(at, "secret_env"), p.SecretEnv)
		p.NextSecret = readSecret(r, folder, join(at, "next_secret_file"), p.NextSecretFile, join(at, "next_secret_env"), p.NextSecretEnv)
		if p.NextSecret != nil && bytes.Equal(p.NextSecret, p.Secret) {
			r.add(at, "secret and next secret are equal; use another next secret, or remove it")
		}
	}
}

// readSecret reads the secret from a file, or else from an environment variable; it returns nil if
// neither is configured.
func readSecret(r *report, folder, fileKey, file, envKey, env string) Secret {
	var secret Secret
	var err error
	switch {
	case file != "":
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		if secret, err = readSecretFile(path); err != nil {
			r.add(fileKey, "%q %v", path, err)
		}
	case env != "":
		if secret, err = readSecretEnv(env); err != nil {
			// The value of the key is not shown: it may be a secret in the wrong place.
			r.add(envKey, "%v", err)
		}
	}
	return secret
}
