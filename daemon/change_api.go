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
		return api.Plan{}, restError(&invalidError{err})
	}
	from := d.cfg()
	return apiPlan(plan.Make(from, to), from), nil
}

// Apply implements rest.Backend.
func (d *Daemon) Apply(in api.Configuration) (api.Plan, error) {
	read, err := d.reader(in)
	if err != nil {
		return api.Plan{}, err
	}
	from := d.cfg()
	p, err := d.apply(in.File, read)
	if err != nil {
		return api.Plan{}, restError(err)
	}
	out := apiPlan(p, from)
	if note := d.ownFileNote(); note != "" {
		out.Notes = append(out.Notes, note)
	}
	return out, nil
}

// Reload implements rest.Backend.
func (d *Daemon) Reload() (api.Plan, error) {
	from := d.cfg()
	p, err := d.reload()
	if err != nil {
		return api.Plan{}, restError(err)
	}
	return apiPlan(p, from), nil
}

// reader returns a function that reads the configuration in a request.
func (d *Daemon) reader(in api.Configuration) (func() (*config.Config, error), error) {
	if !filepath.IsAbs(in.File) {
		return nil, rest.BadRequest("file is %q; want an absolute path, because relative names in the configuration start at its folder", in.File)
	}
	return func() (*config.Config, error) {
		cfg, err := config.Parse(in.File, []byte(in.Text))
		if err == nil && d.reloads.RequireIPsec {
			err = cfg.RefuseClear(in.File)
		}
		return cfg, err
	}, nil
}

// ownFileNote returns a note if the daemon's own file is not the running configuration; empty: it
// is.
func (d *Daemon) ownFileNote() string {
	if d.reloads.Read == nil {
		return ""
	}
	const when = "which l2tpvld reads at start, on reload and on SIGHUP"
	own, err := d.reloads.Read()
	switch {
	case err != nil:
		return fmt.Sprintf("%s, %s, is invalid: run l2tpvld --check --config %s", d.reloads.File, when, d.reloads.File)
	case !plan.Make(d.cfg(), own).Empty():
		return fmt.Sprintf("%s, %s, differs from the running configuration: change it too, or this change is lost then", d.reloads.File, when)
	}
	return ""
}

// restError returns the error of a configuration with its HTTP status; other errors are unchanged.
func restError(err error) error {
	if invalid, ok := errors.AsType[*invalidError](err); ok {
		return &rest.Error{
			Status: http.StatusUnprocessableEntity, Text: "invalid configuration; nothing was changed",
			Details: strings.Split(invalid.Error(), "\n"),
		}
	}
	if restart, ok := errors.AsType[*restartError](err); ok {
		return rest.Conflict("%v", restart)
	}
	return err
}

// apiPlan returns a plan in the form of the API.
func apiPlan(p *plan.Plan, from *config.Config) api.Plan {
	out := api.Plan{
		Restart: changeTexts(p.Restart), Daemon: changeTexts(p.Daemon),
		Routers: []api.PlanOfRouter{}, Connections: []api.PlanOfConnection{}, Links: []api.PlanOfLink{},
	}
	for _, r := range p.Routers {
		out.Routers = append(out.Routers, api.PlanOfRouter{VR: r.VR.String(), Action: api.Action(r.Action)})
	}
	for _, c := range p.Connections {
		out.Connections = append(out.Connections, api.PlanOfConnection{
			Peer: c.Peer, IPsec: string(c.Class), Action: api.Action(c.Action), Changes: changeTexts(c.Changes),
		})
	}
	out.Untouched = len(linksOf(from))
	for _, l := range p.Links {
		out.Links = append(out.Links, api.PlanOfLink{
			VPN: l.VPN, Peer: l.Peer, Action: api.Action(l.Action), Changes: changeTexts(l.Changes), Because: changeTexts(l.Of),
		})
		if l.Action != plan.Add {
			out.Untouched--
		}
	}
	return out
}

// changeTexts returns changes as text.
func changeTexts(changes []config.Change) []string {
	texts := []string{}
	for _, c := range changes {
		texts = append(texts, c.String())
	}
	return texts
}
