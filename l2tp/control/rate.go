package control

import "time"

// Rate bounds events: so many a second in the long run, and so many at once. A value that is not
// positive is the default: 5 a second, 10 at once.
type Rate struct{ PerSecond, Burst int }

// bucket is a token bucket.
type bucket struct {
	fullAt time.Time // each token taken moves it on by what one takes to come back
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time, r Rate) bool {
	token := time.Second / time.Duration(r.PerSecond)
	fullAt := b.fullAt
	if fullAt.Before(now) {
		fullAt = now
	}
	fullAt = fullAt.Add(token)
	if fullAt.Sub(now) > token*time.Duration(r.Burst) {
		return false
	}
	b.fullAt = fullAt
	return true
}
