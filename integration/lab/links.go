package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Link returns the link of a VPN, as the PE's daemon reports it.
func (pe *PE) Link(ctx context.Context, vpn string) (api.Link, error) {
	links, err := pe.Client().Links(ctx)
	if err != nil {
		return api.Link{}, err
	}
	i := slices.IndexFunc(links, func(l api.Link) bool { return l.VPN == vpn })
	if i < 0 {
		return api.Link{}, fmt.Errorf("%s reports no link of VPN %s", pe.Name, vpn)
	}
	return links[i], nil
}

// WaitUp waits until the link of a VPN is up with IPv4 and IPv6, and came up after a time.
func (pe *PE) WaitUp(ctx context.Context, vpn string, after time.Time) error {
	return pe.waitLink(ctx, vpn, "up", func(l api.Link) bool {
		return l.State == api.LinkUp && l.Since.After(after) && slices.Equal(l.Protocols, []string{"ipv4", "ipv6"})
	})
}

// WaitNotUp waits until the link of a VPN is not up.
func (pe *PE) WaitNotUp(ctx context.Context, vpn string) error {
	return pe.waitLink(ctx, vpn, "not up", func(l api.Link) bool { return l.State != api.LinkUp })
}

func (pe *PE) waitLink(ctx context.Context, vpn, what string, wanted func(api.Link) bool) error {
	return Wait(ctx, fmt.Sprintf("link of %s at %s: %s", vpn, pe.Name, what), func() (bool, string, error) {
		l, err := pe.Link(ctx, vpn)
		if err != nil {
			return false, "", err
		}
		seen, err := json.Marshal(l)
		return wanted(l), string(seen), err
	})
}
