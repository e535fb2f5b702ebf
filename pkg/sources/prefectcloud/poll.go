package prefectcloud

import (
	"context"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// ahead is how far beyond now a poll asks, for producers whose clocks are fast.
// The watermark does not follow.
const ahead = time.Hour

// polls reads what is new of a feed, for ever.
func (r *run) polls(ctx context.Context, f *feedRun) error {
	for ctx.Err() == nil {
		if err := r.patiently(ctx, f.name, func(ctx context.Context) error { return r.pass(ctx, f) }); err != nil {
			return err
		}
		if !sleep(ctx, r.interval(f)) {
			break
		}
	}
	return nil
}

// upkeep is what is not a feed's: the plan is looked at now and then, and what
// was put down for repair is taken in.
func (r *run) upkeep(ctx context.Context) error {
	planned := time.Now()
	for ctx.Err() == nil {
		if err := r.repairs(ctx); err != nil {
			return err
		}
		if time.Since(planned) > r.pace.preflight {
			planned = time.Now()
			if err := r.preflight(ctx); err != nil && ctx.Err() == nil {
				r.tell(err)
			}
		}
		if !sleep(ctx, r.pace.poll) {
			break
		}
	}
	return nil
}

// interval is the time to a feed's next poll: longer while it has a stream.
func (r *run) interval(f *feedRun) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.streamed {
		return r.pace.relaxed
	}
	return r.pace.poll
}

// pass reads what is new of a feed, and what is due to be read again.
func (r *run) pass(ctx context.Context, f *feedRun) error {
	if err := r.poll(ctx, f); err != nil {
		return err
	}
	if err := r.sweep(ctx, f); err != nil {
		return err
	}
	r.report()
	return nil
}

// poll reads a feed from a little before its watermark to now.
func (r *run) poll(ctx context.Context, f *feedRun) error {
	now, latest := r.client.now(), r.client.latest()
	m, since := r.pollFrom(f, now, latest)
	since = r.shorten(ctx, f, since, m.To)
	w := r.window(f.feed, since, latest.Add(ahead), func(items []item, reached time.Time) error {
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
	return w.read(ctx, time.Duration(r.cfg.Window))
}

// pollFrom gives a feed's watermark and where a poll begins.
func (r *run) pollFrom(f *feedRun, now, latest time.Time) (m mark, since time.Time) {
	r.mu.Lock()
	m, floor := *f.live, f.floor()
	oldest, known := r.plan.oldest(now)
	r.mu.Unlock()
	if m.To.After(latest.Add(time.Duration(r.cfg.Overlap) + clockSlack)) {
		m.To = r.setBack(f, m, now)
	}
	if known && m.To.Before(oldest) {
		r.lost(f, m.To, oldest)
		m.To = oldest
	}
	since = laterOf(m.To.Add(-time.Duration(r.cfg.Overlap)), laterOf(m.From, floor))
	if known {
		since = laterOf(since, oldest)
	}
	return m, since
}

// setBack gives a watermark in place of one that is in the future: both clocks
// were ahead and are set right again. What happened meanwhile was not read, as
// far as it did not happen by the clocks that were ahead.
func (r *run) setBack(f *feedRun, m mark, now time.Time) time.Time {
	to := laterOf(m.From, now.Add(-r.cfg.memory()+memorySlack))
	if to.After(now) {
		to = now
	}
	err := fmt.Errorf("everything up to %s was read, which is in the future: the clock was ahead", m.To.Format(time.RFC3339))
	r.deps.Monitor.Failed("clock", err)
	r.deps.Log.Error("the clock was ahead, and is right again: the past is read again; for what is older use agent reconcile",
		"feed", f.name, "read", m.To, "from", to)
	return to
}

// lost tells what the service has deleted before it was read.
func (r *run) lost(f *feedRun, from, until time.Time) {
	r.deps.Monitor.Failed("retention", errRetention)
	r.deps.Log.Error("events are past the plan's retention and cannot be had any more", "feed", f.name, "from", from, "until", until)
}

// report tells how far everything is.
func (r *run) report() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var complete, from, proven time.Time
	var left time.Duration
	for i, f := range r.feeds {
		if f.live == nil {
			return // it has yet to begin
		}
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
	if i == 0 {
		return b
	}
	return earlierOf(a, b)
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
