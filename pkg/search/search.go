package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
)

// errEnough ends a scan whose caller has what it wanted.
var errEnough = errors.New("enough")

// Stopped is the error of a search whose context ended before its range did.
// What First and Last had found by then they give beside it.
type Stopped struct {
	// Sequence is where to go on: from it, or in Last up to it.
	Sequence uint64
	Err      error
}

func (s *Stopped) Error() string { return fmt.Sprintf("search: at event %d: %v", s.Sequence, s.Err) }

// Unwrap gives the context's error.
func (s *Stopped) Unwrap() error { return s.Err }

// Each calls each for every event of the journal that the query wants, oldest
// first, until each returns an error, which Each then returns. The event and its
// memory are shared: do not change them.
func Each(ctx context.Context, v *journal.View, q Query, each func(*event.Event) error) error {
	last, err := v.Last()
	if err != nil {
		return err
	}
	r := v.Read(max(q.From, 1))
	if !q.Since.IsZero() || !q.Until.IsZero() {
		r = v.ReadTime(q.From, q.Since, q.Until)
	}
	last = upTo(last, q.To)
	if q.Lost != nil {
		r.OnLost(func(first, next uint64) {
			if first, next = max(first, q.From), min(next, last+1); first < next {
				q.Lost(first, next)
			}
		})
	}
	return scan(ctx, r, newMatcher(q), last, each)
}

func upTo(last, to uint64) uint64 {
	if to > 0 {
		return min(last, to)
	}
	return last
}

// scan reads until sequence last is behind it.
func scan(ctx context.Context, r *journal.Reader, m *matcher, last uint64, each func(*event.Event) error) (err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	next := max(m.q.From, 1)
	for {
		if err := ctx.Err(); err != nil {
			return &Stopped{next, err}
		}
		f, ok, err := r.TryNext()
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if !ok {
			return nil
		}
		for i := range f.Events {
			e := &f.Events[i]
			if e.Sequence > last {
				return nil
			}
			next = e.Sequence + 1
			wanted, err := m.match(e)
			if err != nil || !wanted {
				continue // an expression that has no answer for an event does not want it
			}
			if err := each(e); err != nil {
				return err
			}
		}
	}
}

// Last returns the last limit events that the query wants, oldest first. It
// reads backwards in steps, so that asking for the newest few is quick whatever
// the journal's size.
func Last(ctx context.Context, v *journal.View, q Query, limit int) ([]event.Event, error) {
	if limit <= 0 {
		return nil, nil
	}
	end, err := v.Last()
	if err != nil {
		return nil, err
	}
	oldest, err := v.Oldest()
	if err != nil {
		return nil, err
	}
	var found []event.Event
	end, oldest = upTo(end, q.To), max(oldest, q.From)
	for step := uint64(10_000); end >= oldest && end > 0 && len(found) < limit; step = min(2*step, maxStep) {
		part := q
		part.From, part.To = oldest, end
		if end-oldest >= step {
			part.From = end - step + 1
		}
		some, err := lastOf(ctx, v, part, limit-len(found))
		if stopped, ok := errors.AsType[*Stopped](err); ok {
			stopped.Sequence = end // of what was read since, nothing is known
			return found, stopped
		}
		if err != nil {
			return nil, err
		}
		found = append(some, found...)
		end = part.From - 1
	}
	return found, nil
}

// maxStep bounds what one step backwards reads, in events: that much of the work
// is lost where a context ends.
const maxStep = 80_000

// lastOf reads the whole range and keeps the end.
func lastOf(ctx context.Context, v *journal.View, q Query, limit int) ([]event.Event, error) {
	ring := make([]event.Event, 0, min(limit, 1024))
	next := 0
	err := Each(ctx, v, q, func(e *event.Event) error {
		if len(ring) < limit {
			ring = append(ring, e.Clone())
			return nil
		}
		ring[next] = e.Clone()
		next = (next + 1) % limit
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append(ring[next:len(ring):len(ring)], ring[:next]...), nil
}

// First returns the first limit events that the query wants, oldest first.
func First(ctx context.Context, v *journal.View, q Query, limit int) ([]event.Event, error) {
	var found []event.Event
	if limit <= 0 {
		return nil, nil
	}
	err := Each(ctx, v, q, func(e *event.Event) error {
		if found = append(found, e.Clone()); len(found) == limit {
			return errEnough
		}
		return nil
	})
	switch _, stopped := errors.AsType[*Stopped](err); {
	case errors.Is(err, errEnough):
		return found, nil
	case err != nil && !stopped:
		return nil, err
	default:
		return found, err
	}
}

// Follow calls each for every event that the query wants and that is appended
// after sequence after, as they come, until ctx ends.
func Follow(ctx context.Context, v *journal.View, q Query, after uint64, each func(*event.Event) error) (err error) {
	r := v.Read(after + 1)
	defer func() { err = errors.Join(err, r.Close()) }()
	m := newMatcher(q)
	for {
		f, err := r.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		for i := range f.Events {
			e := &f.Events[i]
			if wanted, err := m.match(e); err != nil || !wanted || e.Sequence <= after {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
		}
	}
}
