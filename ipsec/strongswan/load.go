package strongswan

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// load makes charon's configuration match the peers that are set: it unloads removed peers, loads
// missing ones, and unloads private keys, connections and secrets that no peer needs any more. If
// charon refuses a peer, that is recorded with the peer; an error means that charon does not
// answer.
func (m *KeyManager) load(s caller) error {
	has, err := readInventory(s)
	if err != nil {
		return err
	}
	m.mu.Lock()
	todo := m.plan(has)
	m.mu.Unlock()
	for _, name := range todo.remove {
		if err := m.unload(s, name); err != nil {
			return err
		}
	}
	for _, x := range todo.load {
		if err := m.loadPeer(s, x, todo.foreignKeys); err != nil {
			return err
		}
	}
	if err := m.unloadKeys(s); err != nil {
		return err
	}
	for _, name := range todo.leftovers {
		if err := forget(s, name); err != nil {
			return err
		}
	}
	m.tidied(todo.tidy)
	return nil
}

// tidied records that Tidy for these names is done, unless Tidy was called again meanwhile.
func (m *KeyManager) tidied(names []string) {
	if names == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Equal(m.tidy, names) {
		m.tidy = nil
	}
}

// loaded records charon's answer to the configuration of a peer. A private key is ours if no other
// program had loaded it before.
func (m *KeyManager) loaded(name string, version int, keyID string, ours bool, refused error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if keyID != "" && ours {
		m.keys[keyID] = true
	}
	x := m.peers[name]
	if x == nil || x.version != version {
		return
	}
	x.stale, x.loaded, x.refused, x.keyID = false, refused == nil, nil, keyID
	if refused != nil {
		x.refused = fmt.Errorf("strongSwan refuses the configuration for %s: %w", name, refused)
	}
	x.release()
}

// loadPeer makes charon load the configuration of one peer, and records its answer. An error means
// that charon is gone.
func (m *KeyManager) loadPeer(s caller, x peer, foreignKeys []string) error {
	if x.stale {
		if err := forget(s, x.connection()); err != nil {
			return err
		}
	}
	keyID, err := send(s, x.want)
	if errors.Is(err, errLost) {
		return err
	}
	m.loaded(x.want.Name, x.version, keyID, !slices.Contains(foreignKeys, keyID), err)
	return nil
}

// send sends the configuration of one peer to charon. It returns charon's ID of the private key.
func send(s caller, p ipsec.Peer) (keyID string, err error) {
	if p.Auth.PSK != nil {
		_, err = s.call("load-shared", secretOf(p))
	} else {
		keyID, err = loadKey(s, p.Auth)
	}
	if err != nil {
		return "", err
	}
	_, err = s.call("load-conn", map[string]connection{prefix + p.Name: connectionOf(p)})
	return keyID, err
}

func loadKey(s caller, a ipsec.Auth) (id string, err error) {
	answer, err := s.call("load-key", map[string]string{"type": "any", "data": string(a.PrivateKey)})
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	return fields{answer}.text("id"), nil
}

// unload removes a peer from charon, and then from m.
func (m *KeyManager) unload(s caller, name string) error {
	if err := forget(s, prefix+name); err != nil {
		return err
	}
	m.mu.Lock()
	x := m.peers[name]
	if !x.removed { // set again meanwhile
		m.mu.Unlock()
		return nil
	}
	delete(m.peers, name)
	m.mu.Unlock()
	err := m.unloadKeys(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	x.release()
	return err
}

// unloadKeys makes charon unload our private keys that no peer needs any more.
func (m *KeyManager) unloadKeys(s caller) error {
	m.mu.Lock()
	unused := maps.Clone(m.keys)
	for _, x := range m.peers {
		delete(unused, x.keyID)
	}
	m.mu.Unlock()
	for id := range unused {
		if err := unlessRefused(s.call("unload-key", map[string]string{"id": id})); err != nil {
			return err
		}
		m.mu.Lock()
		delete(m.keys, id)
		m.mu.Unlock()
	}
	return nil
}

// forget removes connection, SAs and secret of that name from charon. The connection is the first,
// so that the peer cannot establish SAs again.
func forget(s caller, name string) error {
	return errors.Join(
		unlessRefused(s.call("unload-conn", map[string]string{"name": name})),
		unlessRefused(nil, terminate(name).do(s)),
		unlessRefused(s.call("unload-shared", map[string]string{"id": name})),
	)
}

// unlessRefused returns the error of a call whose refusal means that there was nothing to remove.
func unlessRefused(_ any, err error) error {
	if errors.Is(err, errLost) {
		return err
	}
	return nil
}

// endAll removes everything of ours from charon.
func (m *KeyManager) endAll(s caller) {
	m.mu.Lock()
	for _, x := range m.peers {
		x.removed = true
	}
	m.mu.Unlock()
	_ = m.load(s) // an error means that charon is gone, and its SAs with it
}
