package journal

import (
	"sort"
	"sync"
	"unsafe"

	"github.com/shiplog/shiplog/pkg/event"
)

// recentBytes bounds the memory of the frames that readers near the end share.
const recentBytes = 4 << 20

// recent holds the newest frames, so that readers near the end neither read nor
// decode them each for itself.
type recent struct {
	limit int

	mu     sync.Mutex // guards what follows
	frames []*recentFrame
	bytes  int
}

// recentFrame is decoded by the first reader that wants it.
type recentFrame struct {
	header
	source string
	body   []byte
	memory *memory // what body is a part of
	decode func() ([]event.Event, error)
}

func newRecent(limit int) *recent { return &recent{limit: limit} }

func (f *recentFrame) size() int {
	return len(f.body) + int(f.events)*int(unsafe.Sizeof(event.Event{})) // #nosec G103 -- a constant
}

// add takes in the frame that was just appended, and with it the memory that
// body is a part of.
func (r *recent) add(h header, source string, body []byte, m *memory) {
	f := &recentFrame{header: h, source: source, body: body, memory: m}
	f.decode = sync.OnceValues(func() (events []event.Event, err error) {
		events, err = decodeEvents(m.events, f.body, int(f.events), f.first, f.source)
		m.events = events
		return events, err
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, f)
	r.bytes += f.size()
	drop := 0
	for r.bytes > r.limit && drop < len(r.frames) {
		gone := r.frames[drop]
		r.bytes -= gone.size()
		gone.memory.release()
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
}

// clear lets go of all frames.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.frames {
		f.memory.release()
	}
	r.frames, r.bytes = nil, 0
}

// find returns the frame that holds a sequence, for a user of its memory; nil if
// it is not held.
func (r *recent) find(sequence uint64) *recentFrame {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].next() > sequence })
	if i == len(r.frames) || r.frames[i].first > sequence {
		return nil
	}
	r.frames[i].memory.users.Add(1)
	return r.frames[i]
}
