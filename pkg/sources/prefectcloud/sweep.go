package prefectcloud

import (
	"context"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// sweepStep is how much past is read again at once.
func sweepStep(after time.Duration) time.Duration { return min(after/4, time.Hour) }

func (f feed) sweepPart(after time.Duration) string { return f.name + "/sweep/" + after.String() }

// sweep reads again what is due.
func (r *run) sweep(ctx context.Context, f *feedRun) error {
	for _, d := range r.cfg.Sweeps {
		after := time.Duration(d)
		m, until, due := r.due(f, after)
		if !due {
			continue
		}
		part := f.sweepPart(after)
		w := r.window(f.feed, m.To, until, func(items []item, reached time.Time) error {
			if reached.After(m.To) {
				m.To = reached
			} else if len(items) == 0 {
				return nil
			}
			if err := r.store(ctx, r.records(f.feed, items, true), event.Position{part: m.encode()}); err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			f.sweeps[part] = m
			return nil
		})
		if err := w.read(ctx, time.Duration(r.cfg.Window)); err != nil {
			return err
		}
	}
	return nil
}

// due says where a sweep goes on and where it ends, and whether enough has
// gathered. It does not pass a backfill, and what is beyond the memory for ids
// must not be read again.
func (r *run) due(f *feedRun, after time.Duration) (m mark, until time.Time, due bool) {
	now := r.client.now()
	until = now.Add(-after)
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known := f.sweeps[f.sweepPart(after)]
	if !known { // it was added to the config
		m = mark{To: until, From: f.live.From}
	}
	for _, p := range f.past {
		if p.To.Before(until) {
			until = p.To
		}
	}
	m.To = laterOf(m.To, now.Add(-r.cfg.memory()+memorySlack))
	if oldest, known := r.plan.oldest(now); known {
		m.To = laterOf(m.To, oldest)
	}
	m.To = earlierOf(m.To, now.Add(-after)) // a clock was ahead
	if !known {
		f.sweeps[f.sweepPart(after)] = m
	}
	return m, until, until.Sub(m.To) >= sweepStep(after)
}

// proven is the time up to which the last sweep has read again.
func (f *feedRun) proven(sweeps []config.Duration) time.Time {
	at := f.complete()
	for _, d := range sweeps {
		if s, ok := f.sweeps[f.sweepPart(time.Duration(d))]; ok && s.To.Before(at) {
			at = s.To
		}
	}
	return at
}
