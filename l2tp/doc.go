// Package l2tp is the wire format of L2TPv3 (RFC 3931, and RFC 5641 for the
// circuit status): control messages and their AVPs, message digests, hidden
// AVPs, and the header of data messages. It holds no protocol state and does no
// I/O.
//
// # Receiving
//
// A datagram goes through four steps. IsControl and PeekConnectionID are enough
// to find its control connection; Message.Parse reads all of it; Keys.Verify
// checks the digests, and must say yes before anything in the message is
// believed, a *AVPError of Parse included; Message.Missing tells whether the
// AVPs that section 6 demands are there.
//
// Over IP (protocol 115) the four zero octets of session ID before a control
// message are not part of it: every function here takes a control message from
// the first octet of its own header, the one with the T bit.
//
// # Sending
//
// Fill in a Message, name its AVPs in Has, and Append it. With digests, let
// Keys.Describe name them, and Keys.Sign what Append wrote; a retransmission
// with a new Nr is signed anew.
//
// # Looking
//
// Message.Dissect is Parse for people who look at traffic: it tells of every AVP.
//
// # What a receiver makes of errors
//
// RFC 3931, sections 5.1, 5.2, 5.4 and 7.1, read as follows:
//
//   - A malformed header: the message is discarded (HeaderError). Reserved bits
//     are ignored, and so are octets beyond the header's Length.
//   - An AVP that is unknown, or malformed (wrong length, a value out of range,
//     hidden where it must not or cannot be read): with the M bit, session or
//     control connection is to be shut down (*AVPError from Parse). Without the M
//     bit it is as if it were not there; Message.Ignored has it for the log.
//   - An AVP whose Length is below 6 or beyond the end of the message: there is
//     no telling where the next one starts, hence an *AVPError whatever its M bit.
//   - A known AVP in a message that does not take it, a second one of its kind, a
//     Message Digest not behind the Message Type: RFC 3931 calls none of these
//     an error. They are ignored whatever their M bit, since the M bit of
//     a known AVP is of no consequence.
//   - An unknown message type: an *AVPError; with its M bit clear the message may
//     be ignored, with its M bit set the control connection must be cleared.
//   - The Extended Vendor ID AVP is recognised, and no vendor in it is: ignored,
//     since its M bit must be 0.
//
// The rest of a message with such an error is parsed all the same, so that the
// receiver can tell the session it belongs to. Where there are several errors,
// the first is told.
package l2tp
