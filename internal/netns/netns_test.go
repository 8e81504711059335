package netns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// create returns a namespace that is open until the test ends.
func create(t *testing.T) Handle {
	t.Helper()
	h, err := New()
	if err != nil {
		t.Fatalf("the tests create network namespaces, run them as root: %v", err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// thread identifies the network namespace of the calling thread.
func thread(t *testing.T) string {
	t.Helper()
	h, err := Current()
	if err != nil {
		t.Error(err)
	}
	defer h.Close()
	return h.UniqueId()
}

func TestDo(t *testing.T) {
	home := thread(t)
	handles := []Handle{create(t), create(t)}

	// Many at once, one in another: each is where it should be, and no thread stays there.
	var work sync.WaitGroup
	for i := range 100 {
		outer, inner := handles[i%2], handles[(i+1)%2]
		work.Go(func() {
			err := Do(outer, func() error {
				if got := thread(t); got != outer.UniqueId() {
					t.Errorf("outer: in namespace %v, want %v", got, outer.UniqueId())
				}
				err := Do(inner, func() error {
					if got := thread(t); got != inner.UniqueId() {
						t.Errorf("inner: in namespace %v, want %v", got, inner.UniqueId())
					}
					return nil
				})
				if got := thread(t); got != outer.UniqueId() {
					t.Errorf("outer, after inner: in namespace %v, want %v", got, outer.UniqueId())
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if got := thread(t); got != home {
				t.Errorf("after Do: in namespace %v, want %v", got, home)
			}
		})
	}
	work.Wait()
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tasks {
		h, err := Open(path)
		if err != nil {
			continue // the thread has ended
		}
		if got := h.UniqueId(); got != home {
			t.Errorf("%s is in namespace %v, want %v", path, got, home)
		}
		h.Close()
	}
}

func TestErrors(t *testing.T) {
	h := create(t)
	failure := errors.New("failure")
	if err := Do(h, func() error { return failure }); err != failure {
		t.Errorf("got %v, want the error of the function", err)
	}
	if err := Do(h, func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("a function that ended its goroutine: no error")
	}
	ran := false
	run := func() error { ran = true; return nil }
	if err := Run(func() error { return failure }, run); err != failure || ran {
		t.Errorf("enter failed: got %v, ran %v; want its error, and the function not to run", err, ran)
	}
	if err := Do(None, run); !errors.Is(err, unix.EBADF) || ran {
		t.Errorf("no namespace: got %v, ran %v; want EBADF, and the function not to run", err, ran)
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := Do(Handle(file.Fd()), run); !errors.Is(err, unix.EINVAL) || ran || !strings.Contains(err.Error(), "enter network namespace") {
		t.Errorf("a file that is no namespace: got %v, ran %v; want EINVAL, and the function not to run", err, ran)
	}
	if h, err := Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) || h != None {
		t.Errorf("a missing file: got %v, %v; want None and that it does not exist", h, err)
	}
}

// A thread that cannot go back to its namespace runs no other goroutine.
func TestThreadThatCannotGoBack(t *testing.T) {
	home := thread(t)
	err := Run(Unshare, func() error {
		// Without capabilities, which each thread has for itself, it may enter no namespace.
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&header, &none[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				if got := thread(t); got != home {
					t.Errorf("a goroutine runs in namespace %v, want %v", got, home)
				}
			})
		}
		work.Wait()
	}
}
