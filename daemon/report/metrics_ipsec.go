package report

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// The metrics of what IPsec protects, by peer. Counters of ESP are those of the security
// associations that there are, so they begin anew when these are rekeyed.
var (
	metricIPsecUp      = gauge("ipsec_up", "Whether protected packets pass to and from a peer: 1 or 0.", "peer")
	metricIKEUp        = gauge("ike_up", "Whether there is an IKE SA with a peer: 1 or 0.", "peer")
	metricFloor        = gauge("ipsec_floor", "Whether the floor stands that drops what would pass in clear: 1 or 0.", "peer")
	metricFloorDrops   = counter("ipsec_floor_drops_total", "Packets in clear that the floor has dropped, by direction: in, out.", "peer", "direction")
	metricIPsecRx      = counter("ipsec_receive_bytes_total", "Octets received by ESP.", "peer")
	metricIPsecTx      = counter("ipsec_transmit_bytes_total", "Octets sent by ESP.", "peer")
	metricReplays      = counter("ipsec_replays_total", "Packets of ESP dropped as repeated or too old.", "peer")
	metricIntegrity    = counter("ipsec_integrity_failures_total", "Packets of ESP whose integrity check failed.", "peer")
	metricIPsecFailure = gauge("ipsec_failure", "1 for the kind of the last failure as long as there is no IKE SA.", "peer", "kind")
)

// collectIPsec tells of the protection of a peer.
func collectIPsec(page chan<- prometheus.Metric, peer string, s *ipsec.Status) {
	metricIPsecUp.send(page, truth(s.Up()), peer)
	metricIKEUp.send(page, truth(s.IKE != nil), peer)
	metricFloor.send(page, truth(s.Floor), peer)
	metricFloorDrops.send(page, float64(s.DroppedIn), peer, "in")
	metricFloorDrops.send(page, float64(s.DroppedOut), peer, "out")
	var sum ipsec.ChildSA
	for _, c := range s.Children {
		sum.RxOctets += c.RxOctets
		sum.TxOctets += c.TxOctets
		sum.Replays += c.Replays
		sum.IntegrityFailures += c.IntegrityFailures
	}
	metricIPsecRx.send(page, float64(sum.RxOctets), peer)
	metricIPsecTx.send(page, float64(sum.TxOctets), peer)
	metricReplays.send(page, float64(sum.Replays), peer)
	metricIntegrity.send(page, float64(sum.IntegrityFailures), peer)
	if s.IKE == nil && s.Failure != ipsec.FailureOther {
		metricIPsecFailure.send(page, 1, peer, string(s.Failure))
	}
}
