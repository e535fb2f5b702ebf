package journal

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/shiplog/shiplog/pkg/event"
)

var errPayload = errors.New("payload does not decode")

// mark is one source's position, or the change of it, as a frame's meta part
// holds it.
type mark struct {
	source   string
	position event.Position
}

// encodeMarks encodes marks in the order given, their parts in order of name.
func encodeMarks(marks []mark) []byte {
	dst := binary.AppendUvarint(nil, uint64(len(marks)))
	for _, m := range marks {
		dst = appendText(dst, m.source)
		dst = binary.AppendUvarint(dst, uint64(len(m.position)))
		parts := make([]string, 0, len(m.position))
		for part := range m.position {
			parts = append(parts, part)
		}
		slices.Sort(parts)
		for _, part := range parts {
			dst = appendText(dst, part)
			bookmark := m.position[part]
			if bookmark == nil {
				dst = append(dst, 0)
				continue
			}
			dst = binary.AppendUvarint(dst, uint64(len(bookmark))+1)
			dst = append(dst, bookmark...)
		}
	}
	return dst
}

// decodeMarks copies what it returns out of b.
func decodeMarks(b []byte) ([]mark, error) {
	d := decoder{b: b}
	n := d.count(2)
	marks := make([]mark, 0, n)
	for range n {
		m := mark{source: string(d.bytes())}
		parts := d.count(2)
		if parts > 0 {
			m.position = make(event.Position, parts)
		}
		for range parts {
			part := string(d.bytes())
			size := d.uvarint()
			if size == 0 {
				m.position[part] = nil
				continue
			}
			m.position[part] = append([]byte{}, d.take(size-1)...)
		}
		marks = append(marks, m)
	}
	if d.bad || len(d.b) > 0 {
		return nil, errPayload
	}
	return marks, nil
}

// eventFixed is the size of the part of an encoded event that does not vary:
// occurred and received as seconds and nanoseconds, outcome, severity, whether
// the source differs from the batch's, a spare byte, and the hash.
const eventFixed = 12 + 12 + 4 + 32

// eventBound is at least what appendEvent adds for e.
func eventBound(e *event.Event) int {
	return eventFixed + 9*3 + binary.MaxVarintLen64 + len(e.ID) + len(e.Action) + len(e.Actor) + len(e.ActorID) +
		len(e.Account) + len(e.Workspace) + len(e.Resource) + len(e.Source) + len(e.Doc)
}

func appendEvent(dst []byte, e *event.Event, source string) []byte {
	dst = appendTime(dst, e.Occurred)
	dst = appendTime(dst, e.Received)
	var own byte
	if e.Source != source {
		own = 1
	}
	dst = append(dst, byte(e.Outcome), byte(e.Severity), own, 0)
	dst = append(dst, e.Hash[:]...)
	dst = appendText(dst, e.ID)
	dst = appendText(dst, e.Action)
	dst = appendText(dst, e.Actor)
	dst = appendText(dst, e.ActorID)
	dst = appendText(dst, e.Account)
	dst = appendText(dst, e.Workspace)
	dst = appendText(dst, e.Resource)
	if own == 1 {
		dst = appendText(dst, e.Source)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Doc)))
	return append(dst, e.Doc...)
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Unix()))        // #nosec G115 -- two's complement, read back the same way
	return binary.LittleEndian.AppendUint32(dst, uint32(t.Nanosecond())) // #nosec G115 -- below 1e9
}

// decodeEvents reads n events out of b, into the memory of events where that is
// large enough. Their strings and documents are parts of b, which must not change
// as long as they are in use.
func decodeEvents(events []event.Event, b []byte, n int, first uint64, source string) ([]event.Event, error) {
	if n > len(b)/eventFixed {
		return nil, errPayload
	}
	d := decoder{b: b}
	events = slices.Grow(events[:0], n)[:n]
	for i := range events {
		d.event(&events[i], source)
		events[i].Sequence = first + uint64(i) // #nosec G115 -- an index
		if d.bad {
			return nil, errPayload
		}
	}
	if len(d.b) > 0 {
		return nil, errPayload
	}
	return events, nil
}

// decoder takes values off the front of b. Past the end of b it is bad, and
// gives zero values.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) event(e *event.Event, source string) {
	fixed := d.take(eventFixed)
	if d.bad {
		return
	}
	e.Occurred, e.Received = decodeTime(fixed), decodeTime(fixed[12:])
	e.Outcome, e.Severity = event.Outcome(fixed[24]), event.Severity(fixed[25])
	copy(e.Hash[:], fixed[28:])
	e.ID = d.text()
	e.Action = d.text()
	e.Actor = d.text()
	e.ActorID = d.text()
	e.Account = d.text()
	e.Workspace = d.text()
	e.Resource = d.text()
	e.Source = source
	if fixed[26] == 1 {
		e.Source = d.text()
	}
	doc := d.bytes()
	e.Doc = doc[:len(doc):len(doc)]
}

func decodeTime(b []byte) time.Time {
	sec := int64(binary.LittleEndian.Uint64(b)) // #nosec G115 -- two's complement, as it was written
	return time.Unix(sec, int64(binary.LittleEndian.Uint32(b[8:]))).UTC()
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count is a uvarint that counts things of at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/size) { // #nosec G115 -- a length
		d.bad, d.b = true, nil
		return 0
	}
	return int(n) // #nosec G115 -- not above a length
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// text is a string that shares memory with b.
func (d *decoder) text() string {
	p := d.bytes()
	return unsafe.String(unsafe.SliceData(p), len(p)) // #nosec G103 -- b never changes; a copy would cost an allocation a field
}

// span is the range of times of occurrence, in Unix microseconds. The empty
// span has min above max.
type span struct{ min, max int64 }

func emptySpan() span { return span{min: math.MaxInt64, max: math.MinInt64} }

func (s *span) add(other span) {
	s.min = min(s.min, other.min)
	s.max = max(s.max, other.max)
}

// overlaps reports whether something in s can have occurred in [since, until);
// a zero time does not limit.
func (s span) overlaps(since, until time.Time) bool {
	return s.min <= s.max &&
		(since.IsZero() || s.max >= since.UnixMicro()) &&
		(until.IsZero() || s.min <= until.UnixMicro())
}
