package strongswan

import (
	"maps"
	"slices"
	"strings"
)

// inventory lists what charon has loaded, for us and for other programs, by name.
type inventory struct {
	connections []string
	secrets     []string // pre-shared keys
	keys        []string // private keys
}

func readInventory(s caller) (has inventory, err error) {
	if has.connections, err = names(s, "get-conns", "conns"); err != nil {
		return has, err
	}
	if has.secrets, err = names(s, "get-shared", "keys"); err != nil {
		return has, err
	}
	has.keys, err = names(s, "get-keys", "keys")
	return has, err
}

// complete reports whether charon has everything that belongs to a loaded peer.
func (has inventory) complete(x *peer) bool {
	return slices.Contains(has.connections, x.connection()) &&
		(x.want.Auth.PSK == nil || slices.Contains(has.secrets, x.connection())) &&
		(x.keyID == "" || slices.Contains(has.keys, x.keyID))
}

// loading lists the changes that one call of load makes.
type loading struct {
	remove      []string // names of peers
	load        []peer   // copies of the peers as they are wanted now, by name
	foreignKeys []string // private keys that another program has loaded
	leftovers   []string // names, in charon, of connections and secrets of earlier runs
	tidy        []string // the argument of the pending Tidy; nil: none is pending
}

// plan compares what is wanted with what charon has loaded. The caller holds m.mu.
func (m *KeyManager) plan(has inventory) loading {
	// A key of ours that charon has lost belongs to the program that loads it next.
	maps.DeleteFunc(m.keys, func(id string, _ bool) bool { return !slices.Contains(has.keys, id) })
	todo := loading{
		foreignKeys: slices.DeleteFunc(slices.Clone(has.keys), func(id string) bool { return m.keys[id] }),
		tidy:        m.tidy,
	}
	for _, name := range slices.Sorted(maps.Keys(m.peers)) {
		switch x := m.peers[name]; {
		case x.removed:
			todo.remove = append(todo.remove, name)
		case x.refused != nil: // not tried again before the configuration changes
		case !x.loaded || !has.complete(x):
			todo.load = append(todo.load, *x)
		}
	}
	if m.tidy != nil {
		todo.leftovers = m.leftovers(has)
	}
	return todo
}

// leftovers returns the names of connections and secrets in charon that neither a peer nor one of
// the names in m.tidy needs.
func (m *KeyManager) leftovers(has inventory) []string {
	wanted := map[string]bool{}
	for _, name := range m.tidy {
		wanted[prefix+name] = true
	}
	for name, x := range m.peers {
		if !x.removed {
			wanted[prefix+name] = true
		}
	}
	return slices.DeleteFunc(slices.Concat(has.connections, has.secrets), func(name string) bool {
		return !strings.HasPrefix(name, prefix) || wanted[name]
	})
}
