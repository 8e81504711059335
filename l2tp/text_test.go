package l2tp

import (
	"fmt"
	"slices"
	"testing"
)

func pad(n, width int) string { return fmt.Sprintf("%*d", width, n) }

// Texts that operators and peers read.
func TestText(t *testing.T) {
	tests := []struct{ got, want string }{
		{SCCRQ.String(), "SCCRQ"},
		{StopCCN.String(), "StopCCN"},
		{ZLB.String(), "ZLB"},
		{ACK.String(), "ACK"},
		{MessageType(13).String(), "message type 13"},
		{MessageType(999).String(), "message type 999"},

		{AVPRemoteEndID.Name(), "Remote End ID"},
		{AVPType(67).Name(), "AVP 67"},
		{AVPRemoteEndID.String(), "Remote End ID AVP (66)"},
		{AVPType(67).String(), "AVP 67"},
		{AVPType(76).String(), "AVP 76"},

		{PseudowirePPP.String(), "PPP"},
		{PseudowireType(0x99).String(), "pseudowire type 153"},
		{DigestHMACMD5.String(), "HMAC-MD5"},
		{DigestType(2).String(), "digest type 2"},
		{SublayerDefault.String(), "default"},
		{Sublayer(7).String(), "sublayer 7"},
		{SequenceNonIP.String(), "non-IP"},
		{DataSequencing(7).String(), "data sequencing level 7"},
		{CircuitStatus(0).String(), "inactive"},
		{(CircuitActive | CircuitNew).String(), "active,new"},
		{(CircuitNetworkTransmitFault | CircuitStandby).String(), "inactive,network transmit fault,standby"},

		{ErrVersion2.Error(), "l2tp: L2TPv2 message, want version 3"},
		{HeaderError(99).Error(), "l2tp: header error 99"},
		{Problem(99).String(), "problem 99"},
		{
			(&AVPError{ICRQ, 0, AVPRemoteEndID, true, HiddenNoKey}).Error(),
			"l2tp: ICRQ: Remote End ID AVP (66): hidden, but no shared secret is known",
		},
		{(&AVPError{ICRQ, 9, 1, true, UnknownAVP}).Error(), "l2tp: ICRQ: vendor 9 AVP 1: unknown AVP"},
		{
			(&AVPError{ZLB, 0, AVPLocalSessionID, true, NoMessageType}).Error(),
			"l2tp: Local Session ID AVP (63): first AVP is not the Message Type",
		},

		{Result{Code: 6}.Text(StopCCN), "requester is being shut down"},
		{Result{Code: 6}.Text(CDN), "CDN result code 6"},
		{Result{Code: 9}.Text(StopCCN), "StopCCN result code 9"},
		{
			Result{Code: 5, HasError: true, Error: 3}.Text(StopCCN),
			"the protocol version of the requester is not supported (version 3 is)",
		},
		{
			Result{Code: 2, HasError: true, Error: ErrorSessionID, Message: []byte("1\n2")}.Text(CDN),
			`general error: invalid Session ID ("1\n2")`,
		},
		{Result{Code: 3, HasError: true}.Text(CDN), "session disconnected for administrative reasons"},
		{ErrorCode(77).String(), "error code 77"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// Every code has a text of its own.
func TestTextOfEveryCode(t *testing.T) {
	seen := map[string]bool{}
	unique := func(kind, text, unknown string) {
		if text == unknown || seen[kind+text] {
			t.Errorf("%s: text %q is not unique or not defined", kind, text)
		}
		seen[kind+text] = true
	}
	for c := StopGeneral; c <= StopFSMError; c++ {
		unique("StopCCN", c.String(), fmt.Sprintf("StopCCN result code %d", c))
	}
	for _, c := range []CDNCode{1, 2, 3, 4, 5, 13, 14, 15, 16} {
		unique("CDN", c.String(), fmt.Sprintf("CDN result code %d", c))
	}
	for c := ErrorNone; c <= ErrorTryAnotherDirected; c++ {
		unique("error", c.String(), fmt.Sprintf("error code %d", c))
	}
	for p := NoProblem; p <= IgnoredVendor; p++ {
		unique("problem", p.String(), fmt.Sprintf("problem %d", p))
	}
	for e := ErrTruncated; e <= ErrLength; e++ {
		unique("header", e.Error(), fmt.Sprintf("l2tp: header error %d", e))
	}
}

// Result has the general error code for the problem and names the AVP (RFC 3931, section 5.4.2).
func TestAVPErrorResult(t *testing.T) {
	for problem, want := range map[Problem]ErrorCode{
		UnknownAVP:         ErrorUnknownAVP,
		HiddenNoKey:        ErrorUnknownAVP,
		HiddenNoVector:     ErrorUnknownAVP,
		BadFraming:         ErrorLength,
		BadLength:          ErrorLength,
		HiddenLength:       ErrorLength,
		BadValue:           ErrorValue,
		HiddenForbidden:    ErrorValue,
		NoMessageType:      ErrorValue,
		UnknownMessageType: ErrorValue,
	} {
		r := (&AVPError{ICRQ, 0, AVPAssignedCookie, true, problem}).Result()
		text := "ICRQ: Assigned Cookie AVP (65): " + problem.String()
		if r.Code != 2 || !r.HasError || r.Error != want || string(r.Message) != text {
			t.Errorf("%v: %+v", problem, r)
		}
	}
	if code := (&AVPError{Problem: Duplicate}).ErrorCode(); code != ErrorNone {
		t.Errorf("a problem that is no error has error code %v", code)
	}
}

func TestIsSession(t *testing.T) {
	session := []MessageType{OCRQ, OCRP, OCCN, ICRQ, ICRP, ICCN, CDN, WEN, SLI}
	for m := range MessageType(30) {
		if m.IsSession() != slices.Contains(session, m) {
			t.Errorf("%v: IsSession %t", m, m.IsSession())
		}
	}
}

func TestPseudowireList(t *testing.T) {
	l := Pseudowires(PseudowireEthernet, PseudowirePPP)
	if got := slices.Collect(l.All()); !slices.Equal(got, []PseudowireType{PseudowireEthernet, PseudowirePPP}) {
		t.Errorf("%v", got)
	}
	if !l.Has(PseudowirePPP) || l.Has(PseudowireHDLC) || PseudowireList(nil).Has(PseudowirePPP) {
		t.Error("Has must find PPP, and neither HDLC nor anything in an empty list")
	}
	// 0x0005 0x0007 contains 0x0500, but across two types.
	if l.Has(0x0500) {
		t.Error("Has finds a type across the boundary of two types")
	}
}

// RFC 5641, sections 2 and 3.
func TestCircuitStatus(t *testing.T) {
	for status, active := range map[CircuitStatus]bool{
		0:                              false,
		CircuitActive:                  true,
		CircuitActive | CircuitNew:     true,
		CircuitNew:                     false,
		CircuitActive | CircuitStandby: false,
		CircuitReceiveFault:            false,
	} {
		if status.Active() != active {
			t.Errorf("%v: Active %t", status, status.Active())
		}
	}
	got := (CircuitActive | CircuitReceiveFault).Fault(CircuitTransmitFault | CircuitActive)
	if want := CircuitReceiveFault | CircuitTransmitFault; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
