package strongswan

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// ears makes events of ours of charon's.
type ears struct {
	m       *Manager
	callers map[string]string // who calls, by charon's number of an IKE SA that has no connection yet
}

// hear makes of an event what it tells of our peers, and reports whether there may be something to
// do.
func (e *ears) hear(event vici.Event) (look bool) {
	if event.Name == "log" {
		return e.line(fields{event.Message})
	}
	up := fields{event.Message}.text("up") == "yes"
	for _, name := range event.Message.Keys() {
		section, ok := event.Message.Get(name).(*vici.Message)
		peer, ours := strings.CutPrefix(name, prefix)
		if !ok || !ours {
			continue
		}
		look = true
		f := fields{section}
		switch event.Name {
		case "ike-updown":
			if up {
				e.tell(peer, ipsec.IKEUp, "IKE SA with %s (%s) is up: %s", peer, f.text("remote-host"), proposal(f))
			} else if f.text("established") != "" { // a try that came to nothing is "gone" too
				e.tell(peer, ipsec.IKEDown, "IKE SA with %s is gone", peer)
			}
		case "ike-rekey":
			e.tell(peer, ipsec.IKERekeyed, "IKE SA with %s has new keys", peer)
		case "child-updown":
			for c := range children(section) {
				if up {
					e.tell(peer, ipsec.ChildUp, "ESP with %s is up: %s, SPIs %s and %s", peer, proposal(c), c.text("spi-in"), c.text("spi-out"))
				} else {
					e.tell(peer, ipsec.ChildDown, "ESP with %s is gone, SPIs %s and %s", peer, c.text("spi-in"), c.text("spi-out"))
				}
			}
		case "child-rekey":
			e.tell(peer, ipsec.ChildRekeyed, "ESP with %s has new keys", peer)
		}
	}
	return look
}

// children are the CHILD SAs in an event's section.
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

func (e *ears) tell(peer string, kind ipsec.EventKind, format string, args ...any) {
	e.m.tell(ipsec.Event{Peer: peer, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// line looks for a failure in a line of charon's log.
func (e *ears) line(f fields) (look bool) {
	line, id := f.text("msg"), f.text("ikesa-uniqueid")
	if found := initiatorLine.FindStringSubmatch(line); found != nil {
		if len(e.callers) > 256 { // those that went without a word
			clear(e.callers)
		}
		e.callers[id] = found[1]
		return false
	}
	name, ours := strings.CutPrefix(f.text("ikesa-name"), prefix)
	if !ours {
		name = e.callerName(id)
	}
	if name == "" {
		return false
	}
	text, kind, ok := failureIn(line, name)
	if !ok {
		return false
	}
	e.m.mu.Lock()
	x := e.m.peers[name]
	if x != nil {
		x.fail(time.Now(), kind, text)
	}
	e.m.mu.Unlock()
	if x != nil && kind == ipsec.FailureAuthentication {
		e.tell(name, ipsec.AuthenticationFailed, "%s", text)
	}
	return x != nil
}

// callerName is the peer whose address an IKE SA comes from that charon has not found a connection
// for; empty: none of ours.
func (e *ears) callerName(id string) string {
	address, err := netip.ParseAddr(e.callers[id])
	if err != nil {
		return ""
	}
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	for name, x := range e.m.peers {
		if x.want.Flow.Remote.WithZone("") == address {
			return name
		}
	}
	return ""
}
