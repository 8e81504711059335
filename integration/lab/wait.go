package lab

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is the time between two calls of look by Wait.
const pollInterval = 25 * time.Millisecond

// Wait calls look until done is true or ctx ends. The error of Wait names what was waited for and
// the last result of look: seen, or err. An error of look does not end Wait.
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
