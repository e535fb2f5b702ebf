package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Report is what Verify found.
type Report struct {
	ID          string   // of the journal, as Journal.ID; empty: no header says it
	First, Last uint64   // sequences that are covered
	Head        [32]byte // chain hash of the last frame
	Segments    int
	Frames      int64 // sound ones
	Events      int64
	Bytes       int64
	Lost        uint64        // sequences that cannot be read
	Bad         int64         // things found wrong
	FirstBad    *CorruptError // the first of them; nil: the journal is sound
	Unfinished  int64         // bytes at the end that are no whole frame: a write in progress, or one that a crash cut off

	Unmet   []Anchor // anchors that the journal does not grow from: it was altered, cut off or replaced
	Retired []Anchor // anchors before the oldest event that is kept: they say nothing any more
}

// An Anchor is a head that was kept elsewhere: the chain hash of the frame that
// ended with Sequence.
type Anchor struct {
	Sequence uint64
	Head     [32]byte
}

// Progress is how far Verify has got.
type Progress struct {
	Bytes, Total int64
	Events       int64
}

// Verify reads the whole journal in the data directory dir and checks every
// checksum, that sequences go on without holes, every link of the hash chain,
// from segment to segment too, and that footers tell the truth. It changes
// nothing, needs no lock, and may run beside an agent. The beginning of the
// journal is wherever retention has left it. What is wrong is in the report;
// the error is for what keeps Verify from looking. Progress may be nil. Each
// anchor is looked for: who alters a frame must alter all heads after it.
func Verify(ctx context.Context, dir string, progress func(Progress), anchors ...Anchor) (Report, error) {
	dir = filepath.Join(dir, segmentsDir)
	segments, err := listSegments(osDisk{}, dir)
	if err == nil && len(segments) == 0 {
		err = fmt.Errorf("no segments in %s: %w", dir, os.ErrNotExist)
	}
	if err != nil {
		return Report{}, fmt.Errorf("journal: verify: %w", err)
	}
	v := &verifier{dir: dir, unzip: newDecompressor(), progress: progress, anchors: slices.Clone(anchors)}
	for _, s := range segments {
		v.total += s.size
	}
	for i, s := range segments {
		err := v.segment(ctx, s, i == len(segments)-1)
		if !v.started && errors.Is(err, os.ErrNotExist) {
			continue // retention was faster
		}
		if err != nil {
			return v.report, fmt.Errorf("journal: verify: %w", err)
		}
	}
	v.report.Last, v.report.Head = v.next-1, v.chain
	v.report.ID = identityText(v.log)
	v.judgeAnchors()
	return v.report, nil
}

// verifier carries what one frame must fit to.
type verifier struct {
	dir      string
	unzip    *decompressor
	progress func(Progress)
	total    int64
	report   Report

	started  bool
	previous uint64 // first sequence of the segment before
	log      [16]byte
	next     uint64
	chain    [32]byte
	linked   bool // chain is known; not after damage

	name  string // of the segment
	index *index // of what was read of it

	anchors []Anchor // that were not met yet
}

// judgeAnchors sorts the anchors that no frame met.
func (v *verifier) judgeAnchors() {
	for _, a := range v.anchors {
		if a.Sequence < v.report.First {
			v.report.Retired = append(v.report.Retired, a)
		} else {
			v.report.Unmet = append(v.report.Unmet, a)
		}
	}
}

// bad takes down something wrong.
func (v *verifier) bad(offset int64, reason string) {
	v.report.Bad++
	if v.report.FirstBad == nil {
		v.report.FirstBad = &CorruptError{Segment: v.name, Offset: offset, Sequence: v.next, Reason: reason}
	}
}

