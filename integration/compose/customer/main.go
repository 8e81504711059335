// Command customer is the only program in the container of a customer's host. It configures the
// host and serves its name over HTTP, and it has commands for trying the path to other hosts.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

func main() {
	root := &cobra.Command{Use: "customer", Short: "Run a customer's host, and try the path to others", SilenceUsage: true}
	root.AddCommand(hostCommand(), askCommand(), pingCommand(), sendCommand())
	if root.Execute() != nil {
		os.Exit(1)
	}
}

// port is the TCP port of a host's HTTP server.
const port = "80"

func hostCommand() *cobra.Command {
	var gateway string
	c := &cobra.Command{
		Use: "host NAME ADDRESS/LENGTH...", Short: "Configure the host's addresses, and serve NAME over HTTP", Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := address(args[1:], gateway); err != nil {
				return err
			}
			// The first process of a container has no default action for signals.
			end := make(chan os.Signal, 1)
			signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
			go func() { <-end; os.Exit(0) }()
			return http.ListenAndServe(":"+port, host(args[0]))
		},
	}
	c.Flags().StringVar(&gateway, "gateway", "", "address of the router")
	return c
}

// host returns a handler that answers GET with the name of the host, and POST with the SHA-256 sum
// of the received body.
func host(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, hex.EncodeToString(sum.Sum(nil)))
	})
	return mux
}

// address replaces the addresses of the first interface that is up, and sets the default route.
func address(addresses []string, gateway string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		if link.Attrs().Flags&net.FlagLoopback != 0 || link.Attrs().Flags&net.FlagUp == 0 {
			continue
		}
		old, err := netlink.AddrList(link, unix.AF_INET)
		if err != nil {
			return err
		}
		for _, a := range old {
			if err := netlink.AddrDel(link, &a); err != nil {
				return err
			}
		}
		for _, a := range addresses {
			p, err := netlink.ParseAddr(a)
			if err != nil {
				return fmt.Errorf("%s: %w", a, err)
			}
			if err := netlink.AddrAdd(link, p); err != nil {
				return fmt.Errorf("%s: %w", a, err)
			}
		}
		return netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(gateway)})
	}
	return errors.New("no interface is up, except loopback")
}

func askCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ask ADDRESS", Short: "Ask a host for its name and print it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			client := http.Client{Timeout: 10 * time.Second}
			answer, err := client.Get("http://" + args[0] + ":" + port)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			_, err = io.Copy(os.Stdout, answer.Body)
			return err
		},
	}
}

func sendCommand() *cobra.Command {
	var size int64
	c := &cobra.Command{
		Use: "send ADDRESS", Short: "Send random octets to a host over TCP, and compare checksums", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			sum := sha256.New()
			begin := time.Now()
			answer, err := http.Post("http://"+args[0]+":"+port, "application/octet-stream", io.TeeReader(io.LimitReader(rand.Reader, size), sum))
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			theirs, err := io.ReadAll(answer.Body)
			if err != nil {
				return err
			}
			if ours := hex.EncodeToString(sum.Sum(nil)); ours != string(theirs) {
				return fmt.Errorf("SHA-256 of the sent octets is %s, but %s received %s", ours, args[0], strings.TrimSpace(string(theirs)))
			}
			fmt.Printf("%d octets transferred unchanged in %.1f s\n", size, time.Since(begin).Seconds())
			return nil
		},
	}
	c.Flags().Int64Var(&size, "size", 16<<20, "number of octets")
	return c
}

func pingCommand() *cobra.Command {
	var count int
	var wait time.Duration
	c := &cobra.Command{
		Use: "ping ADDRESS", Short: "Ping a host once a second, until it has replied --count times or --wait is over", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			to, err := netip.ParseAddr(args[0])
			if err != nil {
				return err
			}
			return ping(to, count, wait)
		},
	}
	c.Flags().IntVar(&count, "count", 3, "number of replies to wait for")
	c.Flags().DurationVar(&wait, "wait", 10*time.Second, "longest time to wait for the replies")
	return c
}

// ping sends an ICMP Echo request every second. It returns an error if it does not receive count
// replies in time.
func ping(to netip.Addr, count int, wait time.Duration) error {
	conn, err := icmp.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return err
	}
	defer conn.Close()
	var times [1 << 16]time.Time
	buffer := make([]byte, 1500)
	end := time.Now().Add(wait)
	got, sent := 0, 0
	for id := os.Getpid() & 0xffff; got < count && time.Now().Before(end); {
		request := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id, Seq: sent & 0xffff, Data: make([]byte, 56)}}
		octets, err := request.Marshal(nil)
		if err != nil {
			return err
		}
		times[sent&0xffff] = time.Now()
		if _, err := conn.WriteTo(octets, &net.IPAddr{IP: to.AsSlice()}); err != nil {
			fmt.Println(err)
		}
		sent++
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				break // time for the next request
			}
			message, err := icmp.ParseMessage(1, buffer[:n])
			if err != nil {
				continue
			}
			if reply, ok := message.Body.(*icmp.Echo); ok && message.Type == ipv4.ICMPTypeEchoReply && reply.ID == id && from.String() == to.String() {
				got++
				fmt.Printf("%d octets from %s: seq %d, %.1f ms\n", n, from, reply.Seq, float64(time.Since(times[reply.Seq]).Microseconds())/1000)
			}
		}
	}
	fmt.Printf("%d sent, %d received\n", sent, got)
	if got < count {
		return fmt.Errorf("%s: %d replies in %s, want %d", to, got, wait, count)
	}
	return nil
}
