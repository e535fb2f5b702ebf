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
	"github.com/shiplog/shiplog/pkg/sinks"
)

// batch is a run of the journal from one sequence to another, with the items
// that are to be delivered of it and what became of everything in it.
type batch struct {
	from, through uint64 // what it settles: from < sequence <= through
	items         []sinks.Item
	events        []event.Event // of the items: all but the documents
	arena         arena         // of bodies and of the events' text
	bytes         int           // of bodies
	oldest        time.Time     // when the first event in it was appended

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
	by        *event.Shipper
	filter    *filter.Filter
	enc       encode.Encoder
	maxEvents int
	maxBytes  int
	resumed   uint64 // up to here the sink has everything by its own word

	cur      *batch
	read     uint64
	number   uint64
	since    time.Time   // when the first item came in
	sealed   bool        // the next event has no room
	pool     *sync.Pool  // of *batch
	chunks   *sync.Pool  // of *chunk, shared by all sinks
	unfilter func(error) // told of a filter that could not be asked
}

// empty says whether there is nothing to deliver and no letter to store.
func (b *builder) empty() bool { return b.cur == nil || b.count() == 0 }

func (b *builder) count() int { return len(b.cur.items) + len(b.cur.letters) }

func (b *builder) full() bool {
	return b.sealed || !b.empty() && (b.count() >= b.maxEvents || b.cur.bytes >= b.maxBytes)
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
		items: cur.items[:0], events: cur.events[:0], arena: arena{pool: b.chunks, chunks: cur.arena.chunks[:0]},
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
	cur := b.cur
	buf := cur.arena.room(encodedGuess(e))
	start := len(buf)
	buf, err := appendSafely(b.enc, buf, e, event.Delivery{Number: b.number + 1, By: b.by})
	size := len(buf) - start
	if err == nil && cur.bytes+size > b.maxBytes && len(cur.items) > 0 {
		b.sealed = true // it opens the next batch; this one ends before it
		return false
	}
	b.number++
	cur.numbered = b.number
	if b.count() == 0 {
		b.since = time.Now()
	}
	if err != nil {
		c := e.Clone() // its frame is given back before the letter is stored
		cur.letters = append(cur.letters, letter(b.sink, &c, b.number, c.Doc, "encode", err))
		cur.bytes += len(c.Doc)
		cur.deadLetter++
		return true
	}
	cur.bytes += size
	cur.items = append(cur.items, sinks.Item{Body: buf[start:len(buf):len(buf)], Number: b.number})
	cur.events = append(cur.events, event.Event{Envelope: e.Envelope})
	cur.arena.buf = cur.events[len(cur.events)-1].MoveText(buf)
	return true
}

// encodedGuess is how much room an event is given in memory: nearly always
// enough, so that what is there already need not move.
func encodedGuess(e *event.Event) int { return 2*len(e.Doc) + 1<<10 }

// finish returns the batch, and begins anew.
func (b *builder) finish() *batch {
	done := b.cur
	for i := range done.items {
		done.items[i].Event = &done.events[i] // they stay where they are from now on
	}
	b.cur, b.sealed = nil, false
	return done
}

// free gives the memory of a settled batch back. Nobody may hold it any more.
func (b *builder) free(done *batch) {
	clear(done.items)
	clear(done.events)
	done.arena.free()
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
