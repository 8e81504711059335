package floor

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A failing restoration is repeated until it succeeds, and the failure is reported once.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		start, tries, reported := time.Now(), 0, 0
		done := retry(closing, func() error {
			if tries++; tries <= 10 {
				return errors.New("no memory")
			}
			return nil
		}, func(error) { reported++ })
		if took := time.Since(start); !done || tries != 11 || reported != 1 || took < 30*time.Second || took > time.Minute {
			t.Errorf("done %v after %d attempts in %v, reported %d times", done, tries, took, reported)
		}

		time.AfterFunc(time.Hour, func() { close(closing) })
		start = time.Now()
		done = retry(closing, func() error { return errors.New("no memory") }, func(error) {})
		if took := time.Since(start); done || took != time.Hour {
			t.Errorf("done %v after %v, want an end when it is closed after an hour", done, took)
		}
	})
}
