package lab

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
)

// Ping has the options of a ping.
type Ping struct {
	// Count is the number of requests; 0 means 3.
	Count int

	// Size is the size of the IPv4 packets in octets, with IP and ICMP headers; 0 means the default
	// of ping(8).
	Size int

	// DontFragment sets the DF bit.
	DontFragment bool

	// Pattern, at most 16 octets, fills the requests.
	Pattern []byte
}

// PingResult is the result of a ping.
type PingResult struct {
	Sent, Received int

	// RTT is the average round-trip time in milliseconds, 0 without an answer.
	RTT float64

	// Output is the unchanged output of ping(8).
	Output string
}

const pingHeaders = 20 + 8 // IPv4 and ICMP

var (
	pingCounts = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)
	pingRTT    = regexp.MustCompile(`rtt min/avg/max/mdev = [\d.]+/([\d.]+)/`)
)

// Ping sends ICMP echo requests from the namespace. It returns an error if ping(8) did not run, but
// not if no request was answered.
func (n Namespace) Ping(ctx context.Context, to netip.Addr, p Ping) (PingResult, error) {
	count := p.Count
	if count == 0 {
		count = 3
	}
	args := []string{"-n", "-i", "0.1", "-W", "1", "-c", strconv.Itoa(count)}
	if p.Size > 0 {
		args = append(args, "-s", strconv.Itoa(p.Size-pingHeaders))
	}
	if p.DontFragment {
		args = append(args, "-M", "do")
	}
	if len(p.Pattern) > 0 {
		args = append(args, "-p", hex.EncodeToString(p.Pattern))
	}
	out, err := n.Command(ctx, "ping", append(args, to.String())...).CombinedOutput()
	pong := PingResult{Output: string(out)}
	m := pingCounts.FindStringSubmatch(pong.Output)
	if m == nil {
		return pong, fmt.Errorf("ping from %s to %s did not run: %v: %s", n, to, err, out)
	}
	pong.Sent, _ = strconv.Atoi(m[1])
	pong.Received, _ = strconv.Atoi(m[2])
	if m := pingRTT.FindStringSubmatch(pong.Output); m != nil {
		pong.RTT, _ = strconv.ParseFloat(m[1], 64)
	}
	return pong, nil
}
