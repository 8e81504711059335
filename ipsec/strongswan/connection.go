package strongswan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// prefix begins the names of our connections and secrets in charon. Those with other names belong
// to other programs.
const prefix = "l2tpvl-"

// connection is the argument of load-conn; see swanctl.conf(5).
type connection struct {
	Version     string           `vici:"version"`
	LocalAddrs  []string         `vici:"local_addrs"`
	RemoteAddrs []string         `vici:"remote_addrs"`
	Proposals   []string         `vici:"proposals"`
	RekeyTime   string           `vici:"rekey_time"`
	DPDDelay    string           `vici:"dpd_delay"`
	Mobike      bool             `vici:"mobike"`
	Unique      string           `vici:"unique"`
	Tries       string           `vici:"keyingtries"`
	Local       authentication   `vici:"local"`
	Remote      authentication   `vici:"remote"`
	Children    map[string]child `vici:"children"`
}

type authentication struct {
	Auth    string   `vici:"auth"`
	ID      string   `vici:"id"`
	Certs   []string `vici:"certs"`
	CACerts []string `vici:"cacerts"`
}

type child struct {
	Mode         string   `vici:"mode"`
	LocalTS      []string `vici:"local_ts"`
	RemoteTS     []string `vici:"remote_ts"`
	Proposals    []string `vici:"esp_proposals"`
	RekeyTime    string   `vici:"rekey_time"`
	RekeyBytes   string   `vici:"rekey_bytes"`
	ReplayWindow string   `vici:"replay_window"`
}

// secret is the argument of load-shared.
type secret struct {
	ID     string   `vici:"id"`
	Type   string   `vici:"type"`
	Data   string   `vici:"data"`
	Owners []string `vici:"owners"`
}

// check returns an error for a peer that charon would refuse, or could not authenticate.
func check(p ipsec.Peer) error {
	if p.Auth.PSK == nil && p.Auth.RemoteID == "" {
		return errors.New("want the identity in the peer's certificate: without it, every certificate of the same CA would be accepted as the peer's")
	}
	if p.Auth.PSK == nil && len(p.Auth.CAs) == 0 {
		return errors.New("want the certificate of the CA that has issued the peer's certificate")
	}
	return nil
}

// connectionOf returns charon's configuration for the SAs with a peer. It has no trap policies: one
// of the two sides initiates the SAs explicitly, and until they are up the floor drops the packets.
func connectionOf(p ipsec.Peer) connection {
	c := connection{
		Version:     "2",
		RemoteAddrs: []string{p.Flow.Remote.String()},
		Proposals:   p.IKE.Proposals,
		RekeyTime:   seconds(p.IKE.Rekey),
		DPDDelay:    seconds(p.IKE.DPD),
		Unique:      "replace",
		Tries:       "1", // decide repeats attempts
		Local:       authentication{ID: localID(p)},
		Remote:      authentication{ID: remoteID(p)},
		Children: map[string]child{prefix + p.Name: {
			Mode:         "transport",
			LocalTS:      []string{selector(p.Flow, p.Flow.LocalPort)},
			RemoteTS:     []string{selector(p.Flow, p.Flow.RemotePort)},
			Proposals:    p.Child.Proposals,
			RekeyTime:    seconds(p.Child.Rekey),
			RekeyBytes:   strconv.FormatUint(p.Child.RekeyOctets, 10),
			ReplayWindow: strconv.Itoa(p.Child.ReplayWindow),
		}},
	}
	if p.Flow.Local.IsValid() {
		c.LocalAddrs = []string{p.Flow.Local.String()}
	}
	if p.Auth.PSK != nil {
		c.Local.Auth, c.Remote.Auth = "psk", "psk"
		return c
	}
	c.Local.Auth, c.Remote.Auth = "pubkey", "pubkey"
	c.Local.Certs = []string{string(p.Auth.Certificate)}
	for _, ca := range p.Auth.CAs {
		c.Remote.CACerts = append(c.Remote.CACerts, string(ca))
	}
	return c
}

// selector returns the traffic selector for one end of the flow.
func selector(f ipsec.Flow, port uint16) string {
	if f.LocalPort == 0 && f.RemotePort == 0 {
		return "dynamic[115]"
	}
	return fmt.Sprintf("dynamic[udp/%d]", port)
}

func localID(p ipsec.Peer) string {
	if p.Auth.LocalID == "" && p.Auth.PSK != nil && p.Flow.Local.IsValid() {
		return p.Flow.Local.String()
	}
	return p.Auth.LocalID
}

func remoteID(p ipsec.Peer) string {
	if p.Auth.RemoteID == "" {
		return p.Flow.Remote.String()
	}
	return p.Auth.RemoteID
}

// secretOf returns charon's configuration of a peer's pre-shared key. Only the peer is its owner:
// charon tries each key whose owners include the peer's identity or ours, so with ours among them
// each peer could authenticate as any other.
func secretOf(p ipsec.Peer) secret {
	return secret{ID: prefix + p.Name, Type: "IKE", Data: string(p.Auth.PSK), Owners: []string{remoteID(p)}}
}

// seconds formats a time for charon, as at least 1 s: 0 s would switch rekeying off.
func seconds(d time.Duration) string { return strconv.Itoa(int(max(d, time.Second)/time.Second)) + "s" }

// sameSAs reports whether SAs of one configuration may stay under the other. Lifetimes and the
// pre-shared key apply to the next SAs.
func sameSAs(a, b ipsec.Peer) bool {
	same := func(a, b [][]byte) bool {
		return slices.EqualFunc(a, b, func(a, b []byte) bool { return string(a) == string(b) })
	}
	return a.Flow == b.Flow && a.Auth.LocalID == b.Auth.LocalID && a.Auth.RemoteID == b.Auth.RemoteID &&
		(a.Auth.PSK == nil) == (b.Auth.PSK == nil) && string(a.Auth.Certificate) == string(b.Auth.Certificate) &&
		same(a.Auth.CAs, b.Auth.CAs) && slices.Equal(a.IKE.Proposals, b.IKE.Proposals) &&
		slices.Equal(a.Child.Proposals, b.Child.Proposals) && a.Child.ReplayWindow == b.Child.ReplayWindow
}

// carries reports whether a CHILD SA with these traffic selectors carries the flow. Charon writes
// them as "192.0.2.1/32[udp/1701]" or "192.0.2.1/32[l2tp]".
func carries(f ipsec.Flow, local, remote []string) bool {
	return selects(local, f.Local, f, f.LocalPort) && selects(remote, f.Remote, f, f.RemotePort)
}

// selects reports whether the only selector is that of one end of the flow. Charon may write port
// 1701 as "l2tp" or "l2f", and protocol 115 as "l2tp".
func selects(selectors []string, address netip.Addr, f ipsec.Flow, port uint16) bool {
	if len(selectors) != 1 {
		return false
	}
	subnet, what, _ := strings.Cut(strings.TrimSuffix(selectors[0], "]"), "[")
	if prefix, err := netip.ParsePrefix(subnet); err != nil || address.IsValid() && prefix.Addr() != address.WithZone("") {
		return false
	}
	protocol, ports, _ := strings.Cut(what, "/")
	if f.LocalPort == 0 && f.RemotePort == 0 {
		return protocol == "115" || protocol == "l2tp"
	}
	return protocol == "udp" && (ports == strconv.Itoa(int(port)) || port == 1701 && ports == "l2tp" || port == 1701 && ports == "l2f")
}
