package prefectcloud

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// backfills reads the past of a feed that is still to be read, and ends.
func (r *run) backfills(ctx context.Context, f *feedRun) error {
	r.mu.Lock()
	parts := f.pending()
	r.mu.Unlock()
	for _, part := range parts {
		r.deps.Log.Info("reads the past", "feed", f.name, "from", f.past[part].To, "until", f.past[part].End)
		if err := r.patiently(ctx, f.name, func(ctx context.Context) error { return r.backfill(ctx, f, part) }); err != nil {
			return err
		}
		r.deps.Log.Info("has read the past", "feed", f.name)
		r.report()
	}
	return nil
}

// backfill reads one stretch of the past, each event once: its windows do not
// overlap, and what it has read of the instant at which it goes on, it knows.
func (r *run) backfill(ctx context.Context, f *feedRun, part string) error {
	r.mu.Lock()
	m := f.past[part]
	r.mu.Unlock()
	if oldest, known := r.available(r.client.now()); known && m.To.Before(oldest) && oldest.Sub(m.To) > time.Minute {
		r.lost(f, m.To, oldest)
		m.To, m.Edge, m.Far = oldest, nil, time.Time{}
	}
	began, from := time.Now(), m.To
	w := r.window(f.feed, m.To, m.End, func(items []item, reached time.Time) error {
		items = m.after(items)
		if !m.advance(items, reached) && len(items) == 0 {
			return nil
		}
		next := event.Position{part: m.encode()}
		done := !m.To.Before(m.End)
		if done {
			next[part] = nil
		}
		if err := r.store(ctx, r.records(f.feed, items, false), next); err != nil {
			return err
		}
		r.mu.Lock()
		f.past[part] = m
		if done {
			delete(f.past, part)
		}
		r.mu.Unlock()
		if !done {
			r.progress(f, m, from, began)
		}
		return nil
	})
	err := w.read(ctx, time.Duration(r.cfg.Window))
	r.mu.Lock()
	r.history, r.expected = "", time.Time{}
	r.mu.Unlock()
	return err
}

// progress tells how far a backfill is and how long it will still take.
func (r *run) progress(f *feedRun, m mark, from, began time.Time) {
	r.report()
	text := fmt.Sprintf("reading the past: at %s, %s to go", m.To.Format(time.RFC3339), m.End.Sub(m.To).Round(time.Minute))
	var end time.Time
	if done := m.To.Sub(from); done > 0 {
		took := time.Since(began)
		left := time.Duration(float64(took) * float64(m.End.Sub(m.To)) / float64(done))
		text += fmt.Sprintf(", done in about %s", left.Round(time.Second))
		end = time.Now().Add(left)
	}
	r.mu.Lock()
	r.history, r.expected = text, end
	r.mu.Unlock()
	r.working(f.name)
}

// after drops what was read already.
func (m *mark) after(items []item) []item {
	return slices.DeleteFunc(items, func(it item) bool { return slices.Contains(m.Edge, it.key()) })
}

// advance moves m over items, of which everything below reached is now read. It
// reports whether m changed.
func (m *mark) advance(items []item, reached time.Time) bool {
	if reached.After(m.To) {
		m.To = reached
		if m.To.After(m.Far) {
			m.Edge, m.Far = nil, time.Time{}
		}
	} else if len(items) == 0 {
		return false
	}
	for _, it := range items {
		if !it.occurred.Before(m.To) {
			m.Edge = append(m.Edge, it.key())
			m.Far = laterOf(m.Far, it.occurred)
		}
	}
	return true
}
