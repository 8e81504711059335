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

// metric is one name on the metrics page.
type metric struct {
	name, help string
	labels     []string
	kind       prometheus.ValueType
	desc       *prometheus.Desc
}

// histogramValue is the kind of a metric whose values are histograms; Prometheus has no ValueType
// for it.
const histogramValue prometheus.ValueType = 0

// metrics are all there are, in the order of their declaration.
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

// The metrics. Counters of a link begin anew with each of its sessions, those of a peer with each
// control connection.
var (
	metricInfo    = gauge("info", "Always 1; the labels tell what runs.", "version", "hostname", "dataplane")
	metricStarted = gauge("start_time_seconds", "When the daemon was started, in seconds since 1970.")
	metricDrops   = counter("drops_total", "Datagrams that changed nothing and are no peer's, by reason.", "reason")

	metricLinkInfo  = gauge("link_info", "Always 1; the labels tell what a link is.", "vpn", "peer", "vpn_id", "vr", "interface", "ipsec")
	metricLinkUp    = gauge("link_up", "Whether a link is up: 1 or 0.", "vpn", "peer")
	metricLinkSince = gauge("link_since_seconds", "When a link became up or down, in seconds since 1970.", "vpn", "peer")
	metricLinkTries = gauge("link_failed_attempts", "Attempts of a link that failed since it was last up for a while.", "vpn", "peer")
	metricLinkMTU   = gauge("link_mtu_bytes", "MTU of a link that is up.", "vpn", "peer")
	metricPPPState  = gauge("link_ppp_state", "State of a PPP protocol by its number in RFC 1661 section 4.1: 0 Initial to 9 Opened.",
		"vpn", "peer", "protocol")
	metricRxPackets = counter("link_receive_packets_total", "Packets that a link has brought from the peer.", "vpn", "peer")
	metricTxPackets = counter("link_transmit_packets_total", "Packets that a link has taken to the peer.", "vpn", "peer")
	metricRxBytes   = counter("link_receive_bytes_total", "Octets of the packets that a link has brought from the peer.", "vpn", "peer")
	metricTxBytes   = counter("link_transmit_bytes_total", "Octets of the packets that a link has taken to the peer.", "vpn", "peer")
	metricLinkDrops = counter("link_drops_total", "Packets and frames of a link that were dropped, by reason.", "vpn", "peer", "reason")
	metricEchoRTT   = gauge("link_echo_seconds", "Round trip of a link's last LCP echo.", "vpn", "peer")
	metricEchoSent  = counter("link_echo_requests_total", "LCP Echo-Requests that a link has sent.", "vpn", "peer")
	metricEchoLost  = counter("link_echo_lost_total", "LCP Echo-Requests of a link that were not answered until the next was due.", "vpn", "peer")

	metricPeerUp         = gauge("peer_up", "Whether the control connection to a peer is established: 1 or 0. Static peers have none.", "peer", "ipsec")
	metricPeerSince      = gauge("peer_since_seconds", "When the control connection took its state, in seconds since 1970.", "peer", "ipsec")
	metricPeerLinks      = gauge("peer_links", "Links to a peer.", "peer", "ipsec")
	metricPeerLinksUp    = gauge("peer_links_up", "Links to a peer that are up.", "peer", "ipsec")
	metricPeerTries      = gauge("peer_failed_attempts", "Attempts at a control connection that failed since there was one.", "peer", "ipsec")
	metricSent           = counter("peer_sent_messages_total", "Control messages sent to a peer for the first time.", "peer", "ipsec")
	metricReceived       = counter("peer_received_messages_total", "Control messages received from a peer.", "peer", "ipsec")
	metricRetransmitted  = counter("peer_retransmitted_messages_total", "Control messages sent to a peer again.", "peer", "ipsec")
	metricPathMTU        = gauge("peer_path_mtu_bytes", "Largest IP packet that reaches a peer unfragmented.", "peer", "ipsec")
	metricPeerDrops      = counter("peer_drops_total", "Datagrams from a peer that changed nothing, by reason.", "peer", "ipsec", "reason")
	metricEchoRoundTrips = declare(histogramValue, "peer_echo_seconds", "Round trips of the LCP echoes of all links to a peer.", "peer", "ipsec")
)

