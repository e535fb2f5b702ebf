package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// tape is what a reader reads from: a journal that this process writes, or a
// view of one that another does.
type tape interface {
	// recentFrame returns the frame with a sequence if it is held in memory.
	recentFrame(sequence uint64) *recentFrame

	// reached reports whether there is nothing yet at sequence next.
	reached(next uint64) bool

	// at returns the segment that holds a sequence, or the oldest after it;
	// after, the one that follows. ok is false where there is none.
	at(sequence uint64) (stretch, bool)
	after(first uint64) (stretch, bool)

	// refresh returns what is known of a segment by now.
	refresh(s stretch) stretch

	// more is closed when there may be more to read than there was at the call.
	more() <-chan struct{}

	// lost is told of damage in a segment, and of the sequences [first, next)
	// that it cost. From is -1 for a segment that is not there.
	lost(f io.ReaderAt, segment string, from, to int64, first, next uint64)

	// over returns why there will be no more, nil where there may be.
	over() error

	files() (d disk, dir string, z *decompressor)
}

// stretch is a segment as a reader sees it.
type stretch struct {
	first  uint64
	limit  int64 // bytes that may be read
	sealed bool  // another segment follows
	open   bool  // the limit may lie within a frame that is being written
	index  *index
}

// Reader reads frames in order, from a journal that may still grow. It belongs
// to one goroutine.
type Reader struct {
	tape tape
	next uint64 // the sequence that comes next

	// What occurred outside [since, until) may be left out; zero: no limit.
	since, until time.Time

	seg  stretch
	f    file
	scan *scanner
	idx  *index      // of seg, when a range of time is wanted
	gaps []*gapError // whose losses are not known yet

	told func(first, next uint64) // of losses; nil: nobody
}

// Read returns a reader whose first event is the first one kept at or after
// sequence from. Readers that are near the end share frames in memory; one that
// is far behind reads from disk.
func (j *Journal) Read(from uint64) *Reader {
	return &Reader{tape: j, next: max(from, j.Oldest())}
}

// ReadTime returns a reader that begins as Read's does, of what occurred from
// since up to before until, by the clocks of the producers; zero times do not
// limit. Whole frames are returned: a frame may hold events outside the range
// too. Segments and parts of segments that hold nothing in the range are not
// read.
func (j *Journal) ReadTime(from uint64, since, until time.Time) *Reader {
	return &Reader{tape: j, next: max(from, j.Oldest()), since: since, until: until}
}

// OnLost has told called with the sequences [first, next) that cannot be read,
// when the reader passes over them: they were damaged, or are gone.
func (r *Reader) OnLost(told func(first, next uint64)) { r.told = told }

// lost tells of damage that the reader passes over.
func (r *Reader) lost(segment string, from, to int64, first, next uint64) {
	r.tape.lost(r.f, segment, from, to, first, next)
	if r.told != nil && first < next {
		r.told(first, next)
	}
}

// Next returns the next frame with events, waiting for it if need be. Frames
// that cannot be read are passed over after Deps.Lost was told of them.
func (r *Reader) Next(ctx context.Context) (Frame, error) {
	for {
		more := r.tape.more()
		f, ok, err := r.TryNext()
		if err != nil || ok {
			return f, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		}
	}
}

// TryNext is Next without waiting: ok is false at the journal's end.
func (r *Reader) TryNext() (f Frame, ok bool, err error) {
	for {
		if hot := r.tape.recentFrame(r.next); hot != nil {
			return r.takeRecent(hot)
		}
		if r.tape.reached(r.next) {
			return Frame{}, false, r.tape.over()
		}
		if r.scan == nil {
			if ok, err := r.seek(); err != nil || !ok {
				return Frame{}, false, err
			}
		}
		raw, found, err := r.step()
		if err != nil {
			return Frame{}, false, err
		}
		if !found {
			moved, err := r.advance()
			if err != nil || !moved {
				return Frame{}, false, err
			}
			continue
		}
		if f, ok := r.open(raw); ok {
			return f, true, nil
		}
	}
}

// Close gives up the reader's files. Frames that it returned stay valid.
func (r *Reader) Close() error {
	r.leave()
	return nil
}

// takeRecent returns a frame out of memory.
func (r *Reader) takeRecent(hot *recentFrame) (Frame, bool, error) {
	r.leave()
	events, err := hot.decode()
	if err != nil {
		return Frame{}, false, fmt.Errorf("journal: sequence %d in memory: %w", hot.first, err)
	}
	events = events[r.next-hot.first:]
	r.next = hot.next()
	return Frame{Source: hot.source, Events: events, Appended: hot.appendedTime(), memory: hot.memory}, true, nil
}

// seek opens the segment that holds the next sequence, at the frame that holds
// it or before.
func (r *Reader) seek() (bool, error) {
	for {
		s, ok := r.tape.at(r.next)
		if !ok {
			return false, r.tape.over()
		}
		opened, err := r.enter(s)
		if err != nil || opened {
			return opened, err
		}
	}
}

