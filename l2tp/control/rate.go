package control

import "time"

// Rate limits events to PerSecond on average, and to Burst at once. Values that are not positive
// mean the defaults: 5 per second, 10 at once.
type Rate struct{ PerSecond, Burst int }

// bucket is a token bucket.
type bucket struct {
	fullAt time.Time // when the bucket is full again; each token taken moves it by one interval
}

// take removes a token. It returns false if the bucket is empty.
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
