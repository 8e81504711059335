package report

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// metric is one metric name.
type metric struct {
	name, help string
	labels     []string
	kind       prometheus.ValueType
	desc       *prometheus.Desc
}

// histogramValue is the kind of a histogram. Package prometheus has no ValueType for it.
const histogramValue prometheus.ValueType = 0

// metrics has all metrics in the order of their declaration.
var metrics []metric

func declare(kind prometheus.ValueType, name, help string, labels ...string) metric {
	name = "l2tpvl_" + name
	m := metric{name, help, labels, kind, prometheus.NewDesc(name, help, labels, nil)}
	metrics = append(metrics, m)
	return m
}

func gauge(name, help string, labels ...string) metric {
	return declare(prometheus.GaugeValue, name, help, labels...)
}

func counter(name, help string, labels ...string) metric {
	return declare(prometheus.CounterValue, name, help, labels...)
}

// The metrics. The counters of a link start at 0 with each of its sessions, those of a peer with
// each control connection.
var (
	metricInfo    = gauge("info", "Always 1. The labels are the version, the host name and the data plane.", "version", "hostname", "dataplane")
	metricStarted = gauge("start_time_seconds", "Time at which the daemon started, in seconds since 1970.")
	metricDrops   = counter("drops_total", "Dropped datagrams that belong to no peer, by reason.", "reason")

	metricLinkInfo  = gauge("link_info", "Always 1. The labels describe the link.", "vpn", "peer", "vpn_id", "vr", "interface", "ipsec")
	metricLinkUp    = gauge("link_up", "Whether the link is up: 1 or 0.", "vpn", "peer")
	metricLinkSince = gauge("link_since_seconds", "Time at which the link last went up or down, or was added, in seconds since 1970.", "vpn", "peer")
	metricLinkTries = gauge("link_failed_attempts", "Failed attempts of the link since it was last up for 30 seconds.", "vpn", "peer")
	metricLinkMTU   = gauge("link_mtu_bytes", "MTU of the link; absent unless it is up.", "vpn", "peer")
	metricPPPState  = gauge("link_ppp_state", "State of a PPP protocol by its number in RFC 1661, section 4.1: 0 (Initial) to 9 (Opened).",
		"vpn", "peer", "protocol")
	metricRxPackets = counter("link_receive_packets_total", "Packets received from the peer.", "vpn", "peer")
	metricTxPackets = counter("link_transmit_packets_total", "Packets sent to the peer.", "vpn", "peer")
	metricRxBytes   = counter("link_receive_bytes_total", "Octets of the packets received from the peer.", "vpn", "peer")
	metricTxBytes   = counter("link_transmit_bytes_total", "Octets of the packets sent to the peer.", "vpn", "peer")
	metricLinkDrops = counter("link_drops_total", "Dropped packets and frames of the link, by reason.", "vpn", "peer", "reason")
	metricEchoRTT   = gauge("link_echo_seconds", "Round-trip time of the last LCP echo.", "vpn", "peer")
	metricEchoSent  = counter("link_echo_requests_total", "LCP Echo-Requests sent.", "vpn", "peer")
	metricEchoLost  = counter("link_echo_lost_total", "LCP Echo-Requests without a reply until the next one was due.", "vpn", "peer")

	metricPeerUp         = gauge("peer_up", "Whether the control connection to the peer is established: 1 or 0; absent for static peers.", "peer", "ipsec")
	metricPeerSince      = gauge("peer_since_seconds", "Time at which the control connection entered its state, in seconds since 1970.", "peer", "ipsec")
	metricPeerLinks      = gauge("peer_links", "Links configured to the peer.", "peer", "ipsec")
	metricPeerLinksUp    = gauge("peer_links_up", "Links to the peer that are up.", "peer", "ipsec")
	metricPeerTries      = gauge("peer_failed_attempts", "Consecutive attempts without a lasting control connection.", "peer", "ipsec")
	metricSent           = counter("peer_sent_messages_total", "Control messages sent to the peer, without retransmissions.", "peer", "ipsec")
	metricReceived       = counter("peer_received_messages_total", "Control messages received from the peer.", "peer", "ipsec")
	metricRetransmitted  = counter("peer_retransmitted_messages_total", "Control messages retransmitted to the peer.", "peer", "ipsec")
	metricPathMTU        = gauge("peer_path_mtu_bytes", "MTU of the path to the peer: the largest IP packet that reaches it without fragmentation.", "peer", "ipsec")
	metricPeerDrops      = counter("peer_drops_total", "Dropped datagrams from the peer, by reason.", "peer", "ipsec", "reason")
	metricEchoRoundTrips = declare(histogramValue, "peer_echo_seconds", "Round-trip times of the LCP echoes of all links to the peer.", "peer", "ipsec")
)

// send sends a value of the metric to the channel.
func (m metric) send(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

// Collector is a function that takes a snapshot of the daemon, with View.Count called on its views.
// It implements prometheus.Collector: each collection takes a new snapshot.
type Collector func(context.Context) (Snapshot, error)

// Handler serves the metrics of the daemon and of its process, to one client at a time.
func (c Collector) Handler() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 1})
}

