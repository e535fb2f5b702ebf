package pipeline

import (
	"sync"
	"time"
)

// paceWindow is the number of seconds over which a rate is taken.
const paceWindow = 10

// pace is the mean growth of a counter over the last seconds: sample it once a
// second. Safe for concurrent use.
type pace struct {
	mu      sync.Mutex // guards what follows
	samples [paceWindow + 1]uint64
	taken   int
}

func (p *pace) sample(total uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples[p.taken%len(p.samples)] = total
	p.taken++
}

// value is the growth a second.
func (p *pace) value() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(p.taken, len(p.samples))
	if n < 2 {
		return 0
	}
	newest := p.samples[(p.taken-1)%len(p.samples)]
	oldest := p.samples[(p.taken-n)%len(p.samples)]
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
