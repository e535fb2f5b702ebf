package pipeline

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// batch is a run of the journal from one sequence to another, with the items
// that are to be delivered of it and what became of everything in it.
type batch struct {
	from, through uint64 // what it settles: from < sequence <= through
	items         []sinks.Item
	arena         []byte
	bytes         int
	frames        []journal.Frame // that its items are in
	weight        int             // bytes of those frames
	oldest        time.Time       // when the first event in it was appended

	tally
	numbered uint64 // the last delivery number that was given
	letters  []deadletter.Letter

	done    bool
	aborted bool
}

// tally is what became of events. Of a settled batch it adds up to through -
// from.
type tally struct {
	delivered, duplicate, filtered, deadLetter, lost uint64
}

// builder fills batches from events in order. It belongs to one goroutine.
type builder struct {
	sink      string
	filter    *filter.Filter
	enc       encode.Encoder
	maxEvents int
	maxBytes  int
	resumed   uint64 // up to here the sink has everything by its own word

	cur      *batch
	ends     []int // of the bodies in the arena
	read     uint64
	number   uint64
	since    time.Time     // when the first item came in
	sealed   bool          // the next event has no room
	frame    journal.Frame // that the events come from
	weight   int           // its bytes
	pinned   bool          // the batch holds that frame
	pool     *sync.Pool    // of *batch
	unfilter func(error)   // told of a filter that could not be asked
}

// empty says whether there is nothing to deliver and no letter to store.
func (b *builder) empty() bool { return b.cur == nil || b.count() == 0 }

func (b *builder) count() int { return len(b.cur.items) + len(b.cur.letters) }

func (b *builder) full() bool {
	return b.sealed || !b.empty() && (b.count() >= b.maxEvents || len(b.cur.arena) >= b.maxBytes)
}

// progress says whether there is anything to settle, items or not.
func (b *builder) progress() bool { return b.cur != nil && b.cur.through > b.cur.from }

func (b *builder) begin(appended time.Time) {
	cur, _ := b.pool.Get().(*batch)
	if cur == nil {
		cur = new(batch)
	}
	*cur = batch{
		from: b.read, through: b.read, oldest: appended, numbered: b.number,
		arena: cur.arena[:0], items: cur.items[:0], frames: cur.frames[:0],
	}
	b.cur = cur
}

// add takes events from the front of a run that was appended together, until
// the batch is full, and returns the rest.
func (b *builder) add(events []event.Event, appended time.Time) []event.Event {
	for i := range events {
		if b.full() {
			return events[i:]
		}
		e := &events[i]
		if e.Sequence <= b.read {
			continue // before our start
		}
		if b.cur == nil {
			b.begin(appended)
		}
		if hole := e.Sequence - b.read - 1; hole > 0 {
			b.cur.lost += hole
			b.read += hole
			b.cur.through = b.read
		}
		if !b.take(e) {
			return events[i:]
		}
		b.read = e.Sequence
		b.cur.through = e.Sequence
	}
	return nil
}

// take puts one event into the batch; it returns false where there is no more
// room for it.
func (b *builder) take(e *event.Event) bool {
	if b.filter != nil {
		keep, err := b.filter.Match(e)
		if err != nil {
			b.unfilter(err)
			keep = true
		}
		if !keep {
			b.cur.filtered++
			return true
		}
	}
	if e.Sequence <= b.resumed {
		b.number++
		b.cur.numbered = b.number
		b.cur.delivered++
		return true
	}
	start := len(b.cur.arena)
	arena, err := appendSafely(b.enc, b.cur.arena, e, event.Delivery{Number: b.number + 1})
	if err == nil && len(arena) > b.maxBytes && len(b.cur.items) > 0 {
		// It opens the next batch. This one ends before it: full.
		b.cur.arena = arena[:start]
		b.sealed = true
		return false
	}
	b.number++
	b.cur.numbered = b.number
	if b.count() == 0 {
		b.since = time.Now()
	}
	if err != nil {
		b.cur.letters = append(b.cur.letters, letter(b.sink, e, b.number, e.Doc, "encode", err))
		b.cur.deadLetter++
		return true
	}
	b.cur.arena = arena
	b.cur.items = append(b.cur.items, sinks.Item{Event: b.hold(e), Number: b.number})
	b.ends = append(b.ends, len(arena))
	return true
}

// enter takes note of the frame whose events are added next.
func (b *builder) enter(frame journal.Frame) {
	b.frame, b.weight, b.pinned = frame, 0, false
	for i := range frame.Events {
		b.weight += len(frame.Events[i].Doc)
	}
}

// hold returns the event as the batch may keep it. An event keeps its whole
// frame in memory; a batch of few events out of each of many frames, as a narrow
// where makes it, holds copies instead once the frames weigh more than a batch
// may. A batch that runs from one frame into the next holds both.
func (b *builder) hold(e *event.Event) *event.Event {
	if b.pinned {
		return e
	}
	if b.cur.weight+b.weight > b.maxBytes && len(b.cur.frames) >= 2 {
		c := e.Clone()
		return &c
	}
	b.pinned = true
	b.frame.Retain()
	b.cur.frames = append(b.cur.frames, b.frame)
	b.cur.weight += b.weight
	return e
}

// finish returns the batch with its bodies in place, and begins anew.
func (b *builder) finish() *batch {
	done := b.cur
	start := 0
	for i, end := range b.ends {
		done.items[i].Body = done.arena[start:end:end]
		start = end
	}
	done.bytes = start
	b.ends, b.cur, b.sealed, b.pinned = b.ends[:0], nil, false, false
	return done
}

// free gives the memory of a settled batch back. Nobody may hold it any more.
func (b *builder) free(done *batch) {
	clear(done.items) // let go of the events
	for _, f := range done.frames {
		f.Release()
	}
	clear(done.frames)
	b.pool.Put(done)
}

// appendSafely encodes an event. A panic in an encoder is a bug that one event
// brings out: the event becomes a dead letter, the sink goes on.
func appendSafely(enc encode.Encoder, dst []byte, e *event.Event, d event.Delivery) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = dst, fmt.Errorf("encode event %s: panic: %v\n%s", e.ID, r, debug.Stack())
		}
	}()
	return enc.Append(dst, e, d)
}
