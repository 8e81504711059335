package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen is the output of the demonstration: numbered steps, each with lines below it. Only a
// terminal gets colours, symbols and progress lines.
type screen struct {
	out          io.Writer
	terminal     bool
	colour       bool
	start        time.Time
	steps        int
	progressLine bool // the cursor is on a progress line
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

// line prints one line, and removes a progress line.
func (s *screen) line(text string) {
	if s.progressLine {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.progressLine = false
	}
	fmt.Fprintln(s.out, text)
}

// step prints the title of the next step.
func (s *screen) step(title string) {
	s.steps++
	s.line("")
	s.line(fmt.Sprintf("%2d  %s", s.steps, s.paint(bold, title)))
}

// note prints a line of information.
func (s *screen) note(format string, args ...any) {
	s.line("      " + fmt.Sprintf(format, args...))
}

// ok prints a successful result.
func (s *screen) ok(format string, args ...any) {
	mark := "ok"
	if s.terminal {
		mark = "✓ "
	}
	s.line("   " + s.paint(green, mark) + " " + fmt.Sprintf(format, args...))
}

// progress prints, on a terminal, a line that the next line replaces.
func (s *screen) progress(format string, args ...any) {
	if !s.terminal {
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K      "+s.paint(dim, fmt.Sprintf(format, args...)))
	s.progressLine = true
}

// command prints a command line as a user would type it.
func (s *screen) command(words ...string) {
	s.line("")
	s.line(s.paint(dim, "# ") + s.paint(bold, strings.Join(words, " ")))
}

// summary prints the last line: the result of the demonstration.
func (s *screen) summary(err error) {
	s.line("")
	took := fmt.Sprintf("%.1f s", time.Since(s.start).Seconds())
	switch err {
	case nil:
		s.line(s.paint(green, "All steps succeeded") + " in " + took + ". Everything that the demo created has been removed.")
	case errInterrupted:
		s.line("Interrupted after " + took + ". Everything that the demo created has been removed.")
	default:
		s.line(s.paint(red, "FAILED") + " after " + took + ": " + err.Error())
	}
}
