package prefectcloud

import (
	"context"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// unknownPast is how far back beginning goes where the plan's retention is not
// known.
const unknownPast = 400 * 24 * time.Hour

// begin gives a feed its marks: at the first run, and after a long absence.
func (r *run) begin(ctx context.Context, f *feedRun) error {
	now := r.client.now()
	switch {
	case f.live == nil:
		start, err := r.firstStart(ctx, f, now)
		if err != nil {
			return err
		}
		return r.split(ctx, f, start, now)
	case now.Sub(f.live.To) > r.pace.longAway:
		r.deps.Log.Info("away for long; what happened meanwhile is read apart", "feed", f.name, "since", f.live.To)
		if err := r.closeUp(ctx, f); err != nil {
			return err
		}
		start := f.live.To
		if limit, ok := r.available(now); ok && limit.After(start) {
			r.lost(f, start, limit)
			start = limit
		}
		return r.split(ctx, f, start, now)
	}
	return nil
}

// firstStart is where the first run begins.
func (r *run) firstStart(ctx context.Context, f *feedRun, now time.Time) (time.Time, error) {
	start, _ := parseStart(r.cfg.Start, now) // it was checked
	limit, known := r.available(now)
	if start.IsZero() {
		switch {
		case known:
			r.deps.Log.Info("begins where the plan's retention ends", "feed", f.name, "start", limit)
			return limit, nil
		case r.client.account == "":
			return r.oldest(ctx, f, now)
		}
		r.deps.Log.Warn("the plan's retention is not known; what is older than the start, if anything, is not read", "feed", f.name, "start", now.Add(-unknownPast))
		return now.Add(-unknownPast), nil
	}
	if known && start.Before(limit) {
		r.deps.Log.Warn("what is before the plan's retention cannot be had", "feed", f.name, "start", start, "available", limit)
		start = limit
	}
	if start.After(now) {
		start = now
	}
	return start.Truncate(time.Microsecond), nil
}

// oldest asks a self-hosted server for its oldest event; it answers for any
// range at once.
func (r *run) oldest(ctx context.Context, f *feedRun, now time.Time) (time.Time, error) {
	p, err := r.client.query(ctx, f.feed, r.names.filter(time.Unix(0, 0), now, orderAsc))
	if err != nil || len(p.items) == 0 || p.items[0].occurred.IsZero() {
		return now, err
	}
	return p.items[0].occurred, nil
}

// split makes now the place where polls begin, and what is from start to now a
// backfill.
func (r *run) split(ctx context.Context, f *feedRun, start, now time.Time) error {
	live := mark{To: now, From: start}
	if f.live != nil && !start.After(f.live.To) {
		live.From = f.live.From // no hole between
	}
	next := event.Position{f.name: live.encode()}
	sweeps := make(map[string]mark)
	for _, d := range r.cfg.Sweeps {
		m := mark{To: now.Add(-time.Duration(d)), From: start}
		if m.To.Before(start) {
			m.To = start
		}
		if old, ok := f.sweeps[f.sweepPart(time.Duration(d))]; ok {
			m = old // it goes on before the absence
		}
		sweeps[f.sweepPart(time.Duration(d))] = m
		next[f.sweepPart(time.Duration(d))] = m.encode()
	}
	past := mark{To: start, From: start, End: now}
	part := f.name + "/past/" + strconv.FormatInt(now.UnixNano(), 10)
	if start.Before(now) {
		next[part] = past.encode()
	}
	if err := r.store(ctx, nil, next); err != nil {
		return storeError{err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.live = &live
	f.sweeps = sweeps
	if start.Before(now) {
		f.past[part] = past
	}
	return nil
}

// closeUp reads once more what was before a long absence and may have arrived
// since: what no later read reaches.
func (r *run) closeUp(ctx context.Context, f *feedRun) error {
	since := f.live.To.Add(-time.Duration(r.cfg.Overlap))
	for _, m := range f.sweeps {
		if m.To.Before(since) {
			since = m.To
		}
	}
	if oldest := f.live.To.Add(-r.cfg.memory()); since.Before(oldest) {
		since = oldest
	}
	w := r.window(f.feed, since, f.live.To, func(items []item, _ time.Time) error {
		if len(items) == 0 {
			return nil
		}
		return r.store(ctx, r.records(f.feed, items, true), nil)
	})
	return w.read(ctx, time.Duration(r.cfg.Window))
}

// Rereads says from which time on a run that begins at a position reads again
// what an earlier one has emitted. It is how the pipeline knows which ids to
// remember.
func (s *source) Rereads(from event.Position) time.Time {
	var since time.Time
	for _, f := range s.client.feeds {
		m, err := decodeMarks(f.name, from)
		if err != nil || m.live == nil {
			continue
		}
		at := earlierOf(m.live.To, time.Now()).Add(-s.cfg.memory())
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return since
}

func (r *run) window(f feed, since, until time.Time, store func([]item, time.Time) error) *window {
	return &window{client: r.client, names: r.names, feed: f, since: since, until: until, store: store, tell: r.tell,
		retry: func(ctx context.Context, try func() error) error { return r.severally(ctx, f.name, try) }}
}