// send puts a value on the page.
func (m metric) send(page chan<- prometheus.Metric, value float64, labels ...string) {
	page <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

// Collector makes the metrics page from a snapshot that the function takes. Its views must be
// counted.
type Collector func(context.Context) (Snapshot, error)

// Handler serves the metrics, of the daemon and of its process, to one client at a time.
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
func (c Collector) Collect(page chan<- prometheus.Metric) {
	s, err := c(context.Background()) // each loop has a bounded time to answer
	if err != nil {
		page <- prometheus.NewInvalidMetric(metricInfo.desc, err)
		return
	}
	metricInfo.send(page, 1, s.Version, s.HostName, s.DataPlane)
	metricStarted.send(page, seconds(s.Started))
	for reason, n := range s.Drops {
		metricDrops.send(page, float64(n), reason)
	}
	for i := range s.Views {
		s.Views[i].collect(page)
	}
}

// collect tells of a peer.
func (v *View) collect(page chan<- prometheus.Metric) {
	up := 0
	for i := range v.Links {
		v.collectLink(page, &v.Links[i])
		if v.Links[i].Up {
			up++
		}
	}
	peer, class := v.Peer, string(v.Class)
	c := v.Connection
	if v.Static == nil { // else there is no control connection to be up or down
		metricPeerUp.send(page, truth(v.connected()), peer, class)
		metricPeerTries.send(page, float64(v.Control.Failures), peer, class)
	}
	metricPeerLinks.send(page, float64(len(v.Links)), peer, class)
	metricPeerLinksUp.send(page, float64(up), peer, class)
	if c != nil {
		metricPeerSince.send(page, seconds(c.Since), peer, class)
		metricSent.send(page, float64(c.Counters.Sent), peer, class)
		metricReceived.send(page, float64(c.Counters.Received), peer, class)
		metricRetransmitted.send(page, float64(c.Counters.Retransmitted), peer, class)
	}
	if v.Path.MTU != 0 {
		metricPathMTU.send(page, float64(v.Path.MTU), peer, class)
	}
	for reason, n := range v.drops() {
		metricPeerDrops.send(page, float64(n), peer, class, reason)
	}
	page <- histogram(&v.RTTs, peer, class)
	if v.IPsec != nil {
		collectIPsec(page, peer, v.IPsec)
	}
}

// histogram is what the echoes of a peer's links have shown.
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

// collectLink tells of a link.
func (v *View) collectLink(page chan<- prometheus.Metric, l *session.LinkStatus) {
	vpn, peer := l.Config.VPN, v.Peer
	metricLinkInfo.send(page, 1, vpn, peer, l.Config.VPNID.String(), l.Config.VR.String(), l.Config.Interface, string(v.Class))
	metricLinkUp.send(page, truth(l.Up), vpn, peer)
	metricLinkSince.send(page, seconds(l.Since), vpn, peer)
	metricLinkTries.send(page, float64(l.Failures), vpn, peer)
	if l.Up {
		metricLinkMTU.send(page, float64(l.Interface.MTU), vpn, peer)
	}
	if p := l.PPP; p != nil {
		metricPPPState.send(page, float64(p.LCP), vpn, peer, "lcp")
		metricPPPState.send(page, float64(p.IPCP), vpn, peer, "ipcp")
		metricPPPState.send(page, float64(p.IPV6CP), vpn, peer, "ipv6cp")
		metricEchoSent.send(page, float64(p.Echo.Sent), vpn, peer)
		metricEchoLost.send(page, float64(p.Echo.Lost), vpn, peer)
		if p.Echo.Measured {
			metricEchoRTT.send(page, p.Echo.RTT.Seconds(), vpn, peer)
		}
	}
	if s, there := v.Stats[l.Attempt]; there {
		metricRxPackets.send(page, float64(s.RxPackets), vpn, peer)
		metricTxPackets.send(page, float64(s.TxPackets), vpn, peer)
		metricRxBytes.send(page, float64(s.RxOctets), vpn, peer)
		metricTxBytes.send(page, float64(s.TxOctets), vpn, peer)
		for reason, n := range sessionDrops(&s) {
			metricLinkDrops.send(page, float64(n), vpn, peer, reason)
		}
	}
}

// sessionDrops are what a session of the data plane has dropped, by reason.
func sessionDrops(s *dataplane.Stats) map[string]uint64 {
	return map[string]uint64{
		"wrong cookie": s.RxCookie, "out of sequence": s.RxSequence, "malformed": s.RxMalformed, "protocol not opened": s.RxClosed + s.TxClosed,
		"not taken by the interface": s.RxErrors, "not taken by the network": s.TxErrors,
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
