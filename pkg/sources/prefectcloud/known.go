package prefectcloud

import (
	"context"
	"time"
)

// maxKnown is how many events a feed remembers; beyond, it forgets all and reads
// its overlaps whole again.
const maxKnown = 200_000

// known is the events of the overlap that this run has read by HTTP and that are
// in the journal, by key, and when they occurred. It spares the pipeline what is
// the same byte for byte, and it spares the service: where the overlap holds as
// many events as are known, nothing came late, and its pages need not be read
// again. It belongs to the goroutine that polls.
type known struct {
	events map[uint64]time.Time
}

// unknown drops the items that are known.
func (k *known) unknown(items []item) []item {
	var fresh []item
	for _, it := range items {
		if _, ok := k.events[it.key()]; !ok {
			fresh = append(fresh, it)
		}
	}
	return fresh
}

// remember takes in items that are in the journal.
func (k *known) remember(items []item) {
	if k.events == nil || len(k.events) > maxKnown {
		k.events = make(map[uint64]time.Time)
	}
	for _, it := range items {
		k.events[it.key()] = it.occurred
	}
}

// forget drops what occurred before a time.
func (k *known) forget(before time.Time) {
	for key, at := range k.events {
		if at.Before(before) {
			delete(k.events, key)
		}
	}
}

// between counts the events with since <= occurred < until.
func (k *known) between(since, until time.Time) int {
	n := 0
	for _, at := range k.events {
		if !at.Before(since) && at.Before(until) {
			n++
		}
	}
	return n
}

// shorten says where a poll begins that would begin at since and has read up to
// the time to: there, where one question shows that nothing came late before it.
func (r *run) shorten(ctx context.Context, f *feedRun, since, to time.Time) time.Time {
	f.known.forget(since)
	have := f.known.between(since, to)
	if int64(have) < r.client.size.Load() { // the question would cost as much as the answer
		return since
	}
	total, err := r.client.total(ctx, f.feed, r.names.filter(since, to.Add(-time.Microsecond), orderAsc))
	if err != nil || total != have {
		return since
	}
	return to
}
