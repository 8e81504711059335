package daemon

import (
	"bytes"
	"context"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Reload says when the configuration is to be read again, and how. The zero value: never.
type Reload struct {
	When <-chan os.Signal
	Read func() (*config.Config, error)
}

// reload takes new secrets of peers from the configuration whenever it is told to, until ctx is done. All else is for a
// restart.
func (d *Daemon) reload(ctx context.Context, r Reload) {
	running := d.cfg
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.When:
		}
		next, err := r.Read()
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				d.log.Error("configuration not reloaded, nothing is changed", event(api.EventReloadFailed), zap.String("reason", strings.TrimSpace(line)))
			}
			continue
		}
		running = d.takeSecrets(running, next)
		if rest := config.Differences(running, next); len(rest) > 0 {
			d.log.Warn("only secrets of peers are reloaded; the rest needs a restart", zap.Strings("changed", rest))
		}
		d.log.Info("configuration reloaded", event(api.EventReloaded))
	}
}

// takeSecrets changes the secrets of peers, where there were and are any, to those of next. It returns what runs then.
func (d *Daemon) takeSecrets(running, next *config.Config) *config.Config {
	now := *running
	now.Peers = append([]config.Peer(nil), running.Peers...)
	fresh := make(map[string]config.Peer)
	for _, p := range next.Peers {
		fresh[p.Name] = p
	}
	for i := range now.Peers {
		p := &now.Peers[i]
		f, found := fresh[p.Name]
		if !found || len(f.Secret) == 0 || len(p.Secret) == 0 ||
			bytes.Equal(f.Secret, p.Secret) && bytes.Equal(f.NextSecret, p.NextSecret) {
			continue
		}
		p.Secret, p.NextSecret = f.Secret, f.NextSecret
		d.setSecrets(p.Name, f.Secret, f.NextSecret)
	}
	return &now
}

// setSecrets changes the secrets of a peer in place: control connections and links stay.
func (d *Daemon) setSecrets(peer string, secret, next config.Secret) {
	for _, l := range d.loops {
		if l.peer.Name == peer {
			l.post(func(now time.Time) {
				l.pair.SetSecrets(now, secret, next, &l.out)
				l.log.Info("secrets changed", event(api.EventSecretsChanged), zap.Bool("next_secret", next != nil))
			})
		}
	}
}
