package journal

import (
	"sort"
	"sync"
	"unsafe"

	"github.com/shiplog/shiplog/pkg/event"
)

// recentBytes bounds the memory of the frames that readers near the end share.
const recentBytes = 16 << 20

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
	decode func() ([]event.Event, error)
}

func newRecent(limit int) *recent { return &recent{limit: limit} }

func (f *recentFrame) size() int {
	return len(f.body) + int(f.events)*int(unsafe.Sizeof(event.Event{})) // #nosec G103 -- a constant
}

// add takes in the frame that was just appended.
func (r *recent) add(h header, source string, body []byte) {
	f := &recentFrame{header: h, source: source, body: body}
	f.decode = sync.OnceValues(func() ([]event.Event, error) {
		return decodeEvents(f.body, int(f.events), f.first, f.source)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, f)
	r.bytes += f.size()
	drop := 0
	for r.bytes > r.limit && drop < len(r.frames) {
		r.bytes -= r.frames[drop].size()
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
}

// find returns the frame that holds a sequence; nil if it is not held.
func (r *recent) find(sequence uint64) *recentFrame {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].next() > sequence })
	if i == len(r.frames) || r.frames[i].first > sequence {
		return nil
	}
	return r.frames[i]
}
