package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/config/plan"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
)

// Plan implements rest.Backend.
func (d *Daemon) Plan(in api.Configuration) (api.Plan, error) {
	read, err := d.reader(in)
	if err != nil {
		return api.Plan{}, err
	}
	to, err := read()
	if err != nil {
		return api.Plan{}, refusalOf(&mistakesError{err})
	}
	from := d.cfg()
	return describePlan(plan.Make(from, to), from), nil
}

// Apply implements rest.Backend.
func (d *Daemon) Apply(in api.Configuration) (api.Plan, error) {
	read, err := d.reader(in)
	if err != nil {
		return api.Plan{}, err
	}
	from := d.cfg()
	p, err := d.take(in.File, read)
	if err != nil {
		return api.Plan{}, refusalOf(err)
	}
	told := describePlan(p, from)
	if note := d.ownFileNote(); note != "" {
		told.Notes = append(told.Notes, note)
	}
	return told, nil
}

// Reload implements rest.Backend.
func (d *Daemon) Reload() (api.Plan, error) {
	from := d.cfg()
	p, err := d.reread()
	if err != nil {
		return api.Plan{}, refusalOf(err)
	}
	return describePlan(p, from), nil
}

// reader reads the configuration that comes with a request.
func (d *Daemon) reader(in api.Configuration) (func() (*config.Config, error), error) {
	if !filepath.IsAbs(in.File) {
		return nil, rest.BadRequest("file is %q; want an absolute path: relative names in the configuration start at its folder", in.File)
	}
	return func() (*config.Config, error) {
		cfg, err := config.Parse(in.File, []byte(in.Text))
		if err == nil && d.reloads.RequireIPsec {
			err = cfg.RefuseClear(in.File)
		}
		return cfg, err
	}, nil
}

// ownFileNote says that the daemon's own file is not what runs now, if that is so.
func (d *Daemon) ownFileNote() string {
	if d.reloads.Read == nil {
		return ""
	}
	const when = "which l2tpvld reads on reload, on SIGHUP and when it is started"
	own, err := d.reloads.Read()
	switch {
	case err != nil:
		return fmt.Sprintf("%s, %s, has mistakes: l2tpvld --check --config %s", d.reloads.File, when, d.reloads.File)
	case !plan.Make(d.cfg(), own).Empty():
		return fmt.Sprintf("%s, %s, is not what runs now: change it too, or this is lost then", d.reloads.File, when)
	}
	return ""
}

// refusalOf says what was wrong with a configuration; other errors stay as they are.
func refusalOf(err error) error {
	if mistakes, ok := errors.AsType[*mistakesError](err); ok {
		return &rest.Error{
			Status: http.StatusUnprocessableEntity, Text: "the configuration has mistakes; nothing is changed",
			Details: strings.Split(mistakes.Error(), "\n"),
		}
	}
	if restart, ok := errors.AsType[*restartError](err); ok {
		return rest.Conflict("%v", restart)
	}
	return err
}

// describePlan tells of a plan.
func describePlan(p *plan.Plan, from *config.Config) api.Plan {
	told := api.Plan{
		Restart: list(p.Restart), Daemon: list(p.Daemon),
		Routers: []api.PlanOfRouter{}, Connections: []api.PlanOfConnection{}, Links: []api.PlanOfLink{},
	}
	for _, r := range p.Routers {
		told.Routers = append(told.Routers, api.PlanOfRouter{VR: r.VR.String(), Action: api.Action(r.Action)})
	}
	for _, c := range p.Connections {
		told.Connections = append(told.Connections, api.PlanOfConnection{
			Peer: c.Peer, IPsec: string(c.Class), Action: api.Action(c.Action), Changes: list(c.Changes),
		})
	}
	told.Untouched = len(linksOf(from))
	for _, l := range p.Links {
		told.Links = append(told.Links, api.PlanOfLink{
			VPN: l.VPN, Peer: l.Peer, Action: api.Action(l.Action), Changes: list(l.Changes), Because: list(l.Of),
		})
		if l.Action != plan.Add {
			told.Untouched--
		}
	}
	return told
}

// list are changes as people read them.
func list(changes []config.Change) []string {
	list := []string{}
	for _, c := range changes {
		list = append(list, c.String())
	}
	return list
}
