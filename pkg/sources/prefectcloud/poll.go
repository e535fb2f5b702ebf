package prefectcloud

import (
	"context"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// ahead is how far beyond now a poll asks, for producers whose clocks are fast.
// The watermark does not follow.
const ahead = time.Hour

// polls reads what is new, for ever.
func (r *run) polls(ctx context.Context) error {
	planned := time.Now()
	for ctx.Err() == nil {
		if err := r.patiently(ctx, r.pass); err != nil {
			return err
		}
		if time.Since(planned) > r.pace.preflight {
			planned = time.Now()
			if err := r.preflight(ctx); err != nil && ctx.Err() == nil {
				r.tell(err)
			}
		}
		if !sleep(ctx, r.interval()) {
			break
		}
	}
	return nil
}

// interval is the time to the next poll: longer while every feed has a stream.
func (r *run) interval() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == len(r.feeds) && r.streams > 0 {
		return r.pace.relaxed
	}
	return r.pace.poll
}

// pass reads what is new of every feed, what is due to be read again, and what
// was put down for repair.
func (r *run) pass(ctx context.Context) error {
	if err := r.repairs(ctx); err != nil {
		return err
	}
	for _, f := range r.feeds {
		if err := r.poll(ctx, f); err != nil {
			return err
		}
		if err := r.sweep(ctx, f); err != nil {
			return err
		}
	}
	r.report()
	return nil
}

// poll reads a feed from a little before its watermark to now.
func (r *run) poll(ctx context.Context, f *feedRun) error {
	now := r.client.now()
	r.mu.Lock()
	m, floor := *f.live, f.floor()
	r.mu.Unlock()
	since := m.To.Add(-time.Duration(r.cfg.Overlap))
	if since.Before(m.From) {
		since = m.From
	}
	if since.Before(floor) {
		since = floor
	}
	if since.Before(f.resume) {
		since = f.resume
	}
	since = r.shorten(ctx, f, since, m.To)
	w := r.window(f.feed, since, now.Add(ahead), func(items []item, reached time.Time) error {
		items = f.known.unknown(items)
		if reached.After(now) {
			reached = now
		}
		if reached.After(m.To) {
			m.To = reached
		} else if len(items) == 0 {
			return nil
		}
		if err := r.store(ctx, r.records(f.feed, items, false), event.Position{f.name: m.encode()}); err != nil {
			return err
		}
		f.known.remember(items)
		r.mu.Lock()
		defer r.mu.Unlock()
		to := m
		f.live = &to
		return nil
	})
	at, err := w.read(ctx, time.Duration(r.cfg.Window))
	if err != nil {
		f.resume = at
	} else {
		f.resume = time.Time{}
	}
	return err
}

// report tells how far everything is.
func (r *run) report() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var complete, from, proven time.Time
	var left time.Duration
	for i, f := range r.feeds {
		complete = earlier(i, complete, f.complete())
		from = earlier(i, from, f.live.From)
		proven = earlier(i, proven, f.proven(r.cfg.Sweeps))
		for _, p := range f.past {
			left += p.End.Sub(p.To)
		}
	}
	m := r.deps.Monitor
	m.Complete(complete)
	m.Gauge(gaugeBackfillLeft, left.Seconds())
	m.Gauge(gaugeCompleteFrom, float64(from.Unix()))
	since, until := r.proven(from, proven)
	m.Gauge(gaugeProvenFrom, float64(since.Unix()))
	m.Gauge(gaugeProven, float64(until.Unix()))
	m.Gauge(gaugeSkew, time.Duration(r.client.skew.Load()).Seconds())
	r.watchRetention(complete)
}

func earlier(i int, a, b time.Time) time.Time {
	if i == 0 || b.Before(a) {
		return b
	}
	return a
}
