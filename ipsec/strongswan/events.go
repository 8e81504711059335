package strongswan

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// eventHandler translates charon's events to those of a key manager.
type eventHandler struct {
	m *KeyManager

	// initiators are the addresses of peers that initiate an IKE SA for which charon has found no
	// connection yet, by charon's ID of the IKE SA.
	initiators map[string]string
}

// handleEvent notifies about an event of charon that concerns a peer. It returns true if the SAs
// must be compared again.
func (h *eventHandler) handleEvent(event vici.Event) (compare bool) {
	if event.Name == "log" {
		return h.handleLogLine(fields{event.Message})
	}
	up := fields{event.Message}.text("up") == "yes"
	for _, name := range event.Message.Keys() {
		section, ok := event.Message.Get(name).(*vici.Message)
		peer, ours := strings.CutPrefix(name, prefix)
		if !ok || !ours {
			continue
		}
		compare = true
		f := fields{section}
		switch event.Name {
		case "ike-updown":
			if up {
				h.notify(peer, ipsec.IKEUp, "IKE SA with %s (%s) is up: %s", peer, f.text("remote-host"), proposal(f))
			} else if f.text("established") != "" { // charon reports a failed attempt as down too
				h.notify(peer, ipsec.IKEDown, "IKE SA with %s has ended", peer)
			}
		case "ike-rekey":
			h.notify(peer, ipsec.IKERekeyed, "IKE SA with %s has new keys", peer)
		case "child-updown":
			for c := range children(section) {
				if up {
					h.notify(peer, ipsec.ChildUp, "ESP with %s is up: %s, SPIs %s and %s", peer, proposal(c), c.text("spi-in"), c.text("spi-out"))
				} else {
					h.notify(peer, ipsec.ChildDown, "ESP with %s has ended, SPIs %s and %s", peer, c.text("spi-in"), c.text("spi-out"))
				}
			}
		case "child-rekey":
			h.notify(peer, ipsec.ChildRekeyed, "ESP with %s has new keys", peer)
		}
	}
	return compare
}

// children returns the CHILD SAs in the section of an IKE SA.
func children(section *vici.Message) map[fields]bool {
	all := map[fields]bool{}
	if list, ok := section.Get("child-sas").(*vici.Message); ok {
		for _, key := range list.Keys() {
			if c, ok := list.Get(key).(*vici.Message); ok {
				all[fields{c}] = true
			}
		}
	}
	return all
}

func (h *eventHandler) notify(peer string, kind ipsec.EventKind, format string, args ...any) {
	h.m.notify(ipsec.Event{Peer: peer, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// handleLogLine notifies about a failure that a line of charon's log shows. It returns true if the
// SAs must be compared again.
func (h *eventHandler) handleLogLine(f fields) (compare bool) {
	line, id := f.text("msg"), f.text("ikesa-uniqueid")
	if found := initiatorLine.FindStringSubmatch(line); found != nil {
		if len(h.initiators) > 256 { // charon does not report the end of such an IKE SA
			clear(h.initiators)
		}
		h.initiators[id] = found[1]
		return false
	}
	name, ours := strings.CutPrefix(f.text("ikesa-name"), prefix)
	if !ours {
		name = h.initiatorName(id)
	}
	if name == "" {
		return false
	}
	text, kind, ok := failureIn(line, name)
	if !ok {
		return false
	}
	h.m.mu.Lock()
	x := h.m.peers[name]
	if x != nil {
		x.fail(time.Now(), kind, text)
	}
	h.m.mu.Unlock()
	if x != nil && kind == ipsec.FailureAuthentication {
		h.notify(name, ipsec.AuthenticationFailed, "%s", text)
	}
	return x != nil
}

// initiatorName returns the peer whose address has initiated an IKE SA for which charon has found
// no connection yet; empty: no peer has this address.
func (h *eventHandler) initiatorName(id string) string {
	address, err := netip.ParseAddr(h.initiators[id])
	if err != nil {
		return ""
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	for name, x := range h.m.peers {
		if x.want.Flow.Remote.WithZone("") == address {
			return name
		}
	}
	return ""
}
