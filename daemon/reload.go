package daemon

import (
	"context"
	"errors"
	"os"
	"strings"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/config/plan"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// Reload is how and when the daemon reads its own configuration again. With the zero value it never
// does.
type Reload struct {
	When  <-chan os.Signal
	File  string // for messages
	Read  func() (*config.Config, error)
	Level zap.AtomicLevel // of the log

	RequireIPsec bool // every configuration with a clear link is rejected, also from API clients
}

// reloadOnSignal reads the configuration again at each signal, until ctx is done.
func (d *Daemon) reloadOnSignal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.reloads.When:
			_, _ = d.reload() // the result is logged
		}
	}
}

// errNoFile is returned by a reload if the daemon has no configuration file.
var errNoFile = errors.New("this daemon was started without a configuration file")

// reload reads the daemon's own configuration again and applies it.
func (d *Daemon) reload() (*plan.Plan, error) {
	if d.reloads.Read == nil {
		return nil, errNoFile
	}
	return d.apply(d.reloads.File, d.reloads.Read)
}

// invalidError is returned for an invalid configuration. It joins one error for each mistake.
type invalidError struct{ error }

// apply reads a configuration and applies it. It logs the result.
func (d *Daemon) apply(file string, read func() (*config.Config, error)) (*plan.Plan, error) {
	log, inFile := d.log.With(zap.String("file", file)), zap.String("file", file)
	to, err := read()
	var p *plan.Plan
	if err != nil {
		err = &invalidError{err}
	} else {
		p, err = d.change(to, log)
	}
	switch {
	case err != nil:
		for line := range strings.Lines(err.Error()) {
			d.events.Publish(api.Event{
				Kind: api.EventReloadFailed, Level: api.EventError, Message: "configuration not applied, nothing changed", Reason: strings.TrimSpace(line),
			}, inFile)
		}
	case p.Empty():
		d.events.Publish(api.Event{Kind: api.EventReloaded, Message: "configuration unchanged"}, inFile)
	default:
		d.events.Publish(api.Event{Kind: api.EventReloaded, Message: "configuration applied"}, append(counts(p), inFile)...)
	}
	return p, err
}

// counts returns how many links are added, removed, restarted and changed in place.
func counts(p *plan.Plan) []zap.Field {
	n := make(map[plan.Action]int)
	for _, l := range p.Links {
		n[l.Action]++
	}
	return []zap.Field{
		zap.Int("links_added", n[plan.Add]), zap.Int("links_removed", n[plan.Remove]),
		zap.Int("links_restarted", n[plan.Restart]), zap.Int("links_changed", n[plan.Change]),
	}
}

// logPlan logs the steps of a plan before they are taken.
func logPlan(log *zap.Logger, p *plan.Plan) {
	step := func(what string, action plan.Action, changes []config.Change, fields ...zap.Field) {
		if len(changes) > 0 {
			fields = append(fields, zap.String("because", changesText(changes)))
		}
		log.Info("configuration change: "+string(action)+" "+what, fields...)
	}
	if len(p.Daemon) > 0 {
		step("the daemon", plan.Change, p.Daemon)
	}
	for _, r := range p.Routers {
		step("virtual router", r.Action, nil, zap.Stringer("vr", &r.VR))
	}
	for _, c := range p.Connections {
		step("control connection", c.Action, c.Changes, zap.String("peer", c.Peer), zap.String("ipsec", string(c.Class)))
	}
	for _, l := range p.Links {
		step("link", l.Action, append(l.Of[:len(l.Of):len(l.Of)], l.Changes...), zap.String("vpn", l.VPN), zap.String("peer", l.Peer))
	}
}
