package vr

import "net/netip"

// Attachment is a customer interface of the host that belongs into a virtual router.
type Attachment struct {
	Name      string
	Addresses []netip.Prefix // each with its prefix length; other addresses stay on the interface
}