// Describe implements prometheus.Collector.
func (c Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	s, err := c(context.Background()) // each loop has a bounded time to answer
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metricInfo.desc, err)
		return
	}
	metricInfo.send(ch, 1, s.Version, s.HostName, s.DataPlane)
	metricStarted.send(ch, seconds(s.Started))
	for reason, n := range s.Drops {
		metricDrops.send(ch, float64(n), reason)
	}
	for i := range s.Views {
		s.Views[i].collect(ch)
	}
}

// collect sends the metrics of a peer and of its links.
func (v *View) collect(ch chan<- prometheus.Metric) {
	up := 0
	for i := range v.Links {
		v.collectLink(ch, &v.Links[i])
		if v.Links[i].Up {
			up++
		}
	}
	peer, class := v.Peer, string(v.Class)
	c := v.Connection
	if v.Static == nil { // a static peer has no control connection
		metricPeerUp.send(ch, boolValue(v.connected()), peer, class)
		metricPeerTries.send(ch, float64(v.Control.Failures), peer, class)
	}
	metricPeerLinks.send(ch, float64(len(v.Links)), peer, class)
	metricPeerLinksUp.send(ch, float64(up), peer, class)
	if c != nil {
		metricPeerSince.send(ch, seconds(c.Since), peer, class)
		metricSent.send(ch, float64(c.Counters.Sent), peer, class)
		metricReceived.send(ch, float64(c.Counters.Received), peer, class)
		metricRetransmitted.send(ch, float64(c.Counters.Retransmitted), peer, class)
	}
	if v.Path.MTU != 0 {
		metricPathMTU.send(ch, float64(v.Path.MTU), peer, class)
	}
	for reason, n := range v.drops() {
		metricPeerDrops.send(ch, float64(n), peer, class, reason)
	}
	ch <- histogram(&v.RTTs, peer, class)
	if v.IPsec != nil {
		collectIPsec(ch, peer, v.IPsec)
	}
}

// histogram returns the round-trip times of the echoes of a peer's links.
func histogram(rtts *ppp.RTTs, labels ...string) prometheus.Metric {
	var count uint64
	upTo := make(map[float64]uint64, len(ppp.RTTBounds))
	for i, n := range rtts.Counts {
		count += n
		if i < len(ppp.RTTBounds) {
			upTo[ppp.RTTBounds[i].Seconds()] = count
		}
	}
	return prometheus.MustNewConstHistogram(metricEchoRoundTrips.desc, count, rtts.Sum.Seconds(), upTo, labels...)
}

// collectLink sends the metrics of a link.
func (v *View) collectLink(ch chan<- prometheus.Metric, l *session.LinkStatus) {
	vpn, peer := l.Config.VPN, v.Peer
	metricLinkInfo.send(ch, 1, vpn, peer, l.Config.VPNID.String(), l.Config.VR.String(), l.Config.Interface, string(v.Class))
	metricLinkUp.send(ch, boolValue(l.Up), vpn, peer)
	metricLinkSince.send(ch, seconds(l.Since), vpn, peer)
	metricLinkTries.send(ch, float64(l.Failures), vpn, peer)
	if l.Up {
		metricLinkMTU.send(ch, float64(l.Interface.MTU), vpn, peer)
	}
	if p := l.PPP; p != nil {
		metricPPPState.send(ch, float64(p.LCP), vpn, peer, "lcp")
		metricPPPState.send(ch, float64(p.IPCP), vpn, peer, "ipcp")
		metricPPPState.send(ch, float64(p.IPV6CP), vpn, peer, "ipv6cp")
		metricEchoSent.send(ch, float64(p.Echo.Sent), vpn, peer)
		metricEchoLost.send(ch, float64(p.Echo.Lost), vpn, peer)
		if p.Echo.Measured {
			metricEchoRTT.send(ch, p.Echo.RTT.Seconds(), vpn, peer)
		}
	}
	if s, ok := v.Stats[l.Attempt]; ok {
		metricRxPackets.send(ch, float64(s.RxPackets), vpn, peer)
		metricTxPackets.send(ch, float64(s.TxPackets), vpn, peer)
		metricRxBytes.send(ch, float64(s.RxOctets), vpn, peer)
		metricTxBytes.send(ch, float64(s.TxOctets), vpn, peer)
		for reason, n := range sessionDrops(&s) {
			metricLinkDrops.send(ch, float64(n), vpn, peer, reason)
		}
	}
}

// sessionDrops returns what a session of the data plane has dropped, by reason.
func sessionDrops(s *dataplane.Stats) map[string]uint64 {
	return map[string]uint64{
		"wrong cookie": s.RxCookie, "out of sequence": s.RxSequence, "malformed": s.RxMalformed, "protocol not opened": s.RxClosed + s.TxClosed,
		"not accepted by the interface": s.RxErrors, "not accepted by the socket": s.TxErrors,
	}
}

// boolValue returns 1 for true and 0 for false.
func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds returns a time in seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
