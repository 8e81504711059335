package l2tp

import "testing"

// hotPaths returns the operations that a daemon does for each message, by name.
func hotPaths(t testing.TB) map[string]func() error {
	digests, hiding := NewKey([]byte(secret)), NewHidingKey([]byte(secret))
	var buf []byte
	var m Message
	paths := map[string]func() error{}
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		paths["Parse/"+g.name] = func() error { return m.Parse(wire, nil) }
		paths["Append/"+g.name] = func() (err error) {
			buf, err = Append(buf[:0], &g.message)
			return err
		}
	}
	for name, kind := range map[string]DigestType{
		"SCCRQ with all AVPs": DigestHMACMD5, "ICRP": DigestHMACSHA1,
	} {
		wire := goldenWire(t, name)
		sign := func() error { return digests.Sign(wire, kind, nonce1, nonce2) }
		if err := sign(); err != nil {
			t.Fatal(err)
		}
		paths["Sign/"+kind.String()] = sign
		paths["Verify/"+kind.String()] = func() error { return digests.Verify(wire, nonce1, nonce2) }
	}
	for _, r := range rollovers {
		keys, wire := twoKeys(r.types), r.message(t)
		next := Keys{keys[1]} // matches only the second digest
		sign := func() error { return keys.Sign(wire, nonce1, nonce2) }
		if err := sign(); err != nil {
			t.Fatal(err)
		}
		paths["Sign/two secrets: "+r.name] = sign
		paths["Verify/two secrets: "+r.name] = func() error { return next.Verify(wire, nonce1, nonce2) }
	}

	hidden := message(t, sccrq+randomVector+hiddenID+hiddenName)
	paths["Parse hidden"] = func() error { return m.Parse(hidden, hiding) }
	full := goldens[0].message
	full.Has.Add(AVPRandomVector)
	full.RandomVector = hidingVector(t)
	hide := AVPs(AVPVendorName, AVPAssignedConnectionID)
	paths["Append hidden"] = func() (err error) {
		buf, err = AppendHidden(buf[:0], &full, hiding, hide)
		return err
	}

	cookie := []byte("8 octets")
	paths["Data header"] = func() error {
		buf = AppendDataHeader(buf[:0], 1, cookie)
		_, rest, err := ParseDataHeader(buf)
		if _, ok := CutCookie(rest, cookie); !ok {
			return ErrTruncated
		}
		return err
	}
	return paths
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, path := range hotPaths(t) {
		var err error
		n := testing.AllocsPerRun(10, func() {
			if e := path(); e != nil {
				err = e
			}
		})
		if n != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", name, n, err)
		}
	}
}

func Benchmark(b *testing.B) {
	for name, path := range hotPaths(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := path(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