// enter opens a segment; false where it has gone in the meantime.
func (r *Reader) enter(s stretch) (bool, error) {
	r.leave()
	d, dir, _ := r.tape.files()
	f, err := d.open(filepath.Join(dir, segmentName(s.first)))
	if errors.Is(err, os.ErrNotExist) {
		if now, ok := r.tape.at(s.first); !ok || now.first == s.first {
			return false, fmt.Errorf("journal: %w", err)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("journal: %w", err)
	}
	if s.first > r.next { // what lay between is gone, file and all
		r.lost(segmentName(s.first), -1, -1, r.next, s.first)
		r.next = s.first
	}
	r.seg, r.f = s, f
	r.scan = newScanner(f, segmentHeaderSize, s.limit)
	r.scan.open, r.scan.reuse = s.open, true
	r.scan.floor = s.first
	if r.next > s.first || r.timed() {
		r.place()
	}
	return true, nil
}

func (r *Reader) timed() bool { return !r.since.IsZero() || !r.until.IsZero() }

// place moves on within a segment just entered, by its index.
func (r *Reader) place() {
	x := r.seg.index
	if x == nil && r.seg.sealed {
		if read, ok := readFooter(r.f, r.seg.limit); ok {
			x = read
		}
	}
	r.idx = x
	if x == nil {
		return
	}
	r.scan.offset = min(max(x.offset(r.next), segmentHeaderSize), r.seg.limit)
	r.skip()
}

// skip passes over what the index says is outside the range of time.
func (r *Reader) skip() {
	if !r.timed() || r.idx == nil || !r.seg.sealed {
		return
	}
	to, first, ok := r.idx.nextIn(r.scan.offset, r.since, r.until)
	if !ok {
		to, first = r.seg.limit, r.idx.next
	}
	if to > r.scan.offset {
		r.scan.offset = min(to, r.seg.limit)
		r.next = max(r.next, first)
		r.gaps = nil
	}
}

// leave closes the segment.
func (r *Reader) leave() {
	if r.f != nil {
		_ = r.f.Close() // it was only read
	}
	r.f, r.scan, r.idx, r.gaps = nil, nil, nil, nil
}

// step returns the segment's next frame with events that come next; found is
// false at the segment's end.
func (r *Reader) step() (raw rawFrame, found bool, err error) {
	for {
		raw, err = r.scan.next()
		if gap, ok := errors.AsType[*gapError](err); ok {
			r.gaps = append(r.gaps, gap)
			continue
		}
		if errors.Is(err, io.EOF) {
			s := r.tape.refresh(r.seg)
			if s.limit <= r.seg.limit && s.open == r.seg.open {
				r.seg = s
				return rawFrame{}, false, nil
			}
			r.seg, r.scan.limit, r.scan.open = s, s.limit, s.open
			continue
		}
		if err != nil {
			return rawFrame{}, false, fmt.Errorf("journal: read %s: %w", segmentName(r.seg.first), err)
		}
		r.settle(raw.first)
		switch {
		case raw.kind != kindEvents || raw.events == 0 || raw.next() <= r.next:
			continue
		case r.timed() && !(span{raw.minOccur, raw.maxOccur}).overlaps(r.since, r.until):
			r.next = raw.next()
			r.skip()
			continue
		}
		return raw, true, nil
	}
}

// settle tells of what is missing before sequence next.
func (r *Reader) settle(next uint64) {
	if len(r.gaps) == 0 && next > r.next && !r.timed() {
		r.lost(segmentName(r.seg.first), r.scan.offset, r.scan.offset, r.next, next)
	}
	for _, g := range r.gaps {
		r.lost(segmentName(r.seg.first), g.from, g.to, r.next, max(next, r.next))
		r.next = max(r.next, next)
	}
	r.gaps = nil
	r.next = max(r.next, next)
}

// advance goes on to the next segment; false where there is none yet.
func (r *Reader) advance() (bool, error) {
	s, ok := r.tape.after(r.seg.first)
	if !ok {
		return false, r.tape.over()
	}
	if len(r.gaps) > 0 {
		r.settle(s.first)
	}
	opened, err := r.enter(s)
	if err != nil || opened {
		return opened, err
	}
	return r.seek()
}

// open decodes a frame. A frame that its checksum passes and that does not
// decode all the same is damage too.
func (r *Reader) open(raw rawFrame) (f Frame, ok bool) {
	_, _, z := r.tape.files()
	if f, err := raw.decode(z); err == nil {
		f.Events = f.Events[r.next-raw.first:]
		r.next = raw.next()
		return f, true
	}
	r.lost(segmentName(r.seg.first), raw.offset, raw.offset+raw.total(), r.next, raw.next())
	r.next = raw.next()
	return Frame{}, false
}

// decode decompresses and decodes a frame with events.
func (raw *rawFrame) decode(z *decompressor) (Frame, error) {
	marks, err := decodeMarks(raw.meta)
	if err != nil || len(marks) != 1 {
		return Frame{}, errPayload
	}
	m, err := z.expand(&raw.header, raw.body)
	if err != nil {
		return Frame{}, err
	}
	m.events, err = decodeEvents(m.events, m.raw, int(raw.events), raw.first, marks[0].source)
	if err != nil {
		m.release()
		return Frame{}, err
	}
	return Frame{Source: marks[0].source, Events: m.events, Appended: raw.appendedTime(), memory: m}, nil
}
