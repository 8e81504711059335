package linux

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/vishvananda/netlink"
)

func TestInterruptedDumpIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		got, err := dump(func() ([]int, error) {
			if calls++; calls < 5 {
				return []int{1}, netlink.ErrDumpInterrupted
			}
			return []int{1, 2}, nil
		})
		if err != nil || !slices.Equal(got, []int{1, 2}) {
			t.Errorf("got %v, %v after %d calls; want the complete list", got, err, calls)
		}
		if _, err := dump(func() ([]int, error) { return nil, netlink.ErrDumpInterrupted }); !errors.Is(err, netlink.ErrDumpInterrupted) {
			t.Errorf("a dump that is always interrupted: %v, want ErrDumpInterrupted", err)
		}
		broken := errors.New("broken")
		calls = 0
		if _, err := dump(func() ([]int, error) { calls++; return nil, broken }); !errors.Is(err, broken) || calls != 1 {
			t.Errorf("another error: %v after %d calls, want it after one", err, calls)
		}
	})
}
