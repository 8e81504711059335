package report

import (
	"errors"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/session"
)

// protected makes the link protected, with that state of the protection.
func protected(s ipsec.Status) func(*View, *session.LinkStatus) {
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

// installed returns a protection that is installed, without security associations, after a change.
func installed(change func(*ipsec.Status)) ipsec.Status {
	s := ipsec.Status{Floor: true, KeyManager: "strongSwan 5.9.8"}
	change(&s)
	return s
}

// failing returns a protection whose IKE has failed.
func failing(kind ipsec.Failure, text string) ipsec.Status {
	return installed(func(s *ipsec.Status) { s.Failure, s.LastError, s.LastErrorAt = kind, text, before(4*time.Second) })
}

var situationsOfIPsec = []situation{
	{"IPsec up", protected(installed(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(2 * time.Hour)}
		s.Children = []ipsec.ChildSA{{State: "INSTALLED", Algorithms: "aes256gcm16"}}
	}))},
	{"IPsec under attack", protected(installed(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(2 * time.Hour)}
		s.Children = []ipsec.ChildSA{{Algorithms: "aes256gcm16", Replays: 1, IntegrityFailures: 2}, {Algorithms: "aes256gcm16", Replays: 6}}
	}))},
	{"IPsec up while IKE restarts", protected(installed(func(s *ipsec.Status) {
		s.Children = []ipsec.ChildSA{{Algorithms: "aes256gcm16"}}
	}))},
	{"no support for IPsec", protected(ipsec.Status{Missing: []string{
		"The kernel has no ESP: `modprobe esp4` loads it where it is a module.",
		"strongSwan is not installed: on Debian `apt install charon-systemd strongswan-swanctl`.",
	}})},
	{"floor cannot be installed", func(v *View, l *session.LinkStatus) {
		protected(ipsec.Status{})(v, l)
		err := errors.New("nft: operation not permitted")
		v.Path = Path{Err: err, NotProtected: err, RetryAt: explained.Add(2 * time.Second)}
	}},
	{"IPsec required, no local address yet", func(v *View, l *session.LinkStatus) {
		protected(installed(func(*ipsec.Status) {}))(v, l)
		v.Path = Path{
			Protected: true, Err: errors.New("this host has no address 192.0.2.1 (local.address) yet: cannot assign requested address"), RetryAt: explained.Add(2 * time.Second),
		}
	}},
	{"protection being installed", func(v *View, l *session.LinkStatus) {
		protected(ipsec.Status{})(v, l)
		v.Path.Protected = false
	}},
	{"strongSwan does not answer", protected(ipsec.Status{Floor: true, KeyManagerError: "dial unix /run/charon.vici: connection refused"})},
	{"floor missing", protected(ipsec.Status{KeyManager: "strongSwan 5.9.8"})},
	{"IKE in progress", protected(installed(func(s *ipsec.Status) { s.IKE = &ipsec.IKESA{State: "CONNECTING"} }))},
	{"peer starts IKE", protected(installed(func(*ipsec.Status) {}))},
	{"this host starts IKE", func(v *View, l *session.LinkStatus) {
		protected(installed(func(*ipsec.Status) {}))(v, l)
		v.Config.IKE.Start = config.StartYes
	}},
	{"wrong pre-shared key", protected(failing(ipsec.FailureAuthentication, "pe2 refused our authentication: AUTHENTICATION_FAILED"))},
	{"wrong certificate", func(v *View, l *session.LinkStatus) {
		protected(failing(ipsec.FailureAuthentication, "pe2 has no certificate of a configured CA, or not its private key"))(v, l)
		v.Config.IKE.PSK = nil
	}},
	{"no algorithms in common", protected(failing(ipsec.FailureProposal, "pe2 does not know this router, or accepts none of its proposals: NO_PROPOSAL_CHOSEN"))},
	{"no answer to IKE", protected(failing(ipsec.FailureSilent, "pe2 does not answer IKE (UDP ports 500 and 4500)"))},
	{"IKE up, peer protects another flow", protected(installed(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(time.Minute)}
		s.Failure, s.LastError, s.LastErrorAt = ipsec.FailureFlow, "pe2 protects another flow between the two addresses: TS_UNACCEPTABLE; want the same ports and encapsulation at both ends", before(time.Minute)
	}))},
	{"IKE up, no ESP yet", protected(installed(func(s *ipsec.Status) {
		s.IKE = &ipsec.IKESA{State: ikeEstablished, Established: before(time.Minute)}
	}))},
	{"another failure of IKE, peer requests in the clear", func(v *View, l *session.LinkStatus) {
		protected(failing(ipsec.FailureOther, "the kernel refuses the security association with pe2"))(v, l)
		v.WrongClass = map[endid.VPNID]time.Time{l.Config.VPNID: before(3 * time.Second)}
	}},
}
