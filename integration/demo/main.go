// Command demo shows the main job of l2tpvld to a person who watches: two provider edge routers in
// network namespaces give two customers with the same addresses a virtual link each. It leaves
// nothing behind, however it ends.
//
// The exit status is 0 if everything worked, 1 if something did not, and 130 if Ctrl-C cut it
// short.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// timeout bounds the whole demonstration, but for the time that it is kept running.
const timeout = 5 * time.Minute

func main() {
	bin := flag.String("bin", "", "`directory` of l2tpvld and l2tpvl-ctl; they are built if there is none")
	keep := flag.Bool("keep", os.Getenv("KEEP") != "", "keep it running until Ctrl-C; KEEP=1 in the environment does that too")
	shell := flag.Bool("shell", false, "with -keep: keep it running while a shell runs on this terminal")
	protect := flag.Bool("ipsec", false, "fail where IPsec cannot be shown, rather than leave it out")
	flag.Parse()
	os.Exit(run(*bin, *keep, *shell, *protect))
}

func run(bin string, keep, shell, protect bool) int {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	d := &demo{screen: newScreen(os.Stdout), bin: bin, keep: keep, shell: shell, mustProtect: protect, interrupted: interrupted}
	err := d.run()
	d.screen.summary(err)
	switch err {
	case nil:
		return 0
	case errInterrupted:
		return 130
	default:
		return 1
	}
}
