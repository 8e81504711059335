package kernel

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
)

// home is the network namespace that a tunnel was opened in. Sockets remember where they were made,
// but a PPP channel is looked for in the namespace of the thread that asks.
type home struct{ netns.NsHandle }

// do runs f on a thread that is at home. A thread that cannot go back to where it was is thrown
// away.
func (h home) do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // a goroutine that ends while locked takes its thread along
		here, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("ask for the network namespace: %w", err)
			return
		}
		defer here.Close()
		away := !here.Equal(h.NsHandle)
		if away {
			err = netns.Set(h.NsHandle)
		}
		if err == nil {
			err = f()
		}
		if !away || netns.Set(here) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
