package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// field is a field of a packet as tshark dissects it, with the fields inside it.
type field struct {
	Name     string  `xml:"name,attr"`
	ShowName string  `xml:"showname,attr"`
	Show     string  `xml:"show,attr"`
	Value    string  `xml:"value,attr"` // octets in hexadecimal
	Fields   []field `xml:"field"`
}

// packet is a frame, as the list of its protocols.
type packet struct {
	Protocols []field `xml:"proto"`
}

// dissectFile dissects a capture with tshark, in its most detailed format, PDML.
func dissectFile(t *testing.T, file string) []packet {
	t.Helper()
	cmd := exec.Command("tshark", "-r", file, "-T", "pdml", "-o", "l2tp.shared_secret:"+secret)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark (required by this test): %v: %s", err, stderr.Bytes())
	}
	var p struct {
		Packets []packet `xml:"packet"`
	}
	if err := xml.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p.Packets
}

// l2tp returns the L2TP layer of the packet.
func (p packet) l2tp(t *testing.T) field {
	t.Helper()
	for _, f := range p.Protocols {
		if f.Name == "l2tp" {
			return f
		}
	}
	t.Fatal("tshark does not find L2TP in a packet")
	return field{}
}

// all calls visit for f and for all fields inside it.
func (f *field) all(visit func(*field)) {
	visit(f)
	for i := range f.Fields {
		f.Fields[i].all(visit)
	}
}

// find returns the values of all fields with this name, as tshark shows them.
func (f *field) find(name string) (shown []string) {
	f.all(func(g *field) {
		if g.Name == name {
			shown = append(shown, g.Show)
		}
	})
	return shown
}

// number returns the value of the field with this name, which must occur once and be a number.
func (f *field) number(t *testing.T, name string) uint64 {
	t.Helper()
	shown := f.find(name)
	if len(shown) != 1 {
		t.Fatalf("tshark finds field %s %d times in %s, want once", name, len(shown), f.Show)
	}
	n, err := strconv.ParseUint(shown[0], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// expertInfo returns tshark's expert info on the packet, such as "Malformed Packet".
func (p packet) expertInfo() (list []string) {
	for i := range p.Protocols {
		p.Protocols[i].all(func(f *field) {
			if f.Name == "_ws.expert.message" || strings.HasPrefix(f.Name, "_ws.malformed") {
				list = append(list, f.Show)
			}
		})
	}
	return list
}

// readAVP is an AVP as tshark reads it.
type readAVP struct {
	field
	mandatory, hidden bool
	kind              l2tp.AVPType // from the octets if hidden, as tshark does not dissect these
	value             []byte
}

// avps returns the AVPs of the message f.
func (f field) avps(t *testing.T) (list []readAVP) {
	t.Helper()
	for _, g := range f.Fields {
		if !strings.HasSuffix(g.Show, " AVP") {
			continue
		}
		octets, err := hex.DecodeString(g.Value)
		if err != nil || len(octets) < 6 || len(octets) != int(g.number(t, "l2tp.avp.length")) {
			t.Fatalf("%s: octets %q, %v", g.Show, g.Value, err)
		}
		a := readAVP{
			field:     g,
			mandatory: g.number(t, "l2tp.avp.mandatory") == 1,
			hidden:    g.number(t, "l2tp.avp.hidden") == 1,
			kind:      l2tp.AVPType(octets[4])<<8 | l2tp.AVPType(octets[5]),
			value:     octets[6:],
		}
		if !a.hidden {
			a.kind = l2tp.AVPType(g.number(t, "l2tp.avp.type"))
		}
		list = append(list, a)
	}
	return list
}

// showName returns what tshark shows for the first field with this name.
func (f *field) showName(name string) (shown string) {
	f.all(func(g *field) {
		if g.Name == name && shown == "" {
			shown = g.ShowName
		}
	})
	return shown
}
