package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// Live is what it takes for another value of a key to count, in a daemon that runs. The tag live
// says it, of a key or of all keys in a table that have no tag of their own.
type Live string

// What it takes.
const (
	LiveNow        Live = "in place"             // nothing: it counts at once, and no link goes down
	LiveContent    Live = "content"              // nothing: the key says where something is, and what counts is that
	LiveLink       Live = "link"                 // the link goes down and comes up anew
	LiveConnection Live = "connection"           // so do the control connections to the peer, with all links on them
	LiveClear      Live = "clear connection"     // of these, the one of links in clear
	LiveProtected  Live = "protected connection" // of these, the one of links that IPsec protects
	LiveDaemon     Live = "daemon"               // the daemon has to be started again
)

// Concerns reports whether another value makes a difference to control connections of that class.
func (l Live) Concerns(class IPsec) bool {
	return l != LiveClear && l != LiveProtected || (l == LiveProtected) == (class == IPsecRequired)
}

// Change is a key that has another value in another configuration.
type Change struct {
	Key     string // its path, from the table that was compared on; or what is in a file, in words: "next secret"
	Was, Is string // the values as they would be written, empty if there is none; neither is known of secrets
	Live    Live
}

// String is the change for people: "hello 60s → 10s".
func (c Change) String() string {
	none := func(text string) string {
		if text == "" {
			return "none"
		}
		return text
	}
	if c.Was == c.Is {
		return c.Key
	}
	return fmt.Sprintf("%s %s → %s", c.Key, none(c.Was), none(c.Is))
}

// Changes are the keys in which two configurations differ, but for what Peer.Changes and
// Link.Changes tell.
func (c *Config) Changes(to *Config) []Change {
	return changes("", "", reflect.ValueOf(c).Elem(), reflect.ValueOf(to).Elem())
}

// Changes are the keys in which a peer differs from what it was.
func (p *Peer) Changes(to *Peer) []Change {
	return changes("", liveOf[Config]("Peers"), reflect.ValueOf(p).Elem(), reflect.ValueOf(to).Elem())
}

// Changes are the keys in which a VPN differs from what it was, but for those that its links have
// too: these have taken them over.
func (v *VPN) Changes(to *VPN) []Change {
	a, b := *v, *to
	a.IPsec, a.Auth = b.IPsec, b.Auth
	return changes("", liveOf[Config]("VPNs"), reflect.ValueOf(a), reflect.ValueOf(b))
}

// Changes are the keys in which a link differs from what it was.
func (l *Link) Changes(to *Link) []Change {
	return changes("", liveOf[VPN]("Links"), reflect.ValueOf(l).Elem(), reflect.ValueOf(to).Elem())
}

// liveOf is the tag of a field, which is there.
func liveOf[T any](field string) Live {
	f, _ := reflect.TypeFor[T]().FieldByName(field)
	return Live(f.Tag.Get("live"))
}

// changes compares two tables, but for tables that have names, and lists of tables: each of these
// is looked at by itself.
func changes(at string, live Live, a, b reflect.Value) []Change {
	var found []Change
	for field, value := range a.Fields() {
		key, other := field.Tag.Get("key"), b.FieldByIndex(field.Index)
		live := liveBelow(live, field.Tag)
		switch t := value.Type(); {
		case key == "*", live == LiveContent, isListOfTables(t):
		case key == "":
			if !reflect.DeepEqual(value.Interface(), other.Interface()) {
				found = append(found, Change{Key: strings.TrimSpace(at + " " + inWords(field.Name)), Live: live})
			}
		case t.Kind() == reflect.Struct && kindOf(t, field.Tag) == "":
			found = append(found, changes(join(at, key), live, value, other)...)
		case !same(value, other):
			c := Change{Key: join(at, key), Live: live}
			if field.Tag.Get("hidden") == "" {
				c.Was, c.Is = written(value, field.Tag), written(other, field.Tag)
			}
			found = append(found, c)
		}
	}
	return found
}

// liveBelow is the tag of a field in a table that has one.
func liveBelow(table Live, tag reflect.StructTag) Live {
	if own := Live(tag.Get("live")); own != "" {
		return own
	}
	return table
}

func isListOfTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && kinds[t.Elem()] == ""
}

// same reports whether two values are; no list is an empty one.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// written is a value of a key as an operator writes it, empty if there is none.
func written(v reflect.Value, tag reflect.StructTag) string {
	if v.Kind() == reflect.Slice {
		var values []string
		for i := range v.Len() {
			values = append(values, fmt.Sprint(v.Index(i).Interface()))
		}
		return strings.Join(values, ", ")
	}
	if v.IsZero() && tag.Get("default") == "" {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// inWords is the name of a field for people: NextSecret is "next secret".
func inWords(field string) string {
	var b strings.Builder
	upper := true // of the rune before
	for _, r := range field {
		if unicode.IsUpper(r) && !upper {
			b.WriteByte(' ')
		}
		upper = unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
