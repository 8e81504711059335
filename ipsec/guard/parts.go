package guard

import (
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/floor"
	"github.com/l2tpvl/l2tpvl/ipsec/strongswan"
)

// rules are the methods of floor.Floor that a guard uses.
type rules interface {
	Install(peer string, flow ipsec.Flow) error
	Remove(peer string) error
	Claim() (bool, error)
	Tidy() error
	Installed(peer string) bool
	Drops(peer string) (out, in uint64)
	Close() error
}

// keyManager are the methods of strongswan.KeyManager that a guard uses.
type keyManager interface {
	Set(ipsec.Peer) error
	Remove(name string)
	Reconnect(name string) error
	Tidy(names []string)
	Status(name string, status *ipsec.Status)
	Close() error
}

// parts are the functions by which a guard reaches the kernel and strongSwan. Tests replace them.
type parts struct {
	probe          func() error         // ProbeESP
	floorExists    func() (bool, error) // floor.Exists
	openFloor      func(changed func(restored bool, why string)) (rules, error)
	openKeyManager func(socket string, notify func(ipsec.Event)) (keyManager, error)
}

var realParts = parts{
	probe:       ProbeESP,
	floorExists: floor.Exists,
	openFloor: func(changed func(restored bool, why string)) (rules, error) {
		f, err := floor.New(changed)
		if err != nil {
			return nil, err // not an interface that holds a nil pointer
		}
		return f, nil
	},
	openKeyManager: func(socket string, notify func(ipsec.Event)) (keyManager, error) {
		m, err := strongswan.New(socket, notify)
		if err != nil {
			return nil, err
		}
		return m, nil
	},
}
