package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen is what the person sees: numbered steps, each with lines below it. Colours, symbols and
// what vanishes again are for a terminal alone.
type screen struct {
	out      io.Writer
	terminal bool
	colour   bool
	start    time.Time
	steps    int
	passing  bool // a passing line is shown
}

func newScreen(out *os.File) *screen {
	terminal := term.IsTerminal(int(out.Fd()))
	return &screen{
		out:      out,
		terminal: terminal,
		colour:   terminal && os.Getenv("NO_COLOR") == "",
		start:    time.Now(),
	}
}

// Colours, as ECMA-48 numbers them.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// line prints one line in place of a passing one.
func (s *screen) line(text string) {
	if s.passing {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.passing = false
	}
	fmt.Fprintln(s.out, text)
}

// step begins a step.
func (s *screen) step(title string) {
	s.steps++
	s.line("")
	s.line(fmt.Sprintf("%2d  %s", s.steps, s.paint(bold, title)))
}

// note prints a line that is neither good nor bad.
func (s *screen) note(format string, args ...any) {
	s.line("      " + fmt.Sprintf(format, args...))
}

// ok prints what has worked.
func (s *screen) ok(format string, args ...any) {
	mark := "ok"
	if s.terminal {
		mark = "✓ "
	}
	s.line("   " + s.paint(green, mark) + " " + fmt.Sprintf(format, args...))
}

// pass prints, on a terminal, a line that the next one replaces.
func (s *screen) pass(format string, args ...any) {
	if !s.terminal {
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K      "+s.paint(dim, fmt.Sprintf(format, args...)))
	s.passing = true
}

// command prints a command line as it would be typed.
func (s *screen) command(words ...string) {
	s.line("")
	s.line(s.paint(dim, "# ") + s.paint(bold, strings.Join(words, " ")))
}

// summary is the last line.
func (s *screen) summary(err error) {
	s.line("")
	took := fmt.Sprintf("%.1f s", time.Since(s.start).Seconds())
	switch err {
	case nil:
		s.line(s.paint(green, "Everything worked") + ", and nothing is left behind. It took " + took + ".")
	case errInterrupted:
		s.line("Stopped after " + took + ". Nothing is left behind.")
	default:
		s.line(s.paint(red, "FAILED") + " after " + took + ": " + err.Error())
	}
}
