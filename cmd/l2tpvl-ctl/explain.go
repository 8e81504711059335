package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain VPN PEER",
		Short: "Explain why a link is up or down, and what to do",
		Long: `Explain the state of the link of a VPN to a peer. Its layers are listed from the configuration up
to the addresses, with the first one that is broken and what to do about it.

The exit status is 1 if the link is not up.`,
		Example: `  l2tpvl-ctl explain green pe3
  l2tpvl-ctl explain green pe3 -o json`,
		Args:              linkArgs,
		ValidArgsFunction: completion(a.listVPNs, a.listPeersOfVPN),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.explain(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if err := show(a, e, renderExplanation); err != nil {
				return err
			}
			if e.Link.State != api.LinkUp {
				return &negativeError{}
			}
			return nil
		},
	}
}

// explain requests the explanation of a link. If the daemon does not know the link, the error names
// the argument that is wrong, according to the daemon's list of links.
func (a *app) explain(ctx context.Context, vpn, peer string) (api.Explanation, error) {
	e, err := a.client().Explain(ctx, vpn, peer)
	if status, ok := errors.AsType[*api.StatusError](err); !ok || status.Code != http.StatusNotFound {
		return e, err
	}
	links, linksErr := a.client().Links(ctx)
	if linksErr != nil {
		return e, err
	}
	links, unknown := pick(links, "VPN", vpn, vpnOfLink)
	if unknown == nil {
		_, unknown = pick(links, "link of VPN "+vpn+" to peer", peer, peerOfLink)
	}
	return e, cmp.Or(unknown, err)
}

// renderExplanation uses the daemon's clock, in the time zone of now.
func renderExplanation(e api.Explanation, now time.Time, s style) string {
	l, now := e.Link, e.Now.In(now.Location())
	var b strings.Builder

	state := s.paint(stateColour(l.State == api.LinkUp, l.State == api.LinkDown), s.text(strings.ToUpper(string(l.State))))
	b.WriteString(s.text(l.VPN+" ⇄ "+l.Peer) + " is " + state + s.text(circumstances(l, now)) + "\n\n")

	steps := joinSkipped(e.Steps)
	signs, layers := 0, 0
	for i := range steps {
		step := &steps[i]
		step.Layer, step.Text = s.text(step.Layer), s.text(step.Text)
		sign, _ := s.mark(step.Mark)
		signs = max(signs, displayWidth(sign))
		if step.Mark != api.MarkSkipped { // a line of skipped layers may be wider than the column
			layers = max(layers, displayWidth(step.Layer))
		}
	}
	for _, step := range steps {
		sign, colour := s.mark(step.Mark)
		b.WriteString("  " + s.paint(colour, sign) + spaces(signs-displayWidth(sign)) + " " +
			step.Layer + spaces(layers-displayWidth(step.Layer)) + " " + step.Text + "\n")
	}

	if e.Advice != "" {
		b.WriteString("\n  " + s.paint(bold, "What to do:") + " " + s.text(e.Advice) + "\n")
	}
	return b.String()
}

// circumstances returns how long the link has been in its state, and when it is retried.
func circumstances(l api.Link, now time.Time) string {
	text := fmt.Sprintf(" since %s (%s)", formatClock(l.Since, now), api.DurationText(now.Sub(l.Since)))
	if l.RetryAt != nil {
		if left := l.RetryAt.Sub(now); left > 0 {
			text += ", retrying in " + api.DurationText(left)
		} else {
			text += ", retrying now"
		}
	}
	if l.Attempt > 0 && l.State != api.LinkUp {
		text += fmt.Sprintf(" (attempt %d)", l.Attempt)
	}
	return text
}

// joinSkipped joins consecutive skipped steps that have the same text.
func joinSkipped(steps []api.Step) []api.Step {
	var joined []api.Step
	for _, step := range steps {
		if step.Mark == api.MarkSkipped {
			step.Text = cmp.Or(step.Text, "not reached")
			if n := len(joined); n > 0 && joined[n-1].Mark == step.Mark && joined[n-1].Text == step.Text {
				joined[n-1].Layer += ", " + step.Layer
				continue
			}
		}
		joined = append(joined, step)
	}
	return joined
}

// linkArgs accepts the names of a VPN and of a peer.
func linkArgs(_ *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("explain requires a VPN and a peer, for example: l2tpvl-ctl explain red pe2")
	}
	return nil
}
