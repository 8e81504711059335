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

// Secret is a shared secret (RFC 3931 section 4.3). However it is printed or encoded, it does not
// show itself.
type Secret []byte

const hidden = "(secret)"

// Format prints a stand-in, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText gives a stand-in.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// maxSecret bounds what is read of a secret file, in octets. An HMAC key gains nothing beyond.
const maxSecret = 4096

// readSecretFile reads a secret from a regular file that only its owner and group can read. One
// line end at its end, which most editors write, is no part of it.
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

// checkSecretFile is an error unless the file is one that only its owner and group can read, of no
// more octets than that.
func checkSecretFile(path string, most int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(err, "the secret")
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return errors.New("is no regular file; want a file that holds the secret")
	case mode.Perm()&0o037 != 0:
		return fmt.Errorf("has mode %04o, which opens it to others; want 0600 or 0640", mode.Perm())
	case info.Size() > most:
		return fmt.Errorf("holds %d octets; want at most %d", info.Size(), most)
	}
	return nil
}

// unreadable is an error about a file, without the path, which the message has already.
func unreadable(err error, holds string) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("cannot be read: %w; want a file that holds %s", err, holds)
}

// readSecretEnv reads a secret from an environment variable.
func readSecretEnv(name string) (Secret, error) {
	text, found := os.LookupEnv(name)
	if !found {
		return nil, errors.New("names an environment variable that is not set; want one that holds the secret")
	}
	secret, err := checkSecret([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("names an environment variable that %w", err)
	}
	return secret, nil
}

func checkSecret(text []byte) (Secret, error) {
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("holds nothing; want the secret")
	}
	return Secret(text), nil
}

// readSecrets reads the secret of each peer that has one. A relative name of a file starts at
// folder.
func (c *Config) readSecrets(r *report, folder string) {
	for i := range c.Peers {
		p := &c.Peers[i]
		at := join("peers", p.Name)
		p.Secret = readSecret(r, folder, join(at, "secret_file"), p.SecretFile, join(at, "secret_env"), p.SecretEnv)
		p.NextSecret = readSecret(r, folder, join(at, "next_secret_file"), p.NextSecretFile, join(at, "next_secret_env"), p.NextSecretEnv)
		if p.NextSecret != nil && bytes.Equal(p.NextSecret, p.Secret) {
			r.add(at, "has the same secret twice; want another one as the next, or none")
		}
	}
}

// readSecret reads the secret that a file holds, or else an environment variable, as the keys say;
// nil if there is none.
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
			// Without the value: it may be a secret in the wrong place.
			r.add(envKey, "%v", err)
		}
	}
	return secret
}
