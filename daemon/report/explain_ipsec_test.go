package report

import (
	"errors"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/session"
)

// guarded is a link that IPsec is to protect, and that is what is known of the protection.
func guarded(s ipsec.Status) func(*View, *session.LinkStatus) {
	return func(v *View, l *session.LinkStatus) {
		v.Class, v.Config.Port, v.VICISocket = config.IPsecRequired, 1701, "/run/charon.vici"
		v.Config.IKE = config.IKE{
			PSK: config.Secret("psk"), Start: config.StartNo,
			IKEProposals: []string{"aes256gcm16-prfsha256-ecp256"}, ESPProposals: []string{"aes256gcm16-ecp256"},
		}
		v.IPsec, v.Path.Protected = &s, true
		if !s.Up() {
			noConnection(v)
			l.Up, l.Session, l.PPP, l.Attempt, l.Ready, l.Open = false, nil, nil, 0, false, 0
		}
	}
}

// waiting is a protection that stands, without security associations.
func waiting(change func(*ipsec.Status)) ipsec.Status {
	s := ipsec.Status{Floor: true, KeyManager: "strongSwan 5.9.8"}
	change(&s)
	return s
}

func failing(kind ipsec.Failure, text string) ipsec.Status {
	return waiting(func(s *ipsec.Status) { s.Failure, s.LastError, s.LastErrorAt = kind, text, before(4*time.Second) })
}

var situationsOfIPsec = []situation{
	{"IPsec, and all is well", guarded(waiting(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(2 * time.Hour)}
		s.Children = []ipsec.ChildSA{{State: "INSTALLED", Algorithms: "aes256gcm16"}}
	}))},
	{"IPsec, with attacks", guarded(waiting(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(2 * time.Hour)}
		s.Children = []ipsec.ChildSA{{Algorithms: "aes256gcm16", Replays: 1, IntegrityFailures: 2}, {Algorithms: "aes256gcm16", Replays: 6}}
	}))},
	{"IPsec passes while IKE begins anew", guarded(waiting(func(s *ipsec.Status) {
		s.Children = []ipsec.ChildSA{{Algorithms: "aes256gcm16"}}
	}))},
	{"IPsec cannot be had", guarded(ipsec.Status{Missing: []string{
		"The kernel has no ESP: `modprobe esp4` loads it where it is a module.",
		"strongSwan is not installed: on Debian `apt install charon-systemd strongswan-swanctl`.",
	}})},
	{"IPsec required, and not protected yet", func(v *View, l *session.LinkStatus) {
		guarded(ipsec.Status{})(v, l)
		err := errors.New("nft: operation not permitted")
		v.Path = Path{Err: err, NotProtected: err, RetryAt: explained.Add(2 * time.Second)}
	}},
	{"IPsec required, no address yet", func(v *View, l *session.LinkStatus) {
		guarded(waiting(func(*ipsec.Status) {}))(v, l)
		v.Path = Path{
			Protected: true, Err: errors.New("this host has no address 192.0.2.1 (local.address) yet: cannot assign requested address"), RetryAt: explained.Add(2 * time.Second),
		}
	}},
	{"IPsec required, just begun", func(v *View, l *session.LinkStatus) {
		guarded(ipsec.Status{})(v, l)
		v.Path.Protected = false
	}},
	{"strongSwan dead", guarded(ipsec.Status{Floor: true, KeyManagerError: "dial unix /run/charon.vici: connection refused"})},
	{"the floor is gone", guarded(ipsec.Status{KeyManager: "strongSwan 5.9.8"})},
	{"IKE on its way", guarded(waiting(func(s *ipsec.Status) { s.IKE = &ipsec.IKESA{State: "CONNECTING"} }))},
	{"IKE is the peer's to start", guarded(waiting(func(*ipsec.Status) {}))},
	{"IKE is ours to start", func(v *View, l *session.LinkStatus) {
		guarded(waiting(func(*ipsec.Status) {}))(v, l)
		v.Config.IKE.Start = config.StartYes
	}},
	{"wrong pre-shared key", guarded(failing(ipsec.FailureAuthentication, "pe2 refused our authentication: AUTHENTICATION_FAILED"))},
	{"wrong certificate", func(v *View, l *session.LinkStatus) {
		guarded(failing(ipsec.FailureAuthentication, "the certificate of pe2 is not of a CA that we trust, or not valid now"))(v, l)
		v.Config.IKE.PSK = nil
	}},
	{"no algorithms in common", guarded(failing(ipsec.FailureProposal, "pe2 does not know this router, or accepts none of its proposals: NO_PROPOSAL_CHOSEN"))},
	{"IKE silent", guarded(failing(ipsec.FailureSilent, "no answer of pe2 to IKE (UDP ports 500 and 4500)"))},
	{"IKE up, and other packets protected", guarded(waiting(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(time.Minute)}
		s.Failure, s.LastError, s.LastErrorAt = ipsec.FailureFlow, "pe2 protects another flow between the two addresses: TS_UNACCEPTABLE; want the same ports and encapsulation at both ends", before(time.Minute)
	}))},
	{"IKE up, ESP not", guarded(waiting(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(time.Minute)}
	}))},
	{"another failure of IKE, and the peer asks in clear", func(v *View, l *session.LinkStatus) {
		guarded(failing(ipsec.FailureOther, "the kernel refuses the security association with pe2"))(v, l)
		v.WrongClass = map[endid.VPNID]time.Time{l.Config.VPNID: before(3 * time.Second)}
	}},
}
