package strongswan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// fakeCharon is a charon that has connections, secrets and private keys, and records each command
// that changes them.
type fakeCharon struct {
	connections, secrets, keys []string
	refuse                     string // the command that it refuses
	lost                       string // the command that it does not answer

	commands []string
}

func (c *fakeCharon) call(command string, arguments any) (*vici.Message, error) {
	answer := vici.NewMessage()
	if command == c.lost {
		return nil, errLost
	}
	name := ""
	switch a := arguments.(type) {
	case map[string]string:
		name = a["name"] + a["id"] + a["ike"]
		if command == "load-key" {
			name = "key of " + a["data"]
		}
	case secret:
		name = a.ID
	case map[string]connection:
		for name = range a {
		}
	}
	if !strings.HasPrefix(command, "get-") {
		c.commands = append(c.commands, command+" "+name)
	}
	if command == c.refuse {
		return nil, refusal("no")
	}
	add := func(list *[]string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	remove := func(list *[]string) { *list = slices.DeleteFunc(*list, func(n string) bool { return n == name }) }
	var err error
	switch command {
	case "get-conns":
		err = answer.Set("conns", c.connections)
	case "get-shared":
		err = answer.Set("keys", c.secrets)
	case "get-keys":
		err = answer.Set("keys", c.keys)
	case "load-conn":
		add(&c.connections)
	case "load-shared":
		add(&c.secrets)
	case "load-key":
		add(&c.keys)
		err = answer.Set("id", name)
	case "unload-conn":
		remove(&c.connections)
	case "unload-shared":
		remove(&c.secrets)
	case "unload-key":
		remove(&c.keys)
	}
	return answer, err
}

// takeCommands returns the commands since the last call of takeCommands, as one text.
func (c *fakeCharon) takeCommands() string {
	all := strings.Join(c.commands, "; ")
	c.commands = nil
	return all
}

func newLoading(peers ...*peer) *KeyManager {
	m := &KeyManager{peers: map[string]*peer{}, keys: map[string]bool{}}
	for _, x := range peers {
		m.peers[x.want.Name] = x
	}
	return m
}

func withPSK(name string) *peer {
	return &peer{want: ipsec.Peer{Name: name, Flow: flow, Auth: ipsec.Auth{PSK: []byte("psk")}}}
}

func withKey(name, key string) *peer {
	return &peer{want: ipsec.Peer{Name: name, Flow: flow, Auth: ipsec.Auth{PrivateKey: []byte(key)}}}
}

// Each case is one load, or several.
func TestLoad(t *testing.T) {
	const forgetPE2 = "unload-conn l2tpvl-pe2; terminate l2tpvl-pe2; unload-shared l2tpvl-pe2"
	check := func(t *testing.T, m *KeyManager, c *fakeCharon, want string) {
		t.Helper()
		if err := m.load(c); err != nil {
			t.Fatal(err)
		}
		if got := c.takeCommands(); got != want {
			t.Errorf("commands\n%s\nwant\n%s", got, want)
		}
	}

	t.Run("peers are loaded once, in the order of their names", func(t *testing.T) {
		m, c := newLoading(withPSK("pe3"), withKey("pe2", "a")), &fakeCharon{}
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe2; load-shared l2tpvl-pe3; load-conn l2tpvl-pe3")
		check(t, m, c, "")
		if x := m.peers["pe2"]; !x.loaded || x.keyID != "key of a" || !m.keys["key of a"] {
			t.Errorf("pe2 is %+v, our keys are %v", x, m.keys)
		}
	})
	t.Run("a connection that charon has lost is loaded again", func(t *testing.T) {
		m, c := newLoading(withPSK("pe2"), withKey("pe3", "a")), &fakeCharon{}
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2; load-key key of a; load-conn l2tpvl-pe3")
		c.connections = []string{"l2tpvl-pe3"}
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2")
		c.secrets = nil
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2")
		c.keys = nil
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe3")
	})
	t.Run("the configuration of an earlier run is removed first", func(t *testing.T) {
		x := withPSK("pe2")
		x.stale = true
		m, c := newLoading(x), &fakeCharon{connections: []string{"l2tpvl-pe2"}, secrets: []string{"l2tpvl-pe2"}}
		check(t, m, c, forgetPE2+"; load-shared l2tpvl-pe2; load-conn l2tpvl-pe2")
		check(t, m, c, "")
	})
	t.Run("a refused configuration is not loaded again before it changes", func(t *testing.T) {
		done := make(chan struct{})
		x := withPSK("pe2")
		x.waiting = []chan struct{}{done}
		m, c := newLoading(x), &fakeCharon{refuse: "load-conn"}
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2")
		<-done
		if got := fmt.Sprint(x.refused); got != "strongSwan refuses the configuration for pe2: no" || x.loaded {
			t.Errorf("loaded %v, refused %q", x.loaded, got)
		}
		check(t, m, c, "")
		c.refuse, x.refused = "", nil
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2")
	})
	t.Run("a removed peer is forgotten, with its key", func(t *testing.T) {
		done := make(chan struct{})
		m, c := newLoading(withKey("pe2", "a")), &fakeCharon{}
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe2")
		m.peers["pe2"].removed, m.peers["pe2"].waiting = true, []chan struct{}{done}
		check(t, m, c, forgetPE2+"; unload-key key of a")
		<-done
		if len(m.peers) != 0 || len(m.keys) != 0 {
			t.Errorf("peers %v, keys %v are left", m.peers, m.keys)
		}
	})
	t.Run("a key that another peer needs is not unloaded", func(t *testing.T) {
		m, c := newLoading(withKey("pe2", "a"), withKey("pe3", "a")), &fakeCharon{}
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe2; load-key key of a; load-conn l2tpvl-pe3")
		m.peers["pe2"].removed = true
		check(t, m, c, forgetPE2)
		m.peers["pe3"].removed = true
		check(t, m, c, "unload-conn l2tpvl-pe3; terminate l2tpvl-pe3; unload-shared l2tpvl-pe3; unload-key key of a")
	})
	t.Run("a key that another program has loaded is not unloaded", func(t *testing.T) {
		m, c := newLoading(withKey("pe2", "a")), &fakeCharon{keys: []string{"key of a"}}
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe2")
		m.peers["pe2"].removed = true
		check(t, m, c, forgetPE2)
	})
	t.Run("a key of ours that charon has lost belongs to the program that loads it next", func(t *testing.T) {
		m, c := newLoading(withKey("pe2", "a")), &fakeCharon{}
		m.keys["key of b"] = true
		check(t, m, c, "load-key key of a; load-conn l2tpvl-pe2")
		if m.keys["key of b"] {
			t.Error("key of b is still ours")
		}
	})
	t.Run("tidy forgets leftovers, and no name of a present or future peer", func(t *testing.T) {
		m, c := newLoading(withPSK("pe2")), &fakeCharon{
			connections: []string{"office", "l2tpvl-pe3", "l2tpvl-pe4"}, secrets: []string{"l2tpvl-pe5", "office"},
		}
		m.tidy = []string{"pe3"}
		check(t, m, c, "load-shared l2tpvl-pe2; load-conn l2tpvl-pe2; "+
			"unload-conn l2tpvl-pe4; terminate l2tpvl-pe4; unload-shared l2tpvl-pe4; "+
			"unload-conn l2tpvl-pe5; terminate l2tpvl-pe5; unload-shared l2tpvl-pe5")
		if m.tidy != nil {
			t.Errorf("tidy %q is not done", m.tidy)
		}
		c.connections = append(c.connections, "l2tpvl-pe6")
		check(t, m, c, "")
		m.tidy = []string{}
		check(t, m, c, "unload-conn l2tpvl-pe3; terminate l2tpvl-pe3; unload-shared l2tpvl-pe3; "+
			"unload-conn l2tpvl-pe6; terminate l2tpvl-pe6; unload-shared l2tpvl-pe6")
	})
	t.Run("a charon that does not answer", func(t *testing.T) {
		for _, command := range []string{"get-conns", "get-shared", "get-keys", "load-shared", "load-conn", "unload-conn", "terminate", "unload-shared"} {
			removed := withPSK("pe3")
			removed.removed = true
			m := newLoading(withPSK("pe2"), removed)
			if err := m.load(&fakeCharon{lost: command}); !errors.Is(err, errLost) {
				t.Errorf("%s: %v", command, err)
			}
			if m.peers["pe2"].loaded || m.peers["pe2"].refused != nil {
				t.Errorf("%s: pe2 is %+v", command, m.peers["pe2"])
			}
		}
	})
	t.Run("everything ends", func(t *testing.T) {
		m, c := newLoading(withPSK("pe2"), withKey("pe3", "a")), &fakeCharon{connections: []string{"office"}}
		if err := m.load(c); err != nil {
			t.Fatal(err)
		}
		m.endAll(c)
		if !slices.Equal(c.connections, []string{"office"}) || len(c.secrets) != 0 || len(c.keys) != 0 {
			t.Errorf("charon still has %q, %q, %q", c.connections, c.secrets, c.keys)
		}
	})
}
