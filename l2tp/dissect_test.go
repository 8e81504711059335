package l2tp

import (
	"reflect"
	"testing"
)

// Dissect reports every AVP, accepted or not, in the order of the message.
func TestDissect(t *testing.T) {
	wire := message(t, icrq+
		randomVector+hiddenEndID+
		"8008 0009 0001 abcd"+ // a vendor's
		"000a 0000 000f 00000001"+
		"000a 0000 000f 00000002"+ // a duplicate
		"0007 0000 0041 ff"+ // a cookie of one octet
		"8005 0000 0044") // an impossible length
	var m Message
	got, err := m.Dissect(wire, NewHidingKey([]byte(secret)), nil)
	want := []AVP{
		{Type: AVPMessageType, Mandatory: true, Value: unhex(t, "000a")},
		{Type: AVPRandomVector, Mandatory: true, Value: hidingVector(t)},
		{Type: AVPRemoteEndID, Mandatory: true, Hidden: true, Value: unhex(t, "00005e 00000001")},
		{Vendor: 9, Type: 1, Mandatory: true, Value: unhex(t, "abcd"), Problem: UnknownAVP},
		{Type: AVPSerialNumber, Value: unhex(t, "00000001")},
		{Type: AVPSerialNumber, Value: unhex(t, "00000002"), Problem: Duplicate},
		{Type: AVPAssignedCookie, Value: unhex(t, "ff"), Problem: BadLength},
		{Type: AVPPseudowireType, Mandatory: true, Problem: BadFraming},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	// Dissect returns the same message and error as Parse.
	var parsed Message
	parseErr := parsed.Parse(wire, NewHidingKey([]byte(secret)))
	if !reflect.DeepEqual(err, parseErr) || !reflect.DeepEqual(m, parsed) {
		t.Errorf("Dissect: %v and %+v, Parse: %v and %+v", err, m, parseErr, parsed)
	}
}

func TestDissectWithoutTheSecret(t *testing.T) {
	var m Message
	got, _ := m.Dissect(message(t, icrq+randomVector+hiddenEndID), nil, make([]AVP, 0, 3))
	want := AVP{
		Type: AVPRemoteEndID, Mandatory: true, Hidden: true,
		Value: unhex(t, hiddenEndID)[avpHeaderLen:], Problem: HiddenNoKey,
	}
	if len(got) != 3 || !reflect.DeepEqual(got[2], want) {
		t.Errorf("%+v, want the last to be %+v", got, want)
	}
}

func TestDissectWithoutAVPs(t *testing.T) {
	for name, wire := range map[string][]byte{"ZLB": goldenWire(t, "ZLB"), "nothing": nil} {
		var m Message
		if got, _ := m.Dissect(wire, nil, nil); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	var m Message
	got, err := m.Dissect(message(t, "8008 0000 0000 03e7 000a 0000 000f 00000001"), nil, nil)
	if len(got) != 1 || got[0].Problem != UnknownMessageType || err == nil {
		t.Errorf("unknown message type: %v, %+v", err, got)
	}
}
