package main

import (
	"os"

	"golang.org/x/term"
)

// terminal is the screen that the program runs on.
type terminal struct{ in, out *os.File }

func (t terminal) Read(p []byte) (int, error) { return t.in.Read(p) }

func (t terminal) Raw() (restore func(), err error) {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(int(t.in.Fd()), before) }, nil
}

// Size is that of the window, or the one that all have who do not say.
func (t terminal) Size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}

// screenOf is the screen that in and out make up; nil: they are no terminal.
func screenOf(in, out *os.File) screen {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	return terminal{in, out}
}
