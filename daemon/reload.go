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

// Reload says where the daemon's own configuration is, and when it is to be read again. The zero
// value: nowhere, and never.
type Reload struct {
	When  <-chan os.Signal
	File  string // for people
	Read  func() (*config.Config, error)
	Level zap.AtomicLevel // of the log

	RequireIPsec bool // no configuration with a link in clear is taken, whoever sends it
}

// reload reads the configuration again whenever it is told to, until ctx is done.
func (d *Daemon) reload(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.reloads.When:
			_, _ = d.reread() // the log has been told
		}
	}
}

// errNoFile is why there is nothing to read.
var errNoFile = errors.New("this daemon was started without a configuration file")

// reread takes the daemon's own configuration as it is now.
func (d *Daemon) reread() (*plan.Plan, error) {
	if d.reloads.Read == nil {
		return nil, errNoFile
	}
	return d.take(d.reloads.File, d.reloads.Read)
}

// mistakesError is what is wrong with a configuration: it joins one error for each mistake.
type mistakesError struct{ error }

// take reads a configuration and makes it run. What comes of it is logged.
func (d *Daemon) take(file string, read func() (*config.Config, error)) (*plan.Plan, error) {
	log, in := d.log.With(zap.String("file", file)), zap.String("file", file)
	to, err := read()
	var p *plan.Plan
	if err != nil {
		err = &mistakesError{err}
	} else {
		p, err = d.change(to, log)
	}
	switch {
	case err != nil:
		for line := range strings.Lines(err.Error()) {
			d.events.Publish(api.Event{
				Kind: api.EventReloadFailed, Level: api.EventError, Message: "configuration not taken, nothing is changed", Reason: strings.TrimSpace(line),
			}, in)
		}
	case p.Empty():
		d.events.Publish(api.Event{Kind: api.EventReloaded, Message: "configuration read, nothing to change"}, in)
	default:
		d.events.Publish(api.Event{Kind: api.EventReloaded, Message: "configuration changed"}, append(counts(p), in)...)
	}
	return p, err
}

// counts are how many links come, go, restart and change in place.
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

// tell logs what is about to be done.
func tell(log *zap.Logger, p *plan.Plan) {
	step := func(what string, action plan.Action, changes []config.Change, fields ...zap.Field) {
		if len(changes) > 0 {
			fields = append(fields, zap.String("because", texts(changes)))
		}
		log.Info("change of configuration: "+string(action)+" "+what, fields...)
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
