package floor

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The floor that is gone is put there again until it stands, and the failure is told once.
func TestInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		start, tries, told := time.Now(), 0, 0
		done := insist(closing, func() error {
			if tries++; tries <= 10 {
				return errors.New("no memory")
			}
			return nil
		}, func(error) { told++ })
		if took := time.Since(start); !done || tries != 11 || told != 1 || took < 30*time.Second || took > time.Minute {
			t.Errorf("done %v after %d tries in %v, told %d times", done, tries, took, told)
		}

		time.AfterFunc(time.Hour, func() { close(closing) })
		start = time.Now()
		done = insist(closing, func() error { return errors.New("no memory") }, func(error) {})
		if took := time.Since(start); done || took != time.Hour {
			t.Errorf("done %v after %v, though it was closed after an hour", done, took)
		}
	})
}
