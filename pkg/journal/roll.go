package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// roll seals the segment and begins a new one. After an error for want of room
// it goes on where it was.
func (j *Journal) roll() error {
	if !j.w.sealed {
		if err := j.seal(); err != nil {
			return err
		}
	}
	return j.begin()
}

// seal writes the segment's footer. Nothing is written to the segment after
// that.
func (j *Journal) seal() error {
	w := &j.w
	j.mu.Lock()
	body := w.seg.index.encode(w.chain)
	j.mu.Unlock()
	frame, chain := buildFrame(header{kind: kindFooter, first: w.next, appended: w.appended}, nil, body, w.chain)
	pointer := encodePointer(w.offset)
	end := w.offset + int64(len(frame)+len(pointer))
	if err := w.f.writeAt([][]byte{frame, pointer}, w.offset); err != nil {
		if NoSpace(err) {
			return errors.Join(err, w.cut())
		}
		return &FatalError{Op: "write " + segmentName(w.seg.first), Err: err}
	}
	if err := w.f.truncate(end); err != nil {
		return &FatalError{Op: "truncate " + segmentName(w.seg.first), Err: err}
	}
	if err := w.f.datasync(); err != nil {
		return &FatalError{Op: "sync " + segmentName(w.seg.first), Err: err}
	}
	w.sealed, w.chain, w.offset, w.allocated = true, chain, end, end
	w.previous = w.seg.first
	j.mu.Lock()
	defer j.mu.Unlock()
	w.seg.size = end
	w.seg.index = nil
	j.head = chain
	return nil
}

// buildFrame makes a frame of the journal's own. Its header's sizes are filled
// in.
func buildFrame(h header, meta, body []byte, prev [32]byte) ([]byte, [32]byte) {
	s := emptySpan()
	h.minOccur, h.maxOccur = s.min, s.max
	h.meta = uint32(len(meta)) // #nosec G115 -- positions and an index are far below 4 GiB
	h.raw = uint32(len(body))  // #nosec G115 -- as above
	b := make([]byte, headerSize, headerSize+len(meta)+len(body)+trailerSize)
	b = append(append(b, meta...), body...)
	r := request{header: h}
	r.finish(b)
	chain := r.seal(r.frame, prev, r.digest)
	return r.frame, chain
}

// begin makes the next segment, which appears whole or not at all, and turns to
// it.
func (j *Journal) begin() error {
	w := &j.w
	now := time.Now()
	h := segmentHeader{first: w.next, created: now.UnixNano(), previous: w.previous, prior: w.chain, log: w.log}
	raw := h.encode()
	seg := &segment{first: w.next, created: now, index: newIndex(w.next)}
	parts := append(make([][]byte, 0, 3), raw)
	chain := segmentSeed(raw)
	offset := int64(segmentHeaderSize)
	j.mu.Lock()
	meta := encodeMarks(j.marks())
	j.mu.Unlock()
	// Twice: a source must not lose its place to one bad byte.
	for range 2 {
		var frame []byte
		h := header{kind: kindCheckpoint, first: w.next, appended: max(now.UnixNano(), w.appended)}
		frame, chain = buildFrame(h, meta, nil, chain)
		parts = append(parts, frame)
		fh, _ := parseHeader(frame)
		seg.index.add(offset, &fh)
		offset += int64(len(frame))
	}
	f, err := j.create(segmentName(w.next), parts)
	if err != nil {
		return err
	}
	if w.f != nil {
		_ = w.f.Close() // it was synced
	}
	w.f, w.seg, w.offset, w.allocated, w.padded, w.chain, w.sealed = f, seg, offset, offset, offset, chain, false
	seg.size = offset
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.segments); n > 0 && j.segments[n-1].first == seg.first {
		j.segments = j.segments[:n-1] // it could not be used, and was made anew
	}
	j.segments = append(j.segments, seg)
	j.head = chain
	j.announce()
	return nil
}

// create makes a segment file out of parts.
func (j *Journal) create(name string, parts [][]byte) (_ file, err error) {
	final := filepath.Join(j.dir, name)
	temp := final + tempSuffix
	f, err := j.disk.create(temp)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = j.disk.remove(temp)
		}
	}()
	if err := f.writeAt(parts, 0); err != nil {
		return nil, err
	}
	if err := f.datasync(); err != nil {
		return nil, &FatalError{Op: "sync " + name, Err: err}
	}
	if err := j.disk.rename(temp, final); err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	if err := j.disk.syncDir(j.dir); err != nil {
		return nil, &FatalError{Op: "sync the directory of " + name, Err: err}
	}
	return f, nil
}

// marks are all positions, in order of source. The caller holds mu.
func (j *Journal) marks() []mark {
	marks := make([]mark, 0, len(j.positions))
	for source, p := range j.positions {
		marks = append(marks, mark{source, p})
	}
	slices.SortFunc(marks, func(a, b mark) int {
		if a.source < b.source {
			return -1
		}
		return 1
	})
	return marks
}
