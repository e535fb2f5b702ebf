package prefectcloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

const (
	ceiling   = 4000 // events of one query: the Cloud stops paging at an offset of 5,000
	rereads   = 8    // times that pages which do not add up are read again in vain
	orderAsc  = "ASC"
	orderDesc = "DESC"
)

// window reads a range of time completely, in ascending order.
//
// The API pages by offset and sorts by time alone, so events of one instant may
// change places between two pages, and one of them be on neither. So the pages
// are counted against the total, and read again where they do not add up.
type window struct {
	client *client
	names  names
	feed   feed

	since, until time.Time // since <= occurred < until

	// store takes a page. reached is the time below which everything of the
	// range is in this page or an earlier one.
	store func(items []item, reached time.Time) error

	// tell is told of a failure that is lived through, and retry repeats what
	// fails a few times.
	tell  func(error)
	retry func(ctx context.Context, try func() error) error
}

// storeError is a failure of store, which no repetition mends.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// read reads the range in steps that the API can page through. At most longest
// is asked for at once.
func (w *window) read(ctx context.Context, longest time.Duration) error {
	at, step := w.since, longest
	for at.Before(w.until) {
		end := at.Add(step)
		if end.After(w.until) {
			end = w.until
		}
		got, err := w.readOne(ctx, at, end)
		if err != nil {
			return err
		}
		if got.Equal(at) { // the API has microseconds
			step = max((end.Sub(at) / 2).Truncate(time.Microsecond), time.Microsecond)
			continue
		}
		if err := w.put(nil, got); err != nil {
			return err
		}
		at, step = got, min(step*2, longest)
		w.client.grow()
	}
	return nil
}

// readOne reads since <= occurred < until, and says how far it got: to until; or
// less far, where the service pages no further; or nowhere, where it says that
// this is too much, and nothing was stored.
func (w *window) readOne(ctx context.Context, since, until time.Time) (time.Time, error) {
	r := reading{window: w, seen: make(map[uint64]bool), order: orderAsc, since: since, until: until, last: since, ordered: true}
	for fruitless := 0; fruitless < rereads; {
		before := len(r.seen)
		halve, err := r.pages(ctx)
		switch {
		case halve || err != nil:
			return since, err
		case r.cut && r.ordered && r.last.After(since):
			return r.last, nil
		case len(r.seen) >= r.total:
			return until, nil
		case len(r.seen) == before:
			fruitless++
		}
		r.turn()
	}
	// It was read from both ends, so what is missing is likelier a total that is
	// wrong. The sweeps look again.
	w.tell(fault.New(fault.Retry, "short", fmt.Errorf("%s: %d events are said to be between %s and %s, but the pages hold %d",
		w.feed.name, r.total, since.Format(time.RFC3339Nano), until.Format(time.RFC3339Nano), len(r.seen))))
	return until, nil
}

// reading is a query that is read once, or again where pages did not add up.
type reading struct {
	*window
	since, until time.Time
	order        string
	seen         map[uint64]bool // keys of the query; at most ceiling, unless one instant has more
	total        int
	cut          bool // the service pages no further

	last    time.Time // time of the newest event so far
	ordered bool      // so far everything came in ascending order
}

// turn makes the next pass come from the other end. What it finds was passed
// already, and moves nothing.
func (r *reading) turn() {
	r.ordered = false
	if r.order == orderAsc {
		r.order = orderDesc
	} else {
		r.order = orderAsc
	}
}

// pages reads the query from its first page to its last.
func (r *reading) pages(ctx context.Context) (halve bool, err error) {
	filter := r.names.filter(r.since, r.until, r.order)
	cursors := map[string]bool{}
	p, err := r.fetch(ctx, cursors, func() (page, error) { return r.client.query(ctx, r.feed, filter) })
	if err != nil {
		return false, err
	}
	if p.total > ceiling && r.until.Sub(r.since) > time.Microsecond && len(r.seen) == 0 {
		return true, nil
	}
	r.total = p.total
	for {
		fresh := r.fresh(p.items)
		r.advance(p.items)
		if err := r.put(fresh, r.last); err != nil {
			return false, err
		}
		if p.next == "" {
			return false, nil
		}
		next := p.next
		cursors[next] = true
		p, err = r.fetch(ctx, cursors, func() (page, error) { return r.client.follow(ctx, r.feed, next) })
		if fault.KindOf(err) == fault.Refused && len(r.seen) >= ceiling {
			r.cut = true // beyond the last offset that it pages to
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// fetch gets one page, and tries a few times, so that a service that fails now
// and then cannot keep a long read from ever ending. A page that leads back to
// one that was read is wrong.
func (r *reading) fetch(ctx context.Context, cursors map[string]bool, get func() (page, error)) (p page, err error) {
	err = r.retry(ctx, func() error {
		p, err = get()
		if err == nil && cursors[p.next] {
			err = fault.New(fault.Retry, "repeated_cursor", errors.New("the service gave the same next page twice"))
		}
		return err
	})
	return p, err
}

// advance moves to the last event of a page, as long as the service keeps to
// the order that was asked for.
func (r *reading) advance(items []item) {
	at := r.last
	for _, it := range items {
		switch {
		case it.occurred.IsZero():
		case it.occurred.Before(at):
			r.ordered = false
		default:
			at = it.occurred
		}
	}
	if r.ordered && at.Before(r.until) {
		r.last = at
	}
}

// fresh drops what was on an earlier page, what is not wanted, and what belongs
// to the next range: until is inclusive for the service, and not for us. What
// comes twice has taken the place of something else, so that nothing after it
// counts as read until the pages add up.
func (r *reading) fresh(items []item) []item {
	var kept []item
	for _, it := range items {
		key := it.key()
		if r.seen[key] {
			r.ordered = false
			continue
		}
		r.seen[key] = true
		if !it.occurred.IsZero() && !it.occurred.Before(r.until) {
			continue
		}
		if it.name != "" && !r.names.want(it.name) {
			continue
		}
		kept = append(kept, it)
	}
	return kept
}

func (w *window) put(items []item, reached time.Time) error {
	if err := w.store(items, reached); err != nil {
		return storeError{err}
	}
	return nil
}
