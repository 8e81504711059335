// Command demo demonstrates l2tpvld: two provider edge routers, in network namespaces, give each of
// two customers with the same addresses a virtual link. It removes everything that it has created,
// also after an error or Ctrl-C. It must run as root.
//
// The exit status is 0 if every step succeeded, 1 if one failed, and 130 after Ctrl-C.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// timeout is the longest time that all steps together may take, without the time that -keep adds.
const timeout = 5 * time.Minute

func main() {
	bin := flag.String("bin", "", "`directory` with l2tpvld and l2tpvl-ctl; without it the demo builds them")
	keep := flag.Bool("keep", os.Getenv("KEEP") != "", "keep the network running until Ctrl-C; also set by KEEP=1 in the environment")
	shell := flag.Bool("shell", false, "with -keep: start a shell, and keep the network running until it exits")
	protect := flag.Bool("ipsec", false, "fail if IPsec cannot be shown on this machine, rather than skip it")
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
