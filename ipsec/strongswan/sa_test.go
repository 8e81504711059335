package strongswan

import (
	"testing"

	"github.com/strongswan/govici/vici"
)

func TestProposal(t *testing.T) {
	m := vici.NewMessage()
	for key, value := range map[string]string{
		"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_256_128", "prf-alg": "PRF_HMAC_SHA2_384", "dh-group": "CURVE_25519",
	} {
		if err := m.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := proposal(fields{m}), "aes256-sha256-prfsha384-x25519"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
