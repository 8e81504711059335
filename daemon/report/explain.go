package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/session"
)

// Explain reports why the link of a VPN is as it is. The views are those of one peer, of all
// classes; found is false if none has a link of that VPN.
func Explain(views []View, vpn string) (x api.Explanation, found bool) {
	astray := make(map[endid.VPNID]time.Time) // requests for it arrive at the views of the other class
	for _, v := range views {
		maps.Copy(astray, v.WrongClass)
	}
	for _, v := range views {
		for i := range v.Links {
			if l := &v.Links[i]; l.Config.VPN == vpn {
				v.WrongClass = astray
				v.Count()
				return explainLink(&v, l), true
			}
		}
	}
	return api.Explanation{}, false
}

// finding is what was found of one layer.
type finding struct {
	mark   api.Mark
	text   string
	advice string // what to do, if it is broken
}

func fine(format string, args ...any) finding {
	return finding{mark: api.MarkOK, text: fmt.Sprintf(format, args...)}
}

func pending(format string, args ...any) finding {
	return finding{mark: api.MarkPending, text: fmt.Sprintf(format, args...)}
}

// seen is a layer that the last attempt has got beyond, and the present one has not reached.
func seen(text string) finding { return fine("%s in the last attempt", text) }

func skipped(text string) finding { return finding{mark: api.MarkSkipped, text: text} }

func broken(text, advice string) finding {
	return finding{mark: api.MarkFailed, text: text, advice: advice}
}

// explainer looks at one link.
type explainer struct {
	*View
	l *session.LinkStatus
}

// explainLink walks the layers from the configuration up to the first that is not there.
func explainLink(v *View, l *session.LinkStatus) api.Explanation {
	e := explainer{v, l}
	x := api.Explanation{Link: v.Link(l), Now: v.Now}
	type layer struct {
		name string
		look func() finding
		// beside marks a layer whose failure does not keep those after it from working.
		beside bool
	}
	layers := []layer{
		{"configuration", e.configuration, false},
		{"peer", e.peer, false},
		{"control connection", e.connection, false},
		{"session", e.session, false},
		{"LCP", e.lcp, false},
		{"IPCP", e.ipcp, true},
		{"IPV6CP", e.ipv6cp, true},
		{"interface", e.iface, false},
		{"address", e.address, false},
	}
	if e.Class == config.IPsecRequired {
		layers = slices.Insert(layers, 2, layer{"IPsec", e.ipsec, false})
	}
	reached := true
	for _, layer := range layers {
		f := finding{mark: api.MarkSkipped}
		if reached {
			f = layer.look()
		}
		if f.mark == api.MarkFailed || f.mark == api.MarkPending {
			reached = reached && layer.beside
		}
		if x.Advice == "" {
			x.Advice = f.advice
		}
		x.Steps = append(x.Steps, api.Step{Layer: layer.name, Mark: f.mark, Text: f.text})
	}
	return x
}

func (e explainer) configuration() finding {
	c := &e.l.Config
	if c.Disabled {
		return broken(fmt.Sprintf("VPN-ID %s, VR %s: %s", c.VPNID, c.VR, e.l.Reason),
			fmt.Sprintf("An operator has taken it down; `l2tpvl-ctl up %s %s` lets it come up again.", c.VPN, e.Peer))
	}
	return fine("VPN-ID %s, VR %s, IPsec %s", c.VPNID, c.VR, e.Class)
}

// failedAt reports whether the last attempt has failed at that layer, and the present one has not
// got beyond it.
func (e explainer) failedAt(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer == layer && (e.l.Up || reached(e.l) <= layer)
}

// failedBeyond reports whether the last attempt has failed only after that layer was there.
func (e explainer) failedBeyond(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer > layer
}

// retryText says when the next attempt is, if one waits for its time.
func (e explainer) retryText() string {
	at := e.l.CallAt
	if at.IsZero() {
		at = e.retryAt()
	}
	if !at.After(e.Now) {
		return ""
	}
	return fmt.Sprintf("; next attempt in %s", api.DurationText(at.Sub(e.Now)))
}
