package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

// settle moves the cursor over what is done at the front. It returns false if a
// delivery gave up.
func (s *shipper) settle() bool {
	moved := false
	for len(s.inflight) > 0 && s.inflight[0].done {
		b := s.inflight[0]
		if b.aborted {
			s.store(true)
			return false
		}
		s.inflight = append(s.inflight[:0], s.inflight[1:]...)
		s.pass(b)
		moved = true
	}
	if s.dirty {
		s.store(moved)
	}
	return true
}

// pass moves the cursor over a batch and gives its memory back.
func (s *shipper) pass(b *batch) {
	s.move(b)
	s.builder.free(b)
}

// move takes a batch into the cursor.
func (s *shipper) move(b *batch) {
	now := time.Now()
	s.mu.Lock()
	c := &s.cursor
	c.Sequence = b.through
	c.Delivered += b.delivered
	c.Duplicate += b.duplicate
	c.Filtered += b.filtered
	c.DeadLetter += b.deadLetter
	c.Lost += b.lost
	c.Numbered = b.numbered
	c.Acked = now.UTC()
	s.bytes -= b.bytes
	s.oldest = s.oldestLocked()
	s.mu.Unlock()
	s.dirty = true
	s.shipped.Add(b.through - b.from)
	s.measure(b, now)
}

// measure counts what became of a batch.
func (s *shipper) measure(b *batch, now time.Time) {
	for _, f := range []struct {
		n     uint64
		count func(int)
	}{
		{b.delivered, s.meter.Delivered},
		{b.duplicate, s.meter.Duplicate},
		{b.filtered, s.meter.Filtered},
		{b.deadLetter, s.meter.DeadLetter},
		{b.lost, s.meter.Lost},
	} {
		if f.n > 0 {
			f.count(int(f.n)) // #nosec G115 -- a count of one batch
		}
	}
	for i := range b.items {
		s.meter.Age(now.Sub(b.items[i].Event.Occurred))
	}
}

// oldestLocked finds when the first event after the cursor was appended.
func (s *shipper) oldestLocked() time.Time {
	switch {
	case len(s.inflight) > 0:
		return s.inflight[0].oldest
	case s.builder.cur != nil && s.builder.progress():
		return s.builder.cur.oldest
	case len(s.frame.Events) > 0:
		return s.frame.Appended
	default:
		return time.Time{}
	}
}

// receive takes the next frame.
func (s *shipper) receive(f journal.Frame) {
	s.frame = f
	s.sight(f.Appended)
}

// sight notes when the next event was appended, if nothing older waits. What was
// not known and said to be now gives way.
func (s *shipper) sight(appended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oldest.IsZero() || appended.Before(s.oldest) {
		s.oldest = appended
	}
}

// store writes the cursor to its file: at once, or not more often than
// storeEvery. Where it fails it is tried again; until then the journal keeps
// what the file says.
func (s *shipper) store(now bool) {
	at := time.Now()
	if !s.storing.ok(at) && !now {
		return
	}
	s.storing.last = at
	s.mu.Lock()
	c := s.cursor
	s.mu.Unlock()
	if err := s.file.Store(c); err != nil {
		s.log.Error("the cursor could not be stored; it is tried again", "sequence", c.Sequence, "err", err)
		return
	}
	s.dirty = false
	s.stored.Store(c.Sequence)
	s.moved()
}

// setCursor is where the shipper begins.
func (s *shipper) setCursor(c journal.Cursor) {
	s.cursor = c
	s.stored.Store(c.Sequence)
	s.held = s.journal.Last()
	s.builder.read, s.builder.number = c.Sequence, c.Numbered
	s.oldest = s.appendedAfter(c.Sequence)
}

// appendedAfter is when the first event after a sequence was appended, zero if
// there is none. A sink that is down from the start has its true lag by it.
func (s *shipper) appendedAfter(sequence uint64) time.Time {
	if sequence >= s.journal.Last() {
		return time.Time{}
	}
	r := s.journal.Read(sequence + 1)
	defer func() { _ = r.Close() }() // it was only read
	now, cancel := context.WithCancel(context.Background())
	cancel() // what is not there yet is not waited for
	f, err := r.Next(now)
	if err != nil {
		return time.Time{} // the shipper meets it too, and tells
	}
	return f.Appended
}

// takeOver begins where another shipper of the same sink has ended, and takes
// its file.
func (s *shipper) takeOver(old *shipper) {
	s.file = old.file
	s.setCursor(old.at())
	s.stored.Store(old.stored.Load())
	s.dirty = old.dirty
}

// unacked is when the first event after the cursor was appended; zero: there is
// none. Where it is not known yet, it is now.
func (s *shipper) unacked() time.Time {
	last := s.journal.Last()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor.Sequence >= last {
		return time.Time{}
	}
	if s.oldest.IsZero() {
		s.oldest = time.Now()
	}
	return s.oldest
}

// at is the cursor as it stands, stored or not.
func (s *shipper) at() journal.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

// place decides where a sink goes on in the journal called id: at its cursor, or
// at its start. reset says that the cursor is of another journal, or of an end
// that this one has lost, and is of no use.
func place(j feed, id, start string, c journal.Cursor, ok bool) (at journal.Cursor, reset bool, err error) {
	last, oldest := j.Last(), j.Oldest()
	another := id != "" && c.Journal != "" && c.Journal != id
	if ok && c.Sequence <= last && !another {
		c.Journal = id
		return c, false, nil
	}
	base := last
	switch {
	case ok || start == "earliest" || start == "": // too much sent is better than too little
		base = oldest - 1
	case start != "latest":
		return c, false, fmt.Errorf("start %q is neither earliest nor latest", start)
	}
	return journal.Cursor{Base: base, Sequence: base, Numbered: c.Numbered, Journal: id}, ok, nil
}
