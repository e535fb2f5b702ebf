package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// recover finds out what the journal holds, from the last segment alone, and
// makes it ready to be written to.
func (j *Journal) recover() error {
	if err := removeTemporary(j.disk, j.dir); err != nil {
		return err
	}
	segments, err := listSegments(j.disk, j.dir)
	if err != nil {
		return err
	}
	j.segments = segments
	j.positions = map[string]event.Position{}
	if len(segments) == 0 {
		j.w.next = 1
		_, _ = rand.Read(j.w.log[:]) // never fails
		return j.begin()
	}
	last := segments[len(segments)-1]
	if len(segments) > 1 {
		j.w.previous = segments[len(segments)-2].first
	}
	if len(segments) > 1 || last.size > 0 {
		j.readCreated(segments[0])
	}
	if last.size < segmentHeaderSize {
		return j.remake(last)
	}
	return j.resume(last)
}

// remake replaces a last segment of which not even the header is left. Its
// events, if it had any, are gone; its name keeps their sequences from being
// taken for those of the segment before.
func (j *Journal) remake(s *segment) error {
	j.log.Error("last segment is cut off before its first event", "segment", segmentName(s.first))
	j.w.next = s.first
	j.last = s.first - 1
	_, _ = rand.Read(j.w.log[:]) // never fails
	if n := len(j.segments); n > 1 {
		before := j.segments[n-2]
		h, _, _, err := readSegmentHeader(j.disk, j.dir, before.first)
		if err != nil {
			return err
		}
		j.w.log = h.log
		r := recovery{j: j, seg: before, state: newIndex(before.first), positions: map[string]event.Position{}}
		if err := r.run(false); err != nil {
			return err
		}
		j.w.chain = r.chain
		if j.positions, err = j.positionsAt(n - 2); err != nil {
			return err
		}
	}
	return j.begin()
}

// resume reads the last segment and goes on where it ends.
func (j *Journal) resume(s *segment) error {
	f, err := j.disk.openWrite(filepath.Join(j.dir, segmentName(s.first)))
	if err != nil {
		return err
	}
	r := recovery{j: j, f: f, seg: s, state: newIndex(s.first), positions: map[string]event.Position{}}
	if err := r.run(true); err != nil {
		_ = f.Close()
		return err
	}
	j.w = writer{
		f: f, seg: s, offset: r.end, allocated: s.size, next: r.next, chain: r.chain, appended: r.state.lastAppended,
		previous: j.w.previous, log: r.log, sealed: r.sealed,
	}
	s.index, s.size = r.state, r.end
	j.last, j.head = r.next-1, r.chain
	j.positions = r.positions
	if r.checkpoints == 0 { // those before it must help
		if j.positions, err = j.positionsAt(len(j.segments) - 1); err != nil {
			return err
		}
	}
	if r.sealed {
		j.w.previous = s.first
		s.index = nil
		if err := j.begin(); !NoSpace(err) {
			return err
		}
		return nil // the first append begins it, once there is room
	}
	if err := j.w.cut(); err != nil {
		return err
	}
	if r.torn != nil { // all that counts of the frame was written, but its end
		if err := f.writeAt([][]byte{r.torn}, r.end-trailerSize); err != nil {
			return err
		}
	}
	if err := f.datasync(); err != nil {
		return &FatalError{Op: "sync " + segmentName(s.first), Err: err}
	}
	if r.checkpoints == 0 {
		return j.checkpointAgain()
	}
	return nil
}

// checkpointAgain writes the positions into a segment that has lost them.
func (j *Journal) checkpointAgain() error {
	w := &j.w
	h := header{kind: kindCheckpoint, first: w.next, appended: time.Now().UnixNano()}
	frame, chain := buildFrame(h, encodeMarks(j.marks()), nil, w.chain)
	err := w.f.writeAt([][]byte{frame}, w.offset)
	if err == nil {
		err = w.f.datasync()
	}
	if err != nil {
		if NoSpace(err) {
			return w.cut() // the next start tries again
		}
		return &FatalError{Op: "write " + segmentName(w.seg.first), Err: err}
	}
	fh, _ := parseHeader(frame)
	w.seg.index.add(w.offset, &fh)
	w.offset += int64(len(frame))
	w.seg.size, w.allocated, w.chain, j.head = w.offset, w.offset, chain, chain
	return nil
}

// positionsAt returns the positions after segment i. A segment whose
// checkpoints are unreadable needs those of the segments before it.
func (j *Journal) positionsAt(i int) (map[string]event.Position, error) {
	start := i
	for {
		found, err := j.hasCheckpoint(start)
		if err != nil {
			return nil, err
		}
		if found || start == 0 {
			break
		}
		start--
	}
	positions := map[string]event.Position{}
	for ; start <= i; start++ {
		if err := j.replay(start, positions); err != nil {
			return nil, err
		}
	}
	return positions, nil
}

// hasCheckpoint reports whether segment i begins with a checkpoint that can be
// read.
func (j *Journal) hasCheckpoint(i int) (found bool, err error) {
	err = j.scan(i, func(f rawFrame) bool {
		found = f.kind == kindCheckpoint
		return false
	})
	return found, err
}

// replay applies the positions in segment i.
func (j *Journal) replay(i int, positions map[string]event.Position) error {
	return j.scan(i, func(f rawFrame) bool {
		apply(positions, f)
		return true
	})
}

