package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// actions lists the actions of a plan, in the order of the summary.
var actions = []struct {
	action api.Action
	done   string // as a participle
	effect string // on a link
	colour colour
}{
	{api.ActionAdd, "added", "comes up", green},
	{api.ActionRemove, "removed", "goes down", red},
	{api.ActionRestart, "restarted", "goes down, then comes up again", yellow},
	{api.ActionChange, "changed in place", "stays up", none},
}

// renderPlan returns a function that renders a plan. would is "would be " for changes that are only
// planned, "" for changes that were made.
func renderPlan(would string) func(p api.Plan, _ time.Time, s style) string {
	return func(p api.Plan, _ time.Time, s style) string {
		var b strings.Builder
		if len(p.Restart) > 0 {
			b.WriteString(s.text("These changes require a restart of l2tpvld: "+strings.Join(p.Restart, "; ")) + "\n")
			b.WriteString("While the file contains them, none of its changes can be applied.\n\n")
		}
		t := table{titles: []string{"ACTION", "WHAT", "EFFECT", "BECAUSE"}}
		row := func(action api.Action, what string, link bool, changes []string) {
			for _, x := range actions {
				if x.action == action {
					effect := ""
					if link {
						effect = x.effect
					}
					t.add(cell{text: string(action), colour: x.colour}, plain(what), plain(effect), plain(strings.Join(changes, "; ")))
				}
			}
		}
		if len(p.Daemon) > 0 {
			row(api.ActionChange, "l2tpvld itself", false, p.Daemon)
		}
		for _, r := range p.Routers {
			row(r.Action, "virtual router "+r.VR, false, nil)
		}
		for _, c := range p.Connections {
			what := "control connection to " + c.Peer
			if c.IPsec != "none" {
				what += ", protected"
			}
			row(c.Action, what, false, c.Changes)
		}
		counts := make(map[api.Action]int)
		for _, l := range p.Links {
			counts[l.Action]++
			row(l.Action, fmt.Sprintf("link %s ⇄ %s", l.VPN, l.Peer), true, append(prefixed(l.Peer+": ", l.Because), l.Changes...))
		}
		if len(t.rows) > 0 {
			b.WriteString(t.render(s) + "\n")
		}
		var parts []string
		for _, x := range actions {
			if n := counts[x.action]; n > 0 {
				parts = append(parts, fmt.Sprintf("%s %s%s", linkCount(n), would, x.done))
			}
		}
		switch {
		case len(parts) > 0:
			fmt.Fprintf(&b, "%s; %s unchanged\n", strings.Join(parts, ", "), linkCount(p.Untouched))
		case len(t.rows) > 0:
			fmt.Fprintf(&b, "%s unchanged\n", linkCount(p.Untouched))
		case len(p.Restart) == 0:
			b.WriteString("no changes\n")
		}
		for _, note := range p.Notes {
			b.WriteString("\n" + s.text("Note: "+note) + "\n")
		}
		return b.String()
	}
}

// prefixed returns the texts with prefix before each.
func prefixed(prefix string, texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, prefix+text)
	}
	return all
}

// linkCount returns "1 link" or a number with "links".
func linkCount(n int) string {
	if n == 1 {
		return "1 link"
	}
	return fmt.Sprintf("%d links", n)
}
