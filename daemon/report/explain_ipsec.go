package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// awaitsIPsec reports whether the link requires IPsec and IPsec is not up. Then no layer above
// IPsec is up either.
func (e explainer) awaitsIPsec() bool {
	return e.Class == config.IPsecRequired && !e.protectionStatus().Up()
}

// protectionStatus returns the known state of the protection; an empty one if nothing is known.
func (e explainer) protectionStatus() *ipsec.Status {
	if e.IPsec == nil {
		return &ipsec.Status{}
	}
	return e.IPsec
}

// ipsec examines what the protection needs on this host first, then the floor, IKE and ESP.
func (e explainer) ipsec() finding {
	const nothingSent = "; nothing is sent in the clear"
	s := e.protectionStatus()
	switch {
	case s.Floor && s.KeyManager == "":
		return broken("strongSwan does not answer"+because(s.KeyManagerError)+nothingSent+e.wrongClassText("in the clear"), e.keyManagerAdvice())
	case len(s.Missing) > 0:
		return broken("this host lacks support for IPsec"+nothingSent+e.wrongClassText("in the clear"), strings.Join(s.Missing, " "))
	case e.Path.NotProtected != nil:
		return broken(fmt.Sprintf("not protected yet: %v", e.Path.NotProtected)+nothingSent+e.retryText()+e.wrongClassText("in the clear"),
			"l2tpvld tries again by itself. "+e.keyManagerAdvice())
	case !e.Path.Protected:
		return pending("the protection is being installed%s", e.wrongClassText("in the clear"))
	case !s.Floor:
		return broken(floorMissing, "l2tpvld restores the floor by itself. If it does not, check its log and `nft list ruleset`.")
	case s.Up() && s.IKE != nil:
		return fine("IKE up %s, ESP %s", api.DurationText(e.Now.Sub(s.IKE.Established)), espText(s.Children))
	case s.Up():
		return fine("ESP %s", espText(s.Children))
	case s.IKE != nil && s.IKE.State == ikeEstablished && s.LastError != "":
		return broken(fmt.Sprintf("IKE up %s, no ESP%s", api.DurationText(e.Now.Sub(s.IKE.Established)), e.failureText()), e.failureAdvice())
	case s.IKE != nil && s.IKE.State == ikeEstablished:
		return pending("IKE up %s, ESP is being negotiated", api.DurationText(e.Now.Sub(s.IKE.Established)))
	case s.LastError != "":
		return broken("no IKE SA"+e.failureText()+e.wrongClassText("in the clear"), e.failureAdvice())
	case s.IKE != nil:
		return pending("IKE in state %s", s.IKE.State)
	case e.Config.Starts(e.Local.Addr()):
		return pending("IKE not started%s", e.wrongClassText("in the clear"))
	}
	f := pending("waiting for %s to start IKE%s", e.Peer, e.wrongClassText("in the clear"))
	f.advice = fmt.Sprintf("This host waits for %s to start IKE (`peers.%s.ike.start`). If %s waits too, IKE never starts: exactly one of "+
		"the two must start it.", e.Peer, e.Peer, e.Peer)
	return f
}

// ikeEstablished is strongSwan's name for the state of an IKE SA that is up.
const ikeEstablished = "ESTABLISHED"

const floorMissing = "the floor is missing (nftables rules that drop unencrypted packets)"

// espText returns the algorithms and the attacks on ESP: "aes256gcm16, 0 replays".
func espText(children []ipsec.ChildSA) string {
	var replays, forged uint64
	for _, c := range children {
		replays += c.Replays
		forged += c.IntegrityFailures
	}
	text := fmt.Sprintf("%s, %s", algorithms(children), Plural(replays, "replay"))
	if forged > 0 {
		text += ", " + Plural(forged, "integrity failure")
	}
	return text
}

// algorithms returns the algorithms of the newest pair of security associations. During rekeying
// there are two pairs.
func algorithms(children []ipsec.ChildSA) string {
	if len(children) == 0 {
		return ""
	}
	return children[0].Algorithms
}

func (e explainer) failureText() string {
	s := e.protectionStatus()
	if s.LastError == "" {
		return ""
	}
	return fmt.Sprintf(": %s, %s", s.LastError, ago(e.Now, s.LastErrorAt))
}

// keyManagerAdvice returns what to do if strongSwan does not answer.
func (e explainer) keyManagerAdvice() string {
	return fmt.Sprintf("Check that strongSwan runs (`systemctl status strongswan`) and that its vici plugin listens at %s "+
		"(`local.vici_socket`). On Debian, install it with "+
		"`apt install charon-systemd strongswan-swanctl libstrongswan-standard-plugins` and start it with "+
		"`systemctl enable --now strongswan`.", e.VICISocket)
}

// because returns a reason as the end of a text; "" if there is none.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// failureAdvice returns what to do about the last failure of IKE.
func (e explainer) failureAdvice() string {
	k := &e.Config.IKE
	switch e.protectionStatus().Failure {
	case ipsec.FailureAuthentication:
		compare := "the certificates, `ca_files`, `local_id` and `remote_id`. The `local_id` of each side must be in its certificate and be the " +
			"`remote_id` of the other side"
		if k.PSK != nil {
			compare = "the pre-shared keys, which must be the same octets, and `local_id` and `remote_id`. The `local_id` of each side must be " +
				"the `remote_id` of the other side"
		}
		return fmt.Sprintf("The two sides do not authenticate each other. Compare `peers.%s.ike` here with the configuration of this host on "+
			"%s: %s. The log of strongSwan on both has details.", e.Peer, e.Peer, compare)
	case ipsec.FailureProposal:
		return fmt.Sprintf("The two sides have no algorithms in common. Compare `ike_proposals` (here %s) and `esp_proposals` (here %s) with those on %s.",
			strings.Join(k.IKEProposals, ", "), strings.Join(k.ESPProposals, ", "), e.Peer)
	case ipsec.FailureSilent:
		return fmt.Sprintf("Check that `ping %s` works, that strongSwan runs on %s, that l2tpvld there has a link with `ipsec: required` to this "+
			"host (%s), and that UDP ports 500 and 4500 and IP protocol 50 (ESP) pass between the two hosts.",
			e.Config.Address, e.Peer, e.localText())
	case ipsec.FailureFlow:
		return fmt.Sprintf("%s protects another flow than this host. Compare the addresses, `encapsulation`, `port_protected` and "+
			"`local.port_protected` on both.", e.Peer)
	}
	return fmt.Sprintf("IKE tries again by itself. The log of strongSwan here and on %s has details (`journalctl -u strongswan`).", e.Peer)
}

// localText returns this host's address towards the peer.
func (e explainer) localText() string {
	if local := e.Local.Addr(); local.IsValid() {
		return local.String()
	}
	return "any of its addresses"
}

// wrongClassText returns, as the end of a text, that the peer has requested the link on the
// connection of the other class in the last 2 minutes; "" if it has not.
func (e explainer) wrongClassText(how string) string {
	at := e.WrongClass[e.l.Config.VPNID]
	if at.IsZero() || e.Now.Sub(at) > 2*time.Minute {
		return ""
	}
	return fmt.Sprintf("; %s requested the link %s %s and was refused", e.Peer, how, ago(e.Now, at))
}
