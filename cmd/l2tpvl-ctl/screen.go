package main

import (
	"os"

	"golang.org/x/term"
)

// terminal implements screen on the terminal of the process.
type terminal struct{ in, out *os.File }

func (t terminal) Read(p []byte) (int, error) { return t.in.Read(p) }

func (t terminal) Raw() (restore func(), err error) {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(int(t.in.Fd()), before) }, nil
}

// Size returns the size of the window, or 80 by 24 if the terminal does not report it.
func (t terminal) Size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}

// screenOf returns the screen of in and out, or nil unless both are terminals.
func screenOf(in, out *os.File) screen {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	return terminal{in, out}
}
