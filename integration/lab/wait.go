package lab

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how often Wait looks. It bounds nothing but the time that is lost.
const pollInterval = 25 * time.Millisecond

// Wait looks until done is true. Its error says what was waited for and what was seen last: what
// look returned, or its error, which is taken to pass.
func Wait(ctx context.Context, what string, look func() (done bool, seen string, err error)) error {
	start := time.Now()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		done, seen, err := look()
		if done {
			return nil
		}
		if err != nil {
			seen = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w; last seen: %s",
				time.Since(start).Round(10*time.Millisecond), what, context.Cause(ctx), seen)
		case <-tick.C:
		}
	}
}