// apply takes the positions of a frame into positions.
func apply(positions map[string]event.Position, f rawFrame) {
	marks, err := decodeMarks(f.meta)
	if err != nil || f.kind == kindFooter {
		return
	}
	if f.kind == kindCheckpoint {
		clear(positions)
	}
	for _, m := range marks {
		positions[m.source] = positions[m.source].Merge(m.position)
		if len(positions[m.source]) == 0 {
			delete(positions, m.source)
		}
	}
}

// scan hands each sound frame of segment i to visit, until that returns false.
func (j *Journal) scan(i int, visit func(rawFrame) bool) error {
	s := j.segments[i]
	f, err := j.disk.open(filepath.Join(j.dir, segmentName(s.first)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	scan := newScanner(f, segmentHeaderSize, s.size)
	scan.reuse = true
	for {
		frame, err := scan.next()
		if _, gap := errors.AsType[*gapError](err); gap {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", segmentName(s.first), err)
		}
		if !visit(frame) {
			return nil
		}
	}
}

// recovery is what one pass over a segment finds.
type recovery struct {
	j   *Journal
	f   file
	seg *segment

	state       *index
	log         [16]byte
	next        uint64
	chain       [32]byte
	end         int64 // where the next frame may go
	sealed      bool
	checkpoints int
	positions   map[string]event.Position // right if there is a checkpoint
	torn        []byte                    // the last frame's trailer as it should be, where it is not
	gaps        []*gapError               // whose losses are not known yet
}

// run reads the segment. With report it tells of damage, and judges the tail.
func (r *recovery) run(report bool) error {
	if r.f == nil {
		f, err := r.j.disk.open(filepath.Join(r.j.dir, segmentName(r.seg.first)))
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		r.f = f
	}
	if err := r.begin(report); err != nil {
		return err
	}
	scan := newScanner(r.f, segmentHeaderSize, r.seg.size)
	scan.reuse, scan.open, scan.floor = true, true, r.seg.first
	for {
		f, err := scan.next()
		gap, damaged := errors.AsType[*gapError](err)
		switch {
		case err == nil:
			r.frame(f, report)
		case damaged:
			r.gap(gap)
		case errors.Is(err, io.EOF):
			r.end = scan.offset
			if report && !r.sealed {
				return r.tail()
			}
			return nil
		default:
			return fmt.Errorf("read %s: %w", segmentName(r.seg.first), err)
		}
	}
}

// begin reads the segment's header. Without it the journal's identity is taken
// from the segment before.
func (r *recovery) begin(report bool) error {
	r.next = r.seg.first
	h, raw, ok, err := readSegmentHeader(r.j.disk, r.j.dir, r.seg.first)
	if err != nil {
		return err
	}
	r.chain = segmentSeed(raw)
	r.log = h.log
	r.seg.created = time.Unix(0, h.created)
	if ok || !report {
		return nil
	}
	r.seg.created = time.Now()
	r.j.damage.found(r.f, segmentName(r.seg.first), 0, segmentHeaderSize, r.next, r.next)
	if r.j.w.previous > 0 {
		before, _, _, err := readSegmentHeader(r.j.disk, r.j.dir, r.j.w.previous)
		if err != nil {
			return err
		}
		r.log = before.log
	}
	return nil
}

func (r *recovery) frame(f rawFrame, report bool) {
	r.settle(f.first, report)
	r.next, r.chain = f.next(), f.chain
	end := make([]byte, trailerSize)
	f.putTrailer(end)
	r.torn = nil
	if !bytes.Equal(end, f.whole[len(f.whole)-trailerSize:]) {
		r.torn = end
	}
	if f.kind == kindFooter {
		r.sealed = true
		return
	}
	if f.kind == kindCheckpoint {
		r.checkpoints++
	}
	apply(r.positions, f)
	r.state.add(f.offset, &f.header)
}

func (r *recovery) gap(g *gapError) {
	r.torn = nil
	r.gaps = append(r.gaps, g)
	if g.named {
		r.chain = g.bad.chain
	}
}

// settle tells of the gaps before the frame that begins with sequence next.
func (r *recovery) settle(next uint64, report bool) {
	for _, g := range r.gaps {
		if report {
			r.j.damage.found(r.f, segmentName(r.seg.first), g.from, g.to, r.next, max(next, r.next))
		}
		r.next = max(next, r.next) // what several gaps lost is told with the first
	}
	r.gaps = nil
}

// tail judges what follows the last sound frame: nothing but zeros; a write
// that was not finished, which was never acknowledged and is cut off; or a
// frame that was whole once, whose sequences must not be given again.
func (r *recovery) tail() error {
	for {
		b, err := rest(r.f, r.end, r.seg.size)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return nil
		}
		whole, next, bad := judge(b, r.end, r.next)
		if whole == 0 {
			name := r.j.damage.setAside(r.f, segmentName(r.seg.first), r.end, r.end+int64(len(b)))
			r.j.log.Warn("write that was not finished is cut off",
				"segment", segmentName(r.seg.first), "offset", r.end,
				"bytes", len(b), "aside", name)
			return nil
		}
		r.j.damage.found(r.f, segmentName(r.seg.first), r.end, r.end+int64(whole), r.next, next)
		r.next, r.torn = next, nil
		r.end += int64(whole)
		if bad != nil {
			r.chain = bad.chain
		}
	}
}
