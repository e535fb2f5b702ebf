package pipeline

import (
	"context"
	"math/rand/v2"
	"time"
)

// longestAfter bounds what another side may ask us to wait: an answer that is
// nonsense must not stop a sink for a week.
const longestAfter = time.Hour

// backoff gives the waits between attempts: exponential with full jitter. The
// zero value of its counter is a fresh start. It belongs to one goroutine.
type backoff struct {
	initial, max time.Duration
	attempts     int
}

// next returns the wait before the next attempt.
func (b *backoff) next() time.Duration {
	limit := b.max
	if b.attempts < 30 { // beyond, the shift is larger than any maximum
		limit = min(limit, b.initial<<b.attempts)
	}
	b.attempts++
	if limit <= 0 {
		return 0
	}
	// Never less than a tenth: full jitter alone sometimes hammers.
	return limit/10 + rand.N(limit-limit/10) // #nosec G404 -- spreads load, hides nothing
}

// obey returns the wait where the other side named one: that, and a little
// more, so that many agents do not come back at the same moment.
func obey(after time.Duration) time.Duration {
	after = min(after, longestAfter)
	return after + rand.N(after/10+time.Millisecond) // #nosec G404 -- spreads load, hides nothing
}

func (b *backoff) reset() { b.attempts = 0 }

// sleep waits; it returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
