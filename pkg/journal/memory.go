package journal

import (
	"sync"
	"sync/atomic"

	"github.com/shiplog/shiplog/pkg/event"
)

// memory is what a frame's events are made of. It is used again for another
// frame once all who took the frame have released it; where somebody does not,
// it is left to the garbage collector.
type memory struct {
	raw    []byte
	events []event.Event
	users  atomic.Int32
	pool   *memories
}

// memories keeps memory for frames to come. It may be used from any goroutine.
type memories struct{ pool sync.Pool }

// take returns memory with one user and n bytes of room. Memory that is much
// larger than that is left to the garbage collector.
func (p *memories) take(n int) *memory {
	m, ok := p.pool.Get().(*memory)
	if !ok || cap(m.raw) < n || cap(m.raw)/4 > n {
		m = &memory{raw: make([]byte, n), pool: p}
	}
	m.raw = m.raw[:n]
	m.users.Store(1)
	return m
}

func (m *memory) release() {
	if m.users.Add(-1) == 0 {
		m.pool.pool.Put(m)
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
