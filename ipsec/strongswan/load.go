package strongswan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// load has charon have the configuration of all peers, and what is to be removed no more. What
// charon refuses is kept with the peer; an error means that charon is gone.
func (m *Manager) load(s caller) error {
	connections, err := names(s, "get-conns", "conns")
	if err != nil {
		return err
	}
	secrets, err := names(s, "get-shared", "keys")
	if err != nil {
		return err
	}
	keys, err := names(s, "get-keys", "keys")
	if err != nil {
		return err
	}

	m.mu.Lock()
	maps.DeleteFunc(m.keys, func(id string, _ bool) bool { return !slices.Contains(keys, id) }) // whoever loads it next has it
	foreign := slices.DeleteFunc(slices.Clone(keys), func(id string) bool { return m.keys[id] })
	tidy := m.tidy
	wanted := map[string]bool{}
	for _, name := range tidy {
		wanted[prefix+name] = true
	}
	var removed []string
	missing := map[string]peer{} // as they are wanted now
	for name, x := range m.peers {
		has := slices.Contains(connections, prefix+name) && (x.want.Auth.PSK == nil || slices.Contains(secrets, prefix+name)) &&
			(x.keyID == "" || slices.Contains(keys, x.keyID))
		switch {
		case x.removed:
			removed = append(removed, name)
		case x.refused != nil: // until it is changed
		case !x.loaded || !has:
			missing[name] = *x
		}
		wanted[prefix+name] = wanted[prefix+name] || !x.removed
	}
	m.mu.Unlock()

	for _, name := range removed {
		if err := m.unload(s, name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if missing[name].stale {
			if err := forget(s, prefix+name); err != nil {
				return err
			}
		}
		keyID, err := loadPeer(s, missing[name].want)
		if errors.Is(err, errLost) {
			return err
		}
		m.loaded(name, missing[name].version, keyID, !slices.Contains(foreign, keyID), err)
	}
	if err := m.unloadKeys(s); err != nil {
		return err
	}
	if tidy != nil {
		for _, name := range slices.Concat(connections, secrets) {
			if strings.HasPrefix(name, prefix) && !wanted[name] {
				if err := forget(s, name); err != nil {
					return err
				}
			}
		}
		m.tidied(tidy)
	}
	return nil
}

// tidied notes that it is done, unless something else was asked for meanwhile.
func (m *Manager) tidied(names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Equal(m.tidy, names) {
		m.tidy = nil
	}
}

// loaded notes what has come of loading a peer. A key is ours if nobody else had charon have it
// before.
func (m *Manager) loaded(name string, version int, keyID string, ours bool, refused error) {
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

// loadPeer has charon take the configuration of one peer. It returns charon's name of its private
// key.
func loadPeer(s caller, p ipsec.Peer) (keyID string, err error) {
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

// unload ends what charon has of a peer that is to be removed.
func (m *Manager) unload(s caller, name string) error {
	if err := forget(s, prefix+name); err != nil {
		return err
	}
	m.mu.Lock()
	x := m.peers[name]
	if !x.removed { // wanted again meanwhile
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

// unloadKeys has charon forget the private keys of ours that no peer needs any more.
func (m *Manager) unloadKeys(s caller) error {
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

// forget has charon have no connection, no SAs and no secret of that name. The connection goes
// first, so that the peer cannot come back.
func forget(s caller, name string) error {
	return errors.Join(
		unlessRefused(s.call("unload-conn", map[string]string{"name": name})),
		unlessRefused(nil, terminate(name).do(s)),
		unlessRefused(s.call("unload-shared", map[string]string{"id": name})),
	)
}

// unlessRefused is the error of a call whose refusal means that there was nothing to do.
func unlessRefused(_ any, err error) error {
	if errors.Is(err, errLost) {
		return err
	}
	return nil
}

// endAll has charon forget all of ours.
func (m *Manager) endAll(s caller) {
	m.mu.Lock()
	for _, x := range m.peers {
		x.removed = true
	}
	m.mu.Unlock()
	_ = m.load(s) // without charon there is nothing to end
}
