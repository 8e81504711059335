package main

import "testing"

func TestTableAlignsByDisplayWidth(t *testing.T) {
	table := table{titles: []string{"NAME", "COUNT", "END"}}
	// Each character has two columns.
	table.add(plain("東京"), cell{text: "7", right: true}, plain("x"))
	// A combining mark has no column.
	table.add(plain("gru\u0308n"), cell{text: "123456", right: true}, plain(""))
	table.add(cell{text: "red", colour: red}, cell{text: "12", right: true}, plain("long"))
	const plainWant = "" +
		"NAME   COUNT  END\n" +
		"東京       7  x\n" +
		"gru\u0308n  123456  -\n" +
		"red       12  long\n"
	if got := table.render(inUTF8); got != plainWant {
		t.Errorf("got:\n%s\nwant:\n%s", got, plainWant)
	}
	const colouredWant = "" +
		"\x1b[1mNAME\x1b[0m   \x1b[1mCOUNT\x1b[0m  \x1b[1mEND\x1b[0m\n" +
		"東京       7  x\n" +
		"gru\u0308n  123456  -\n" +
		"\x1b[31mred\x1b[0m       12  long\n"
	if got := table.render(onTerminal); got != colouredWant {
		t.Errorf("with colour, got:\n%q\nwant:\n%q", got, colouredWant)
	}
}
