package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// Impact is what a change of a key affects in a running daemon. The tag impact sets it for a key,
// or for all keys of a table that have no tag of their own.
type Impact string

// The impacts.
const (
	// The change takes effect at once, and no link goes down.
	ImpactNone Impact = "in place"

	// The key names a file or a variable: only a change of its content matters.
	ImpactContent Impact = "content"

	// The link restarts.
	ImpactLink Impact = "link"

	// The control connections to the peer restart, with all their links.
	ImpactConnection Impact = "connection"

	// The clear control connection to the peer restarts, with its links.
	ImpactClear Impact = "clear connection"

	// The protected control connection to the peer restarts, with its links.
	ImpactProtected Impact = "protected connection"

	// The change requires a restart of the daemon.
	ImpactDaemon Impact = "daemon"
)

// Concerns reports whether a change with this impact affects control connections of a class.
func (i Impact) Concerns(class IPsec) bool {
	return i != ImpactClear && i != ImpactProtected || (i == ImpactProtected) == (class == IPsecRequired)
}

// Change is a key whose value differs between two configurations.
type Change struct {
	// Key is the path below the compared table. For the content of a file or of a variable it is
	// the name of the field in words: "next secret".
	Key string

	Was, Is string // the values as written in the file; empty: none. Both are empty for secrets
	Impact  Impact
}

// String returns the change as text for people: "hello 60s → 10s".
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

// Changes returns the keys in which two configurations differ, without those of peers, VPNs and
// links: these have their own Changes.
func (c *Config) Changes(to *Config) []Change {
	return changes("", "", reflect.ValueOf(c).Elem(), reflect.ValueOf(to).Elem())
}

// Changes returns the keys in which two versions of a peer differ.
func (p *Peer) Changes(to *Peer) []Change {
	return changes("", impactOf[Config]("Peers"), reflect.ValueOf(p).Elem(), reflect.ValueOf(to).Elem())
}

// Changes returns the keys in which two versions of a VPN differ, without those that its links
// inherit and report themselves.
func (v *VPN) Changes(to *VPN) []Change {
	a, b := *v, *to
	a.IPsec, a.Auth = b.IPsec, b.Auth
	return changes("", impactOf[Config]("VPNs"), reflect.ValueOf(a), reflect.ValueOf(b))
}

// Changes returns the keys in which two versions of a link differ.
func (l *Link) Changes(to *Link) []Change {
	return changes("", impactOf[VPN]("Links"), reflect.ValueOf(l).Elem(), reflect.ValueOf(to).Elem())
}

// impactOf returns the tag of a field of T, which must exist.
func impactOf[T any](field string) Impact {
	f, _ := reflect.TypeFor[T]().FieldByName(field)
	return Impact(f.Tag.Get("impact"))
}

// changes compares two tables, without the tables in it that have names and without lists of
// tables, which are compared one by one.
func changes(at string, impact Impact, a, b reflect.Value) []Change {
	var found []Change
	for field, value := range a.Fields() {
		key, other := field.Tag.Get("key"), b.FieldByIndex(field.Index)
		impact := impactBelow(impact, field.Tag)
		switch t := value.Type(); {
		case key == "*", impact == ImpactContent, isListOfTables(t):
		case key == "":
			if !reflect.DeepEqual(value.Interface(), other.Interface()) {
				found = append(found, Change{Key: strings.TrimSpace(at + " " + splitWords(field.Name)), Impact: impact})
			}
		case t.Kind() == reflect.Struct && kindOf(t, field.Tag) == "":
			found = append(found, changes(join(at, key), impact, value, other)...)
		case !same(value, other):
			c := Change{Key: join(at, key), Impact: impact}
			if field.Tag.Get("hidden") == "" {
				c.Was, c.Is = format(value, field.Tag), format(other, field.Tag)
			}
			found = append(found, c)
		}
	}
	return found
}

// impactBelow returns the impact of a field: that of its own tag, or else that of its table.
func impactBelow(table Impact, tag reflect.StructTag) Impact {
	if own := Impact(tag.Get("impact")); own != "" {
		return own
	}
	return table
}

func isListOfTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && kinds[t.Elem()] == ""
}

// same reports whether two values are equal. A nil list equals an empty one.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// format returns a value as it is written in the file, or "" if it is not set.
func format(v reflect.Value, tag reflect.StructTag) string {
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

// splitWords returns the name of a field in words: NextSecret is "next secret".
func splitWords(field string) string {
	var b strings.Builder
	upper := true // whether the previous rune is upper case
	for _, r := range field {
		if unicode.IsUpper(r) && !upper {
			b.WriteByte(' ')
		}
		upper = unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
