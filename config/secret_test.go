package config

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A single trailing line end, as editors write it, is not part of a secret; everything else is. The
// owner's group may read the file.
func TestSecretFromFile(t *testing.T) {
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"s3cret", 0o600, "s3cret"},
		{"s3cret\n", 0o640, "s3cret"},
		{"s3cret\r\n", 0o400, "s3cret"},
		{" s3 cret \n\n", 0o600, " s3 cret \n"},
		{strings.Repeat("x", 4096), 0o600, strings.Repeat("x", 4096)},
	} {
		path := inFolder(t, "l2tpvl.yaml", minimalYAML)
		write(t, filepath.Join(filepath.Dir(path), "pe2.secret"), tt.text, tt.mode)
		c, err := Load(path)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		} else if got := string(c.Peers[0].Secret); got != tt.want {
			t.Errorf("%q: secret %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSecretFromEnvironment(t *testing.T) {
	path := inFolder(t, "l2tpvl.yaml", change("secret_file: pe2.secret", "secret_env: L2TPVL_TEST_SECRET"))
	t.Setenv("L2TPVL_TEST_SECRET", theSecret)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Peers[0].Secret); got != theSecret {
		t.Errorf("secret %q, want %q", got, theSecret)
	}

	t.Setenv("L2TPVL_TEST_SECRET", "")
	checkMistakes(t, path, `FILE: peers.pe2.secret_env: the environment variable is empty; expected the secret`)
}

func TestSecrets(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{
			"readable by others", theSecret, 0o644,
			`FILE: peers.pe2.secret_file: "FOLDER/pe2.secret" has mode 0644, which gives others access; expected 0600 or 0640`,
		},
		{
			"writable by the group", theSecret, 0o660,
			`FILE: peers.pe2.secret_file: "FOLDER/pe2.secret" has mode 0660, which gives others access; expected 0600 or 0640`,
		},
		{
			"empty", "", 0o600,
			`FILE: peers.pe2.secret_file: "FOLDER/pe2.secret" is empty; expected the secret`,
		},
		{
			"blank", " \r\n", 0o600,
			`FILE: peers.pe2.secret_file: "FOLDER/pe2.secret" is empty; expected the secret`,
		},
		{
			"too long", strings.Repeat("x", 4097), 0o600,
			`FILE: peers.pe2.secret_file: "FOLDER/pe2.secret" has 4097 octets; expected at most 4096`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := inFolder(t, "l2tpvl.yaml", minimalYAML)
			write(t, filepath.Join(filepath.Dir(path), "pe2.secret"), tt.text, tt.mode)
			checkMistakes(t, path, tt.want)
		})
	}
}

// The secrets of a configuration stay hidden in every printed or encoded form of it.
func TestSecretsStayHidden(t *testing.T) {
	c := minimal()
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, c), fmt.Sprintf(verb, *c), fmt.Sprintf(verb, c.Peers[0].Secret), fmt.Sprintf(verb, &c.Peers[0].Secret))
	}
	for _, shown := range []string{theSecret, hex.EncodeToString([]byte(theSecret)), strings.ToUpper(hex.EncodeToString([]byte(theSecret))), strings.Trim(fmt.Sprint([]byte(theSecret)), "[]"), "0x63, 0x6f"} {
		for _, text := range texts {
			if strings.Contains(text, shown) {
				t.Errorf("secret %q shown in %s", shown, text)
			}
		}
	}
}
