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

// Explain explains the state of a VPN's link to a peer. The views are those of this peer, one for
// each class. If no view has a link of the VPN, found is false.
func Explain(views []View, vpn string) (x api.Explanation, found bool) {
	// The peer's requests on the wrong connection are in the view of the other class.
	wrongClass := make(map[endid.VPNID]time.Time)
	for _, v := range views {
		maps.Copy(wrongClass, v.WrongClass)
	}
	for _, v := range views {
		for i := range v.Links {
			if l := &v.Links[i]; l.Config.VPN == vpn {
				v.WrongClass = wrongClass
				v.Count()
				return explainLink(&v, l), true
			}
		}
	}
	return api.Explanation{}, false
}

// finding is the state of one layer.
type finding struct {
	mark   api.Mark
	text   string
	advice string // what to do about a broken layer
}

func fine(format string, args ...any) finding {
	return finding{mark: api.MarkOK, text: fmt.Sprintf(format, args...)}
}

func pending(format string, args ...any) finding {
	return finding{mark: api.MarkPending, text: fmt.Sprintf(format, args...)}
}

// fineBefore returns the finding for a layer that came up in the last attempt and is not yet
// reached by the current one.
func fineBefore(text string) finding { return fine("%s in the last attempt", text) }

func skipped(text string) finding { return finding{mark: api.MarkSkipped, text: text} }

func broken(text, advice string) finding {
	return finding{mark: api.MarkFailed, text: text, advice: advice}
}

// explainer examines one link. It has a method for each layer.
type explainer struct {
	*View
	l *session.LinkStatus
}

// explainLink examines the layers from the configuration up to the first that is not up.
func explainLink(v *View, l *session.LinkStatus) api.Explanation {
	e := explainer{v, l}
	x := api.Explanation{Link: v.Link(l), Now: v.Now}
	type layer struct {
		name    string
		examine func() finding
		// independent marks a layer that the layers after it do not depend on.
		independent bool
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
			f = layer.examine()
		}
		if f.mark == api.MarkFailed || f.mark == api.MarkPending {
			reached = reached && layer.independent
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
			fmt.Sprintf("The operator has disabled this link. Enable it with `l2tpvl-ctl up %s %s`.", c.VPN, e.Peer))
	}
	return fine("VPN-ID %s, VR %s, IPsec %s", c.VPNID, c.VR, e.Class)
}

// failedAt reports whether the last attempt failed at that layer and the current attempt has not
// passed it.
func (e explainer) failedAt(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer == layer && (e.l.Up || reached(e.l) <= layer)
}

// failedBeyond reports whether the last attempt failed at a layer above that one.
func (e explainer) failedBeyond(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer > layer
}

// retryText returns when the next attempt starts, as the end of a text; "" if none is scheduled.
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
