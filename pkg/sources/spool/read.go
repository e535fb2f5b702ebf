package spool

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

var zero = []byte{0}

// read reads what fits into free, and splits it into records.
func (r *reader) read(f *file, free []byte) (more bool, err error) {
	if f.long != nil {
		return r.readLong(f, free)
	}
	n, err := f.src.ReadAt(free, f.stream.mark.offset)
	data := free[:n]
	if n > 0 {
		if still, err := r.still(f); !still {
			return false, err
		}
		var used int
		r.batch.records, used = split(r.batch.records, data, f.path, f.stream.mark.offset, r.maxLine)
		if used > 0 {
			r.advance(f, data[:used])
			r.batch.use(used)
			data = data[used:]
		}
		if err == nil || len(r.batch.records) >= maxRecords {
			if used > 0 {
				return true, nil
			}
			r.makeRoom(f, data)
			return true, nil
		}
	}
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, io.EOF) {
		return false, err
	}
	r.atEnd(f, data)
	return false, nil
}

// still says whether f has what it had, now that more was read of it: it may
// have been truncated and filled again in between.
func (r *reader) still(f *file) (bool, error) {
	if f.packing != plain {
		return true, nil
	}
	like, err := r.compare(f, f.stream)
	if err == nil && like != has {
		r.replaced(f)
	}
	return err == nil && like == has, err
}

// makeRoom is called where a line does not fit into what is left of the batch.
func (r *reader) makeRoom(f *file, data []byte) {
	switch {
	case len(r.batch.records) >= maxRecords, len(r.batch.buf) > 0:
		r.batch.sealed = true
	case data[0] == 0 && len(bytes.TrimLeft(data, "\x00")) == 0:
		r.advance(f, data) // a hole, and there is something behind it
	case len(data) <= r.maxLine:
		r.batch.grow(r.maxLine + 2)
	default:
		f.long = slices.Clone(data[:min(len(data), keptOfLong)])
		f.scanned = f.stream.mark.offset + int64(len(data))
	}
}

// readLong looks for the end of a line that is too long.
func (r *reader) readLong(f *file, free []byte) (more bool, err error) {
	n, err := f.src.ReadAt(free, f.scanned)
	if i := bytes.IndexByte(free[:n], '\n'); i >= 0 {
		return true, r.endLong(f, f.scanned+int64(i)+1)
	}
	f.scanned += int64(n)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, io.EOF):
		return false, err
	}
	if r.finished(f) {
		return false, r.endLong(f, f.scanned)
	}
	r.waits[f] = struct{}{}
	return false, nil
}

// endLong records the line that is too long, and moves the bookmark to its end.
func (r *reader) endLong(f *file, end int64) error {
	if still, err := r.still(f); !still {
		return err
	}
	line := event.Record{
		Raw:        f.long,
		Origin:     event.Origin{Name: f.path, Offset: f.stream.mark.offset},
		Unreadable: tooLong,
	}
	if err := r.jump(f, end); err != nil {
		return err
	}
	f.long = nil
	r.batch.records = append(r.batch.records, line)
	return nil
}

// atEnd is called where f was read to its end, but for rest: a last line
// without a line feed, or nothing.
func (r *reader) atEnd(f *file, rest []byte) {
	if bytes.Count(rest, zero) == len(rest) {
		rest = nil // written later, or never
	}
	if len(rest) > 0 && r.finished(f) {
		r.batch.records = appendLine(r.batch.records, rest, f.path, f.stream.mark.offset, r.maxLine)
		r.advance(f, rest)
		r.batch.use(len(rest))
		rest = nil
	}
	if f.lost || len(rest) > 0 && r.ends(f) {
		r.waits[f] = struct{}{}
	}
	if u, ok := f.src.(*unpacked); ok && u.cut() && r.rest(f, u) {
		return
	}
	if f.packing != plain || r.once {
		r.close(f)
	}
}

// What a file took that is still being compressed, above which it rests, and how
// many times that long: so reading it again and again from its last member takes
// a small part of a processor, however large that is.
const (
	restAbove = 50 * time.Millisecond
	restTimes = 10
)

// rest puts off reading a file that is still being compressed, where that took
// long. The file stays open, so that nothing is lost where it is removed
// meanwhile.
func (r *reader) rest(f *file, u *unpacked) bool {
	if r.once || f.lost || u.spent < restAbove {
		return false
	}
	f.rested, f.sure = r.now().Add(restTimes*u.spent), false
	r.waits[f] = struct{}{}
	u.reset()
	u.spent = 0
	return true
}

// resting says whether it is too early to read f again.
func (r *reader) resting(f *file) bool { return !f.lost && r.now().Before(f.rested) }

// finished says whether nothing will be appended to f, nor to another file with
// its stream, so that a last line without a line feed is complete.
func (r *reader) finished(f *file) bool {
	for _, g := range f.stream.files {
		if !r.ends(g) {
			return false
		}
	}
	return r.once || r.now().Sub(f.mtime) >= r.timing.grace
}

// ends says whether f is finished once it is left alone for a while.
func (r *reader) ends(f *file) bool {
	if u, ok := f.src.(*unpacked); ok {
		return !u.cut()
	}
	return r.once || f.rotated()
}
