package l2tp

import (
	"strings"
	"testing"
)

// section54 is a summary of RFC 3931, section 5.4: the number of each AVP, M if it should be sent
// with the M bit, H if it may be hidden, its minimum length with the header and before hiding, its
// name, and the messages that may have it.
const section54 = `
 0 M -     8 Message Type: all
59 M -     7 Message Digest: all
73 M -     6 Control Message Authentication Nonce: SCCRQ SCCRP
36 M -     6 Random Vector: all
58 - H    12 Extended Vendor ID: all
 1 M -     8 Result Code: StopCCN CDN
 5 M -    14 Tie Breaker: SCCRQ ICRQ OCRQ
 7 M -     7 Host Name: SCCRQ SCCRP
60 M -    10 Router ID: SCCRQ SCCRP
 8 - H     6 Vendor Name: SCCRQ SCCRP
61 M H    10 Assigned Control Connection ID: SCCRQ SCCRP StopCCN
10 M -     8 Receive Window Size: SCCRQ SCCRP
62 M H     8 Pseudowire Capabilities List: SCCRQ SCCRP
72 - H     6 Preferred Language: SCCRQ SCCRP
63 M H    10 Local Session ID: ICRQ ICRP ICCN OCRQ OCRP OCCN CDN WEN SLI
64 M H    10 Remote Session ID: ICRQ ICRP ICCN OCRQ OCRP OCCN CDN WEN SLI
65 M H     6 Assigned Cookie: ICRQ ICRP OCRQ OCRP
15 - H    10 Serial Number: ICRQ OCRQ
66 M H     6 Remote End ID: ICRQ OCRQ
68 M H     8 Pseudowire Type: ICRQ OCRQ
69 M H     8 L2-Specific Sublayer: ICRQ ICRP ICCN OCRQ OCRP OCCN
70 M H     8 Data Sequencing: ICRQ ICRP ICCN OCRQ OCRP OCCN
74 - H    14 Tx Connect Speed: ICRQ ICRP ICCN OCRQ OCRP OCCN
75 - H    14 Rx Connect Speed: ICRQ ICRP ICCN OCRQ OCRP OCCN
25 - H    10 Physical Channel ID: ICRQ ICRP OCRP
71 M H     8 Circuit Status: ICRQ ICRP ICCN OCRQ OCRP OCCN SLI
34 - H    24 Circuit Errors: WEN
`

func TestTableAgainstSection54(t *testing.T) {
	var got strings.Builder
	got.WriteByte('\n')
	flag := func(set bool, letter string) string {
		if set {
			return letter
		}
		return "-"
	}
	for i := range avpTable {
		s := &avpTable[i]
		messagesWith := "all"
		if s.in != inAll {
			var names []string
			// In the order of the RFC: control connection, incoming calls, outgoing calls, others.
			for _, m := range []MessageType{
				SCCRQ, SCCRP, SCCCN, StopCCN, HELLO, ACK, ICRQ, ICRP, ICCN, OCRQ, OCRP, OCCN, CDN, WEN, SLI,
			} {
				if s.in.has(m) {
					names = append(names, m.String())
				}
			}
			messagesWith = strings.Join(names, " ")
		}
		fields := []string{
			pad(int(s.avp), 2), flag(s.bits&bitM != 0, "M"), flag(s.bits&bitH != 0, "H"), pad(avpHeaderLen+s.length.min, 5),
			s.name + ": " + messagesWith,
		}
		got.WriteString(strings.Join(fields, " ") + "\n")
	}
	if got.String() != section54 {
		t.Errorf("\n got %s\nwant %s", got.String(), section54)
	}
}

func TestAVPSet(t *testing.T) {
	s := AVPs(AVPMessageType, AVPRxConnectSpeed, 76, 0xffff)
	if !s.Has(AVPMessageType) || !s.Has(AVPRxConnectSpeed) || s.Has(AVPHostName) || s.Has(76) || s.Has(0xffff) {
		t.Errorf("%+v", s)
	}
	s.Remove(AVPMessageType, 0xffff)
	if s != AVPs(AVPRxConnectSpeed) {
		t.Errorf("%+v after Remove", s)
	}
	if avp, ok := s.first(); avp != AVPRxConnectSpeed || !ok {
		t.Errorf("first: %v, %t", avp, ok)
	}
	s.Remove(AVPRxConnectSpeed)
	if _, ok := s.first(); ok || s != (AVPSet{}) {
		t.Errorf("%+v is not empty", s)
	}
}
