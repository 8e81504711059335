package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Link is a VPN's link as the PE's daemon tells.
func (pe *PE) Link(ctx context.Context, vpn string) (api.Link, error) {
	links, err := pe.Client().Links(ctx)
	if err != nil {
		return api.Link{}, err
	}
	i := slices.IndexFunc(links, func(l api.Link) bool { return l.VPN == vpn })
	if i < 0 {
		return api.Link{}, fmt.Errorf("%s tells of no link of %s", pe.Name, vpn)
	}
	return links[i], nil
}

// WaitUp waits until a VPN's link carries both protocols, and has come up after that time.
func (pe *PE) WaitUp(ctx context.Context, vpn string, after time.Time) error {
	return pe.waitLink(ctx, vpn, "up", func(l api.Link) bool {
		return l.State == api.LinkUp && l.Since.After(after) && slices.Equal(l.Protocols, []string{"ipv4", "ipv6"})
	})
}

// WaitNotUp waits until a VPN's link is not up.
func (pe *PE) WaitNotUp(ctx context.Context, vpn string) error {
	return pe.waitLink(ctx, vpn, "not up", func(l api.Link) bool { return l.State != api.LinkUp })
}

func (pe *PE) waitLink(ctx context.Context, vpn, to string, is func(api.Link) bool) error {
	return Wait(ctx, fmt.Sprintf("%s's link of %s to be %s", pe.Name, vpn, to), func() (bool, string, error) {
		l, err := pe.Link(ctx, vpn)
		if err != nil {
			return false, "", err
		}
		seen, err := json.Marshal(l)
		return is(l), string(seen), err
	})
}
