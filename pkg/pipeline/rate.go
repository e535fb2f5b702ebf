package pipeline

import (
	"sync"
	"time"
)

// rateWindow is the number of seconds over which a rate is taken.
const rateWindow = 10

// rate is the mean growth of a counter over the last seconds: sample it once a
// second. Safe for concurrent use.
type rate struct {
	mu      sync.Mutex // guards what follows
	samples [rateWindow + 1]uint64
	taken   int
}

func (r *rate) sample(total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples[r.taken%len(r.samples)] = total
	r.taken++
}

// value is the growth a second.
func (r *rate) value() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(r.taken, len(r.samples))
	if n < 2 {
		return 0
	}
	newest := r.samples[(r.taken-1)%len(r.samples)]
	oldest := r.samples[(r.taken-n)%len(r.samples)]
	return float64(newest-oldest) / float64(n-1)
}

// every lets something happen at most once in an interval. It belongs to one
// goroutine, or to whoever holds the lock that guards it.
type every struct {
	interval time.Duration
	last     time.Time
}

func (e *every) ok(now time.Time) bool {
	if !e.last.IsZero() && now.Sub(e.last) < e.interval {
		return false
	}
	e.last = now
	return true
}
