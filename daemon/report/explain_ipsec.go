package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// unprotected reports whether the link is to be protected, and is not: then nothing above it can be
// there.
func (e explainer) unprotected() bool { return e.Class == config.IPsecRequired && !e.shield().Up() }

// shield is what is known of the protection; of none at all, if nobody could be asked.
func (e explainer) shield() *ipsec.Status {
	if e.IPsec == nil {
		return &ipsec.Status{}
	}
	return e.IPsec
}

// ipsec is what is found of the protection, from what it needs on this host up to what passes.
func (e explainer) ipsec() finding {
	s := e.shield()
	switch {
	case s.Floor && s.KeyManager == "":
		return broken(fmt.Sprintf("strongSwan does not answer%s; nothing is sent in clear instead%s", because(s.KeyManagerError), e.astrayText("in clear")), e.managerAdvice())
	case len(s.Missing) > 0:
		return broken("this host lacks what it takes; nothing is sent in clear instead"+e.astrayText("in clear"), strings.Join(s.Missing, " "))
	case e.noProtection() != nil:
		return broken(fmt.Sprintf("not protected yet, and nothing is sent in clear instead: %v%s%s", e.noProtection(), e.retryText(), e.astrayText("in clear")),
			"l2tpvld tries again by itself. "+e.managerAdvice())
	case !e.Path.Protected:
		return pending("being put in place%s", e.astrayText("in clear"))
	case !s.Floor:
		return broken("the floor, which drops what would be in clear, is gone", "l2tpvld restores it by itself. If it does not, look at its log and at `nft list ruleset`.")
	case s.Up() && s.IKE != nil:
		return fine("IKE up %s, ESP %s", api.DurationText(e.Now.Sub(s.IKE.Established)), espText(s.Children))
	case s.Up():
		return fine("ESP %s", espText(s.Children))
	case s.IKE != nil && s.IKE.State == ikeEstablished && s.LastError != "":
		return broken(fmt.Sprintf("IKE up %s, ESP not%s", api.DurationText(e.Now.Sub(s.IKE.Established)), e.failureText()), e.failureAdvice())
	case s.IKE != nil && s.IKE.State == ikeEstablished:
		return pending("IKE up %s, ESP on its way", api.DurationText(e.Now.Sub(s.IKE.Established)))
	case s.LastError != "":
		return broken("no IKE SA"+e.failureText()+e.astrayText("in clear"), e.failureAdvice())
	case s.IKE != nil:
		return pending("IKE in state %s", s.IKE.State)
	case e.Config.Starts(e.Local.Addr()):
		return pending("IKE not begun%s", e.astrayText("in clear"))
	}
	f := pending("waiting for %s to start IKE%s", e.Peer, e.astrayText("in clear"))
	f.advice = fmt.Sprintf("This host waits for %s to start IKE (`peers.%s.ike.start`). If %s waits too, nobody starts: of the two exactly one must.",
		e.Peer, e.Peer, e.Peer)
	return f
}

// ikeEstablished is strongSwan's word for an IKE SA that is there.
const ikeEstablished = "ESTABLISHED"

// noProtection is why the guard does not protect the flow yet; nil: it does.
func (v *View) noProtection() error { return v.Path.NotProtected }

// espText is what passes: "aes256gcm16, 0 replays".
func espText(children []ipsec.ChildSA) string {
	var replays, forged uint64
	for _, c := range children {
		replays += c.Replays
		forged += c.IntegrityFailures
	}
	text := fmt.Sprintf("%s, %s", algorithms(children), Plural(replays, "replay"))
	if forged > 0 {
		text += fmt.Sprintf(", %s of integrity", Plural(forged, "failure"))
	}
	return text
}

// algorithms are those in use: while keys are renewed there are two pairs of security associations.
func algorithms(children []ipsec.ChildSA) string {
	if len(children) == 0 {
		return ""
	}
	return children[0].Algorithms // of the newest
}

func (e explainer) failureText() string {
	s := e.shield()
	if s.LastError == "" {
		return ""
	}
	return fmt.Sprintf(": %s, %s", s.LastError, ago(e.Now, s.LastErrorAt))
}

// managerAdvice is how to have strongSwan answer.
func (e explainer) managerAdvice() string {
	return fmt.Sprintf("Is strongSwan running (`systemctl status strongswan`), with its vici plugin at %s (local.vici_socket)? "+
		"On Debian `apt install charon-systemd strongswan-swanctl libstrongswan-standard-plugins` installs it, and `systemctl enable --now strongswan` starts it.",
		e.VICISocket)
}

// because is a reason to go on with a text; empty if there is none.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// failureAdvice is what to do about the last failure of IKE.
func (e explainer) failureAdvice() string {
	k := &e.Config.IKE
	switch e.shield().Failure {
	case ipsec.FailureAuthentication:
		what := "the certificates, `ca_files`, `local_id` and `remote_id`: each side's local_id must be in its certificate, and be the other's remote_id"
		if k.PSK != nil {
			what = "the pre-shared keys, which must hold the same octets, and `local_id` and `remote_id`, each side's the other's"
		}
		return fmt.Sprintf("The two sides do not believe each other. Compare `peers.%s.ike` here with the one for this host on %s: %s. "+
			"The log of strongSwan on both says more.", e.Peer, e.Peer, what)
	case ipsec.FailureProposal:
		return fmt.Sprintf("The two sides have no algorithms in common. Compare `ike_proposals` (here %s) and `esp_proposals` (here %s) with those on %s.",
			strings.Join(k.IKEProposals, ", "), strings.Join(k.ESPProposals, ", "), e.Peer)
	case ipsec.FailureSilent:
		return fmt.Sprintf("Does `ping %s` work? Is strongSwan running on %s, and l2tpvld with a link to this host (%s) that requires IPsec? Do UDP ports 500 "+
			"and 4500 and IP protocol 50 (ESP) pass between the two?", e.Config.Address, e.Peer, e.localText())
	case ipsec.FailureFlow:
		return fmt.Sprintf("%s protects other packets than this host. Compare the addresses, `encapsulation`, `port_protected` and `local.port_protected` on both.", e.Peer)
	}
	return fmt.Sprintf("IKE tries again by itself. The log of strongSwan here and on %s says more (`journalctl -u strongswan`).", e.Peer)
}

// localText is our address towards the peer, for people.
func (e explainer) localText() string {
	if local := e.Local.Addr(); local.IsValid() {
		return local.String()
	}
	return "any address of it"
}

// astrayText says that the peer has asked for the link on its connection of the other class, not
// long ago.
func (e explainer) astrayText(how string) string {
	at := e.WrongClass[e.l.Config.VPNID]
	if at.IsZero() || e.Now.Sub(at) > 2*time.Minute {
		return ""
	}
	return fmt.Sprintf("; %s asked for the link %s %s, and was refused", e.Peer, how, ago(e.Now, at))
}
