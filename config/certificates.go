package config

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// maxPEM is the size of the largest file with certificates or keys that is read, in octets.
const maxPEM = 1 << 20

// readCertificates reads the local certificate, its private key, and the certificates of the CAs.
func (k *IKE) readCertificates(r *report, folder, at string) {
	read := func(key, name string, readFile func(path string) error) {
		if name == "" {
			return
		}
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		if err := readFile(path); err != nil {
			r.add(key, "%q %v", path, err)
		}
	}
	var certificate *x509.Certificate
	read(join(at, "certificate_file"), k.CertificateFile, func(path string) (err error) {
		k.Certificate, certificate, err = readCertificate(path)
		return err
	})
	read(join(at, "private_key_file"), k.PrivateKeyFile, func(path string) (err error) {
		k.PrivateKey, err = readPrivateKey(path, certificate)
		return err
	})
	for i, name := range k.CAFiles {
		read(element(join(at, "ca_files"), i), name, func(path string) error {
			text, ca, err := readCertificate(path)
			if err == nil && !ca.IsCA {
				err = errors.New("is not a CA certificate; expected one that may issue others")
			}
			k.CAs = append(k.CAs, text)
			return err
		})
	}
}

// readCertificate returns the first certificate of a PEM file, as PEM and parsed.
func readCertificate(path string) ([]byte, *x509.Certificate, error) {
	text, err := readPEM(path)
	if err != nil {
		return nil, nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("has an invalid certificate: %w", err)
		}
		return pem.EncodeToMemory(block), certificate, nil
	}
	return nil, nil, errors.New("has no certificate; expected PEM with a line BEGIN CERTIFICATE")
}

// readPrivateKey returns the first private key of a PEM file, as PEM. It is an error if the key
// does not belong to the certificate; a nil certificate is not compared.
func readPrivateKey(path string, of *x509.Certificate) (Secret, error) {
	if err := checkSecretFile(path, maxPEM); err != nil {
		return nil, err
	}
	text, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		parse := privateKeys[block.Type]
		if parse == nil {
			continue
		}
		key, err := parse(block.Bytes)
		if err != nil || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("has an unreadable private key; expected one without a passphrase")
		}
		if of != nil && !keyOf(key, of) {
			return nil, errors.New("has a private key that does not belong to the certificate; expected the matching key")
		}
		return Secret(pem.EncodeToMemory(block)), nil
	}
	return nil, errors.New("has no private key; expected PEM with a line BEGIN PRIVATE KEY")
}

// privateKeys has the parser for each type of PEM block with a private key.
var privateKeys = map[string]func([]byte) (any, error){
	"PRIVATE KEY":           x509.ParsePKCS8PrivateKey,
	"EC PRIVATE KEY":        func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	"RSA PRIVATE KEY":       func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	"ENCRYPTED PRIVATE KEY": func([]byte) (any, error) { return nil, errors.New("encrypted") },
}

// keyOf reports whether a private key belongs to a certificate.
func keyOf(private any, certificate *x509.Certificate) bool {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(certificate.PublicKey)
}

func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(err, "PEM data")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file; expected a PEM file")
	case info.Size() > maxPEM:
		return nil, fmt.Errorf("has %d octets; expected at most %d", info.Size(), maxPEM)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, "PEM data")
	}
	return text, nil
}
