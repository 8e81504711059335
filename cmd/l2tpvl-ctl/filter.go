package main

import (
	"slices"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// The names that commands select by.
func vpnOfLink(l api.Link) string       { return l.VPN }
func peerOfLink(l api.Link) string      { return l.Peer }
func vpnOfSession(s api.Session) string { return s.VPN }
func nameOfPeer(p api.Peer) string      { return p.Name }

func peerOfProtection(p api.Protection) string { return p.Peer }

// firstOf returns the first argument, or "".
func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// filter returns the elements of list with the name, or all of them if name is "". It reuses the
// memory of list.
func filter[T any](list []T, name string, nameOf func(T) string) []T {
	if name == "" {
		return list
	}
	return slices.DeleteFunc(list, func(t T) bool { return nameOf(t) != name })
}

// pick is filter with an *unknownError if no element has the name.
func pick[T any](list []T, kind, name string, nameOf func(T) string) ([]T, error) {
	if name != "" {
		if err := oneOf(kind, name, namesOf(list, nameOf)); err != nil {
			return nil, err
		}
	}
	return filter(list, name, nameOf), nil
}

// namesOf returns the names in list, sorted and without duplicates.
func namesOf[T any](list []T, nameOf func(T) string) []string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = nameOf(t)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
