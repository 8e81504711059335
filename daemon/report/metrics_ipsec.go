package report

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// The metrics of IPsec protection, by peer. The counters of ESP are those of the current security
// associations, so they start at 0 after each rekeying.
var (
	metricIPsecUp      = gauge("ipsec_up", "Whether protected packets pass: 1 or 0.", "peer")
	metricIKEUp        = gauge("ike_up", "Whether an IKE SA with the peer exists: 1 or 0.", "peer")
	metricFloor        = gauge("ipsec_floor", "Whether the floor is in place, which drops unencrypted packets: 1 or 0.", "peer")
	metricFloorDrops   = counter("ipsec_floor_drops_total", "Unencrypted packets that the floor has dropped, by direction: in or out.", "peer", "direction")
	metricIPsecRx      = counter("ipsec_receive_bytes_total", "Octets received by ESP.", "peer")
	metricIPsecTx      = counter("ipsec_transmit_bytes_total", "Octets sent by ESP.", "peer")
	metricReplays      = counter("ipsec_replays_total", "ESP packets dropped because they were repeated or too old.", "peer")
	metricIntegrity    = counter("ipsec_integrity_failures_total", "ESP packets dropped because their integrity check failed.", "peer")
	metricIPsecFailure = gauge("ipsec_failure", "1 for the kind of the last failure, while no IKE SA exists; absent for an unknown kind.", "peer", "kind")
)

// collectIPsec sends the metrics of a peer's protection.
func collectIPsec(ch chan<- prometheus.Metric, peer string, s *ipsec.Status) {
	metricIPsecUp.send(ch, boolValue(s.Up()), peer)
	metricIKEUp.send(ch, boolValue(s.IKE != nil), peer)
	metricFloor.send(ch, boolValue(s.Floor), peer)
	metricFloorDrops.send(ch, float64(s.DroppedIn), peer, "in")
	metricFloorDrops.send(ch, float64(s.DroppedOut), peer, "out")
	var sum ipsec.ChildSA
	for _, c := range s.Children {
		sum.RxOctets += c.RxOctets
		sum.TxOctets += c.TxOctets
		sum.Replays += c.Replays
		sum.IntegrityFailures += c.IntegrityFailures
	}
	metricIPsecRx.send(ch, float64(sum.RxOctets), peer)
	metricIPsecTx.send(ch, float64(sum.TxOctets), peer)
	metricReplays.send(ch, float64(sum.Replays), peer)
	metricIntegrity.send(ch, float64(sum.IntegrityFailures), peer)
	if s.IKE == nil && s.Failure != ipsec.FailureOther {
		metricIPsecFailure.send(ch, 1, peer, string(s.Failure))
	}
}
