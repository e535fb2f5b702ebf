package journal

import (
	"encoding/binary"
	"sort"
	"time"
)

const (
	footerFixed = 64 // bytes of a footer's payload before its entries
	entrySize   = 40
	pointerSize = 16 // what a sealed segment ends with

	// indexStep is how many bytes of frames one entry covers at least. One
	// entry a frame would make the index of many small frames as large as the
	// frames.
	indexStep = 64 << 10
)

// pointerMark ends a sealed segment.
const pointerMark = "\xf5SEG"

// entry describes a run of frames.
type entry struct {
	offset int64
	first  uint64
	events uint32
	frames uint32
	span   span
}

// index describes the frames of one segment.
type index struct {
	entries       []entry
	next          uint64 // sequence after the segment
	frames        uint64
	span          span
	firstAppended int64 // Unix nanoseconds
	lastAppended  int64
}

func newIndex(first uint64) *index { return &index{next: first, span: emptySpan()} }

// add takes in the frame at offset.
func (x *index) add(offset int64, h *header) {
	s := span{h.minOccur, h.maxOccur}
	if x.frames == 0 {
		x.firstAppended = h.appended
	}
	x.frames++
	x.next = h.next()
	x.lastAppended = h.appended
	x.span.add(s)
	if n := len(x.entries); n == 0 || offset-x.entries[n-1].offset >= indexStep {
		x.entries = append(x.entries, entry{offset: offset, first: h.first, span: emptySpan()})
	}
	e := &x.entries[len(x.entries)-1]
	e.events += h.events
	e.frames++
	e.span.add(s)
}

// offset is where to begin reading to find sequence.
func (x *index) offset(sequence uint64) int64 {
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].first > sequence })
	if i == 0 {
		return segmentHeaderSize
	}
	return x.entries[i-1].offset
}

// nextIn returns where to go on reading, from offset, to find something that
// occurred in [since, until), and the sequence there if that skips anything. ok
// is false if there is nothing more to find.
func (x *index) nextIn(offset int64, since, until time.Time) (to int64, first uint64, ok bool) {
	for i, e := range x.entries {
		if i+1 < len(x.entries) && x.entries[i+1].offset <= offset {
			continue // wholly before
		}
		if !e.span.overlaps(since, until) {
			continue
		}
		if e.offset > offset {
			return e.offset, e.first, true
		}
		return offset, 0, true
	}
	return 0, 0, false
}

func (x *index) encode(head [32]byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, footerFixed, footerFixed+32+len(x.entries)*entrySize)
	le.PutUint64(b, x.next)
	le.PutUint64(b[8:], x.frames)
	le.PutUint64(b[16:], uint64(x.span.min))      // #nosec G115 -- two's complement, read back the same way
	le.PutUint64(b[24:], uint64(x.span.max))      // #nosec G115 -- as above
	le.PutUint64(b[32:], uint64(x.firstAppended)) // #nosec G115 -- as above
	le.PutUint64(b[40:], uint64(x.lastAppended))  // #nosec G115 -- as above
	le.PutUint64(b[48:], uint64(len(x.entries)))
	b = append(b, head[:]...)
	for _, e := range x.entries {
		b = le.AppendUint64(b, uint64(e.offset)) // #nosec G115 -- not negative
		b = le.AppendUint64(b, e.first)
		b = le.AppendUint32(b, e.events)
		b = le.AppendUint32(b, e.frames)
		b = le.AppendUint64(b, uint64(e.span.min)) // #nosec G115 -- two's complement
		b = le.AppendUint64(b, uint64(e.span.max)) // #nosec G115 -- two's complement
	}
	return b
}

// decodeIndex reads a footer's payload: the index, and the chain hash of the
// frame before the footer.
func decodeIndex(b []byte) (x *index, head [32]byte, ok bool) {
	le := binary.LittleEndian
	if len(b) < footerFixed+32 {
		return nil, head, false
	}
	x = &index{
		next:          le.Uint64(b),
		frames:        le.Uint64(b[8:]),
		span:          span{int64(le.Uint64(b[16:])), int64(le.Uint64(b[24:]))}, // #nosec G115 -- two's complement, as it was written
		firstAppended: int64(le.Uint64(b[32:])),                                 // #nosec G115 -- as above
		lastAppended:  int64(le.Uint64(b[40:])),                                 // #nosec G115 -- as above
	}
	n := le.Uint64(b[48:])
	copy(head[:], b[footerFixed:])
	b = b[footerFixed+32:]
	if n > maxPayload/entrySize || uint64(len(b)) != n*entrySize {
		return nil, head, false
	}
	x.entries = make([]entry, n)
	for i := range x.entries {
		p := b[i*entrySize:]
		x.entries[i] = entry{
			offset: int64(le.Uint64(p)), // #nosec G115 -- checked where it is used
			first:  le.Uint64(p[8:]),
			events: le.Uint32(p[16:]),
			frames: le.Uint32(p[20:]),
			span:   span{int64(le.Uint64(p[24:])), int64(le.Uint64(p[32:]))}, // #nosec G115 -- two's complement
		}
	}
	return x, head, true
}

// encodePointer is the end of a sealed segment: where its footer is.
func encodePointer(footer int64) []byte {
	b := make([]byte, pointerSize)
	binary.LittleEndian.PutUint64(b, uint64(footer)) // #nosec G115 -- not negative
	binary.LittleEndian.PutUint32(b[8:], checksum(b[:8]))
	copy(b[12:], pointerMark)
	return b
}

func parsePointer(b []byte) (footer int64, ok bool) {
	le := binary.LittleEndian
	if len(b) != pointerSize || string(b[12:]) != pointerMark || le.Uint32(b[8:]) != checksum(b[:8]) {
		return 0, false
	}
	footer = int64(le.Uint64(b)) // #nosec G115 -- checked next
	return footer, footer >= segmentHeaderSize
}

// readFooter reads the index of a sealed segment of the given size; ok is false
// where it is damaged, or not there.
func readFooter(f file, size int64) (x *index, ok bool) {
	p := make([]byte, pointerSize)
	if size < segmentHeaderSize+pointerSize {
		return nil, false
	}
	if _, err := f.ReadAt(p, size-pointerSize); err != nil {
		return nil, false
	}
	offset, ok := parsePointer(p)
	if !ok || offset > size-pointerSize {
		return nil, false
	}
	s := newScanner(f, offset, size-pointerSize)
	raw, err := s.next()
	if err != nil || raw.kind != kindFooter || raw.offset != offset {
		return nil, false
	}
	x, _, ok = decodeIndex(raw.body)
	return x, ok
}
