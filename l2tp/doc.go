// Package l2tp implements the wire format of L2TPv3 (RFC 3931, and RFC 5641 for the Circuit
// Status): control messages and their AVPs, message digests, hidden AVPs, and the header of data
// messages. It keeps no protocol state and does no I/O; the state machines are in package
// l2tp/control.
//
// # Receiving
//
// A receiver of a control message takes four steps:
//
//   - IsControl and PeekConnectionID find its control connection.
//   - Message.Parse reads the message.
//   - Keys.Verify checks its digests. With authentication, nothing in the message may be used
//     before Verify has succeeded, not even an *AVPError that Parse has returned.
//   - Message.Missing reports whether the AVPs that RFC 3931, section 6, requires are present.
//
// Over IP (protocol 115), four zero octets, session ID 0, precede a control message. They are not
// part of it: every function in this package but ClassifyIP expects a control message to begin with
// its header, the one with the T bit.
//
// A data plane calls ClassifyUDP or ClassifyIP for each datagram. In a data message, CutCookie and
// ParseDefaultSublayer read what precedes the payload.
//
// # Sending
//
// A sender fills in a Message, lists its AVPs in Has, and calls Append. With authentication,
// Keys.AddDigests adds the Message Digest AVPs before Append, and Keys.Sign fills in the digests
// afterwards. A retransmission with a new Nr must be signed again.
//
// # Showing messages
//
// Message.Dissect is Parse for programs that show messages: it reports every AVP, with its problem.
//
// # Invalid messages
//
// This package treats invalid messages according to RFC 3931, sections 5.1, 5.2, 5.4 and 7.1, as
// follows:
//
//   - Malformed header: the message must be discarded (HeaderError). Reserved bits are ignored, and
//     so are octets beyond the Length in the header.
//   - AVP that is unknown, or malformed (wrong length, value out of range, hidden although it must
//     not be, or hidden and not decipherable): if its M bit is set, the session or the control
//     connection must be shut down (*AVPError from Parse). Otherwise the AVP is ignored, and
//     Message.Ignored reports it for logging.
//   - AVP with a Length below 6 or beyond the end of the message: the start of the next AVP is
//     unknown, so this is an *AVPError whatever the M bit.
//   - Known AVP that is not allowed in the message, duplicate AVP, Message Digest that does not
//     follow the Message Type: RFC 3931 does not call these errors. They are ignored whatever the M
//     bit, because the M bit of a known AVP has no effect.
//   - Unknown message type: *AVPError. If its M bit is clear the message may be ignored; if it is
//     set the control connection must be cleared.
//   - Extended Vendor ID AVP: ignored whatever the M bit, which must be 0. No vendor is known.
//
// Parse reads the rest of a message with such an error, too, so that the receiver can find the
// session that it belongs to. Of several errors, Parse returns the first.
package l2tp
