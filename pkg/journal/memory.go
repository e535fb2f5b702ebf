package journal

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shiplog/shiplog/pkg/event"
)

// memory is what a frame's events are made of, or its bytes as they are stored.
// It is used again for another frame once all who took the frame have released
// it; where somebody does not, it is left to the garbage collector.
type memory struct {
	raw    []byte
	events []event.Event
	users  atomic.Int32
	pool   *memories
}

// Bounds of the memory that is kept for frames to come.
const (
	spareBytes  = 8 << 20
	spareFrames = 16
)

// memories keeps memory for frames to come. It may be used from any goroutine.
// The pieces are large, few, and released by other goroutines than take them: a
// sync.Pool would miss half of them, and lose the rest at each collection.
type memories struct {
	mu    sync.Mutex // guards what follows
	spare []*memory  // in order of release
	bytes int
}

// take returns memory with one user and n bytes of room.
func (p *memories) take(n int) *memory {
	m := p.find(n)
	if m == nil {
		m = &memory{raw: make([]byte, n+n/8), pool: p} // the next frame is seldom of the same size
	}
	m.raw = m.raw[:n]
	m.users.Store(1)
	return m
}

// find takes the smallest spare memory with room for n bytes; nil if there is
// none, or if it is much too large.
func (p *memories) find(n int) *memory {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, m := range p.spare {
		if c := cap(m.raw); c >= n && c/4 <= n && (best < 0 || c < cap(p.spare[best].raw)) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	m := p.spare[best]
	p.spare = slices.Delete(p.spare, best, best+1)
	p.bytes -= cap(m.raw)
	return m
}

// keep takes memory in that nobody uses. What was released the longest ago gives
// way to it.
func (p *memories) keep(m *memory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare = append(p.spare, m)
	p.bytes += cap(m.raw)
	drop := 0
	for ; p.bytes > spareBytes || len(p.spare)-drop > spareFrames; drop++ {
		p.bytes -= cap(p.spare[drop].raw)
	}
	p.spare = slices.Delete(p.spare, 0, drop)
}

// clear leaves what is kept to the garbage collector.
func (p *memories) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare, p.bytes = nil, 0
}

func (m *memory) release() {
	if m.users.Add(-1) == 0 {
		m.pool.keep(m)
	}
}

// Release gives the frame's memory back: neither its events nor what they refer
// to may be looked at any more. A frame that is never released costs the garbage
// collector some work, and nothing else.
func (f Frame) Release() {
	if f.memory != nil {
		f.memory.release()
	}
}
