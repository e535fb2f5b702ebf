package pipeline

import "sync"

// A chunk is what a batch's memory comes in. Batches of all sinks are made of
// the same chunks, so that what one has given back serves another, and none
// grows by moving what it has.
type chunk [128 << 10]byte

// arena is memory that is filled from front to back. What is in it stays where
// it is until free. It belongs to one goroutine.
type arena struct {
	pool   *sync.Pool // of *chunk
	chunks []*chunk
	buf    []byte // of the last chunk, what is used
}

// room returns memory with at least n bytes to append to. Who does sets buf to
// the result.
func (a *arena) room(n int) []byte {
	if cap(a.buf)-len(a.buf) >= n {
		return a.buf
	}
	if n > len(chunk{}) {
		a.buf = make([]byte, 0, n) // left to the garbage collector
		return a.buf
	}
	c, _ := a.pool.Get().(*chunk)
	if c == nil {
		c = new(chunk)
	}
	a.chunks = append(a.chunks, c)
	a.buf = c[:0]
	return a.buf
}

// free gives the memory back. Nobody may hold anything in it any more.
func (a *arena) free() {
	for i, c := range a.chunks {
		a.pool.Put(c)
		a.chunks[i] = nil
	}
	a.chunks, a.buf = a.chunks[:0], nil
}
