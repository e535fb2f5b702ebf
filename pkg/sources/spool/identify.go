package spool

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// A likeness is what comparing a file with a stream gives.
type likeness uint8

const (
	differs likeness = iota
	shorter          // it is a beginning of what was read: a copy in the making, or an old one
	has              // it has all that was read, and maybe more
)

// compare says whether f has the content of s. The beginning of a compressed
// file that was compared before is not read again.
func (r *reader) compare(f *file, s *stream) (likeness, error) {
	like, err := r.compareNow(f, s)
	if u, ok := f.src.(*unpacked); ok && like != has && u.forget() {
		return r.compareNow(f, s) // without what is known of another content, perhaps
	}
	return like, err
}

func (r *reader) compareNow(f *file, s *stream) (likeness, error) {
	head := r.scratch[:s.mark.headLen()]
	if s.mark.offset == 0 || f.packing != plain && f.sure && f.checked == s.mark.offset {
		return has, nil
	}
	if f.packing == plain || !f.sure {
		n, err := f.src.ReadAt(head, 0)
		switch {
		case n < len(head) && err != nil && !errors.Is(err, io.EOF):
			return differs, err
		case n < len(head):
			return s.begins(f, head[:n], int64(n)), nil
		case digestOf(head) != s.mark.head:
			return differs, nil
		}
		if s.start == nil {
			s.start = bytes.Clone(head[:min(len(head), startSize)])
			if len(head) < headSize {
				s.head = bytes.Clone(head)
			}
		}
	}
	tail := r.scratch[headSize : headSize+s.mark.tailLen()]
	n, err := f.src.ReadAt(tail, s.mark.offset-int64(len(tail)))
	switch {
	case n < len(tail) && err != nil && !errors.Is(err, io.EOF):
		return differs, err
	case n < len(tail) && f.packing == plain:
		return s.begins(f, head, f.size), nil
	case n < len(tail):
		return s.begins(f, s.start, max(f.checked, int64(len(head)))), nil
	case digestOf(tail) != s.mark.tail:
		return differs, nil
	}
	if s.last == nil {
		s.last = bytes.Clone(tail)
	}
	f.checked, f.sure = s.mark.offset, true
	return has, nil
}

// begins says whether f, which is shorter than what was read of s, is a
// beginning of it, given its first bytes and its length. A file that had more
// once, and one from which s was read, was truncated: what it has is new, even
// where it is the same.
func (s *stream) begins(f *file, first []byte, length int64) likeness {
	n := min(len(first), len(s.start))
	switch {
	case length < f.checked, s.mark.main == f.id, f.left == s:
		return differs
	case n < leastAlike, !bytes.Equal(first[:n], s.start[:n]):
		return differs
	}
	return shorter
}

// identify finds the stream that f has: that of a file which it is a copy of, or
// carries on; a new one where its content was never seen.
func (r *reader) identify(f *file) error {
	kin := r.kin[f.kin]
	r.confirm(kin, f)
	n, err := f.src.ReadAt(r.scratch[:headSize], 0)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errDamaged) {
		return err
	}
	begins := &beginning{bytes: bytes.Clone(r.scratch[:n]), sums: make(map[int]digest)}
	var found *stream
	best := differs
	for _, s := range kin {
		if s == f.stream || s.mark.offset == 0 || !begins.like(s) {
			continue
		}
		if s.mark.headLen() < leastAlike && s.mark.path != f.path && s.mark.main != f.id && f.packing == plain {
			continue // too little to go by
		}
		f.checked, f.sure = 0, false
		like, err := r.compare(f, s)
		if err != nil && !errors.Is(err, errDamaged) {
			return err
		}
		if like > best || like == best && like != differs && s.mark.offset > found.mark.offset {
			found, best = s, like
		}
	}
	if best != has || f.checked != found.mark.offset {
		f.checked, f.sure = 0, false
	}
	switch {
	case found != nil:
		r.log.Info("file carries on another", "path", f.path, "of", found.mark.path, "offset", found.mark.offset)
		if f.stream != nil {
			checked, sure := f.checked, f.sure
			r.detach(f)
			f.checked, f.sure = checked, sure
		}
		f.skip = false
		r.attach(f, found)
	case f.stream == nil:
		r.attach(f, r.newStream(f))
	}
	return nil
}

// confirm compares the files that the position says have the streams, which
// then are known by their first bytes too.
func (r *reader) confirm(kin []*stream, not *file) {
	for _, s := range slices.Clone(kin) {
		if s.start != nil || s.mark.offset == 0 {
			continue
		}
		for _, g := range slices.Clone(s.files) {
			if g == not || r.open(g) != nil || g.src == nil {
				continue // its own turn will tell
			}
			if like, err := r.compare(g, s); err == nil && like == differs {
				r.replaced(g)
			}
		}
	}
}

// A beginning is the first bytes of a file that is to be told apart.
type beginning struct {
	bytes []byte
	sums  map[int]digest // of so many of them
}

// like says whether s may begin like this. It reads no file: there may be
// thousands to be told from.
func (b *beginning) like(s *stream) bool {
	n := min(len(b.bytes), len(s.start))
	if !bytes.Equal(b.bytes[:n], s.start[:n]) {
		return false
	}
	n = s.mark.headLen()
	if len(b.bytes) < n {
		return len(b.bytes) >= leastAlike
	}
	sum, ok := b.sums[n]
	if !ok {
		sum = digestOf(b.bytes[:n])
		b.sums[n] = sum
	}
	return sum == s.mark.head
}

// skipToEnd puts f's stream behind the last line that is complete.
func (r *reader) skipToEnd(f *file) error {
	f.skip = false
	buf := make([]byte, 256<<10)
	var off, end int64 // end: behind the last line feed
	if f.packing == plain {
		off = max(0, f.size-int64(r.maxLine))
	}
	for {
		n, err := f.src.ReadAt(buf, off)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			end = off + int64(i) + 1
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if end == 0 && off > int64(r.maxLine) {
		end = off
	}
	return r.jump(f, end)
}
