package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) topCommand() *cobra.Command {
	interval := time.Second
	order := choice{value: "name"}
	for _, o := range topOrders {
		order.of = append(order.of, o.name)
	}
	cmd := &cobra.Command{
		Use:     "top",
		Aliases: []string{"watch"},
		Short:   "Show rates, round trips and losses of all links, live",
		Long: `Show all links, updated at each interval: the rate in each direction in bits per second, the round
trip of the last LCP echo, a chart of recent round trips, and the share of recent echoes that were
lost.

The keys n, r, t, e and l sort by name, received, sent, echo and loss; q quits. In a pipe, or with
-o json or yaml, the links are shown once, with the rates of one interval.`,
		Example: `  l2tpvl-ctl top
  l2tpvl-ctl top --sort received --interval 2s
  l2tpvl-ctl top -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().DurationVarP(&interval, "interval", "i", interval, "`duration` between two updates")
	cmd.Flags().Var(&order, "sort", "column to sort by")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(order.of, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if interval < 100*time.Millisecond {
			return &valueError{fmt.Sprintf("--interval %v is too short; want at least 100ms", interval)}
		}
		if a.screen == nil || !a.terminal || a.output.value == outputJSON || a.output.value == outputYAML {
			return a.topOnce(cmd.Context(), interval, order.value)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		return a.topLive(ctx, interval, order.value)
	}
	return cmd
}

// screen is a terminal. Read returns the keys typed.
type screen interface {
	io.Reader
	// Raw makes Read return each key as it is typed, until restore is called.
	Raw() (restore func(), err error)
	Size() (width, height int)
}

// sample is the state of all links at one time.
type sample struct {
	at       time.Time
	links    []api.Link
	sessions map[string]api.Session // by VPN and peer
}

func (a *app) sample(ctx context.Context) (sample, error) {
	links, err := a.client().Links(ctx)
	if err != nil {
		return sample{}, err
	}
	sessions, err := a.client().Sessions(ctx)
	if err != nil {
		return sample{}, err
	}
	l := sample{at: a.now(), links: links, sessions: make(map[string]api.Session)}
	for _, s := range sessions {
		l.sessions[s.VPN+"\x00"+s.Peer] = s
	}
	return l, nil
}

// topRow is a link as top shows it.
type topRow struct {
	VPN     string        `json:"vpn"`
	Peer    string        `json:"peer"`
	State   api.LinkState `json:"state"`
	RxBits  float64       `json:"rx_bits_per_second"`
	TxBits  float64       `json:"tx_bits_per_second"`
	EchoMS  *float64      `json:"echo_ms,omitempty"`
	History []*float64    `json:"history"` // last round trips in ms, oldest first; null: lost
	Loss    float64       `json:"loss"`    // share of History that was lost, 0 to 1
	Drops   uint64        `json:"drops"`
}

// rowsBetween returns the links of now, with the rates since before.
func rowsBetween(before, now sample) []topRow {
	rows := []topRow{}
	for _, l := range now.links {
		key := l.VPN + "\x00" + l.Peer
		was, is := before.sessions[key], now.sessions[key]
		row := topRow{VPN: l.VPN, Peer: l.Peer, State: l.State, EchoMS: l.EchoMS, History: []*float64{}, Drops: is.Counters.Drops}
		sameSession := is.LocalID != "" && is.LocalID == was.LocalID // a new one has new counters
		if seconds := now.at.Sub(before.at).Seconds(); seconds > 0 && sameSession {
			row.RxBits = rate(was.Counters.RxOctets, is.Counters.RxOctets, seconds)
			row.TxBits = rate(was.Counters.TxOctets, is.Counters.TxOctets, seconds)
		}
		if is.Echo != nil && len(is.Echo.History) > 0 {
			row.History = is.Echo.History
			lost := 0
			for _, ms := range row.History {
				if ms == nil {
					lost++
				}
			}
			row.Loss = float64(lost) / float64(len(row.History))
		}
		rows = append(rows, row)
	}
	return rows
}

func rate(was, is uint64, seconds float64) float64 {
	if is < was {
		return 0
	}
	return float64(is-was) * 8 / seconds
}

// topOrders lists the orders of rows, with the key that selects each.
var topOrders = []struct {
	name    string
	key     byte
	compare func(a, b topRow) int
}{
	{"name", 'n', func(a, b topRow) int { return cmp.Or(cmp.Compare(a.VPN, b.VPN), cmp.Compare(a.Peer, b.Peer)) }},
	{"received", 'r', func(a, b topRow) int { return cmp.Compare(b.RxBits, a.RxBits) }},
	{"sent", 't', func(a, b topRow) int { return cmp.Compare(b.TxBits, a.TxBits) }},
	{"echo", 'e', func(a, b topRow) int { return cmp.Compare(echoOrNone(b), echoOrNone(a)) }},
	{"loss", 'l', func(a, b topRow) int { return cmp.Compare(b.Loss, a.Loss) }},
}

func echoOrNone(r topRow) float64 {
	if r.EchoMS == nil {
		return -1
	}
	return *r.EchoMS
}

func sortRows(rows []topRow, order string) {
	for _, o := range topOrders {
		if o.name == order {
			slices.SortStableFunc(rows, o.compare)
		}
	}
}

// topOnce shows the links once, with the rates of one interval.
func (a *app) topOnce(ctx context.Context, interval time.Duration, order string) error {
	before, err := a.sample(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(interval):
	}
	now, err := a.sample(ctx)
	if err != nil {
		return err
	}
	rows := rowsBetween(before, now)
	sortRows(rows, order)
	return show(a, rows, func(rows []topRow, _ time.Time, s style) string {
		return strings.Join(topLines(rows, topNarrow, s), "\n") + "\n"
	})
}

// Control sequences for the terminal.
const (
	screenEnter = "\x1b[?1049h\x1b[?25l" // switch to the alternate screen and hide the cursor
	screenLeave = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	lineEnd     = "\x1b[K\r\n" // clear the rest of the line
	screenRest  = "\x1b[J"     // clear the rest of the screen
)

// topLive shows the links until q, or ctx is done.
func (a *app) topLive(ctx context.Context, interval time.Duration, order string) error {
	restore, err := a.screen.Raw()
	if err != nil {
		return err
	}
	defer restore()
	fmt.Fprint(a.stdout, screenEnter)
	defer fmt.Fprint(a.stdout, screenLeave)

	keys := make(chan byte)
	go func() { // it runs until the program ends
		for key := make([]byte, 1); ; {
			if n, err := a.screen.Read(key); err != nil || n == 0 {
				close(keys)
				return
			}
			keys <- key[0]
		}
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var before, now sample
	var failure error
	fetch := func() {
		var next sample
		if next, failure = a.sample(ctx); failure == nil {
			before, now = now, next
		}
	}
	fetch()
	for {
		rows := rowsBetween(before, now)
		sortRows(rows, order)
		width, height := a.screen.Size()
		a.draw(rows, order, failure, width, height)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			fetch()
		case key, more := <-keys:
			const ctrlC = 3
			if !more || key == 'q' || key == ctrlC {
				return nil
			}
			for _, o := range topOrders {
				if o.key == key {
					order = o.name
				}
			}
		}
	}
}

// draw redraws the screen. If there are too many rows, the last line counts the others. The title
// shows the error of the last update, if it failed.
func (a *app) draw(rows []topRow, order string, failure error, width, height int) {
	s := a.style()
	up := 0
	var rx, tx float64
	for _, r := range rows {
		if r.State == api.LinkUp {
			up++
		}
		rx, tx = rx+r.RxBits, tx+r.TxBits
	}
	title := s.text(clip(fmt.Sprintf("%s  %d of %d links up  rx %s  tx %s  by %s  (sort: n r t e l, quit: q)",
		a.now().Format(time.TimeOnly), up, len(rows), formatBits(rx), formatBits(tx), order), width))
	if failure != nil {
		title = s.paint(red, s.text(clip(failure.Error(), width)))
	}
	lines := append([]string{title, ""}, topLines(rows, width, s)...)
	if room := max(3, height-1); len(lines) > room {
		left := len(lines) - room + 1
		lines = append(lines[:room-1], s.text(fmt.Sprintf("... and %d more", left)))
	}
	var b strings.Builder
	b.WriteString(screenHome)
	for _, line := range lines {
		b.WriteString(line + lineEnd)
	}
	b.WriteString(screenRest)
	_, _ = io.WriteString(a.stdout, b.String()) // if the terminal is gone, reading keys fails too
}