func (v *verifier) segment(ctx context.Context, s *segment, last bool) error {
	f, err := osDisk{}.open(filepath.Join(v.dir, segmentName(s.first)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	v.name = segmentName(s.first)
	v.index = newIndex(s.first)
	v.report.Segments++
	v.header(f, s)
	scan := newScanner(f, segmentHeaderSize, s.size)
	scan.reuse, scan.open, scan.floor = true, last, s.first
	sealed := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := scan.next()
		gap, damaged := errors.AsType[*gapError](err)
		switch {
		case err == nil:
			sealed = v.frame(f, raw, s.size)
		case damaged:
			v.gap(gap)
		case errors.Is(err, io.EOF):
			return v.end(f, scan.offset, s.size, sealed, last)
		default:
			return err
		}
		if v.progress != nil {
			v.progress(Progress{Bytes: v.report.Bytes + scan.offset, Total: v.total, Events: v.report.Events})
		}
	}
}

// header checks a segment's header, and its place after the segment before.
func (v *verifier) header(f file, s *segment) {
	b := make([]byte, segmentHeaderSize)
	_, err := f.ReadAt(b, 0)
	h, ok := parseSegmentHeader(b)
	if !v.started {
		v.report.First, v.next = s.first, s.first
	}
	switch {
	case err != nil || !ok:
		v.bad(0, "segment header is damaged")
	case h.first != s.first:
		v.bad(0, fmt.Sprintf("segment header says first sequence %d", h.first))
	case v.started && h.log != v.log:
		v.bad(0, "segment belongs to another journal")
	case v.started && h.previous != v.previous:
		v.bad(0, fmt.Sprintf("segment %s between the last one and this one is missing", segmentName(h.previous)))
	case v.started && v.linked && h.prior != v.chain:
		v.bad(0, "segment is not chained to the one before: the end of that one, or this header, was altered")
	}
	if v.next < s.first {
		v.report.Lost += s.first - v.next
		v.bad(0, fmt.Sprintf("sequences %d to %d are missing", v.next, s.first-1))
	}
	if ok {
		v.log = h.log
	}
	v.started, v.previous, v.next = true, s.first, s.first
	v.chain, v.linked = segmentSeed(b), ok
}

// gap takes in damage. The chain goes on where the frame's header can be read.
func (v *verifier) gap(g *gapError) {
	v.bad(g.from, fmt.Sprintf("%d bytes are no sound frame", g.to-g.from))
	v.linked = g.named
	v.chain = g.bad.chain
}

// frame checks a frame that its checksums pass; it reports whether it is the
// segment's footer.
func (v *verifier) frame(f file, raw rawFrame, size int64) bool {
	if raw.first != v.next {
		if v.report.FirstBad == nil || v.linked {
			v.bad(raw.offset, fmt.Sprintf("frame begins with sequence %d, not %d", raw.first, v.next))
		}
		v.report.Lost += raw.first - v.next
	}
	var fields [64]byte
	raw.putFields(fields[:])
	payload := raw.whole[headerSize : headerSize+int(raw.stored)]
	want := chainHash(v.chain, fields[:], sha256.Sum256(payload))
	if v.linked && want != raw.chain {
		v.bad(raw.offset, "frame is not chained to the one before: one of the two was altered")
	}
	var end [trailerSize]byte
	raw.putTrailer(end[:])
	if !bytes.Equal(end[:], raw.whole[headerSize+int(raw.stored):]) {
		v.bad(raw.offset, "frame's trailer is damaged")
	}
	v.content(raw)
	footer := raw.kind == kindFooter
	if footer {
		v.footer(f, raw, size)
	} else {
		v.index.add(raw.offset, &raw.header)
	}
	v.chain, v.linked = raw.chain, true
	v.next = raw.next()
	v.anchors = slices.DeleteFunc(v.anchors, func(a Anchor) bool { return a == Anchor{v.next - 1, v.chain} })
	v.report.Frames++
	v.report.Events += int64(raw.events)
	return footer
}

// content checks that a frame's payload decodes.
func (v *verifier) content(raw rawFrame) {
	m, err := v.unzip.expand(&raw.header, raw.body)
	if err == nil {
		defer m.release()
	}
	if err == nil && raw.kind != kindFooter {
		_, err = decodeMarks(raw.meta)
	}
	if err == nil && raw.kind == kindEvents {
		m.events, err = decodeEvents(m.events, m.raw, int(raw.events), raw.first, "")
	}
	if err != nil {
		v.bad(raw.offset, err.Error())
	}
}

// footer checks a footer against the frames before it, and the pointer to it.
// Where frames are damaged it cannot be compared.
func (v *verifier) footer(f file, raw rawFrame, size int64) {
	x, head, ok := decodeIndex(raw.body)
	switch {
	case !ok:
		v.bad(raw.offset, "footer does not decode")
	case v.linked && head != v.chain:
		v.bad(raw.offset, "footer holds another end of the chain than the frame before it")
	case v.report.Bad == 0 && !v.index.equal(x):
		v.bad(raw.offset, "footer's index differs from the frames")
	}
	b := make([]byte, pointerSize)
	at := raw.offset + raw.total()
	if _, err := f.ReadAt(b, at); err != nil || !bytes.Equal(b, encodePointer(raw.offset)) {
		v.bad(at, "pointer to the footer is damaged")
	} else if at+pointerSize != size {
		v.bad(at+pointerSize, fmt.Sprintf("%d bytes follow the end of a sealed segment", size-at-pointerSize))
	}
}

// equal reports whether two indexes say the same.
func (x *index) equal(y *index) bool {
	return x.next == y.next && x.frames == y.frames && x.span == y.span && bytes.Equal(x.encode([32]byte{}), y.encode([32]byte{}))
}

// end checks how a segment ends.
func (v *verifier) end(f file, offset, size int64, sealed, last bool) error {
	v.report.Bytes += size
	if !sealed && !last {
		v.bad(offset, "segment has no readable footer")
	}
	if sealed || !last {
		return nil
	}
	for {
		b, err := rest(f, offset, size)
		if err != nil || len(b) == 0 {
			return err
		}
		whole, next, bad := judge(b, offset, v.next)
		if whole == 0 {
			v.report.Unfinished = int64(len(b))
			return nil
		}
		v.bad(offset, fmt.Sprintf("%d bytes are no sound frame", whole))
		v.report.Lost += next - v.next
		v.next, v.linked = next, bad != nil
		if bad != nil {
			v.chain = bad.chain
		}
		offset += int64(whole)
	}
}
