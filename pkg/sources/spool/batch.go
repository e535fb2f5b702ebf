package spool

import (
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

const (
	blockSize  = 384 << 10 // bytes of lines in a batch, usually
	maxRecords = 8192      // in a batch: bounds memory where lines are short
	leastRoom  = 64 << 10  // with less room left than this a batch is full
)

// A block is the buffer of a batch, usually. A source that has nothing to read
// holds none.
type block [blockSize]byte

// A batch is what one emit stores: lines of one or more files, in one buffer,
// and how far they go. Two of them go back and forth between the reader and
// Run.
type batch struct {
	blocks   *sync.Pool // of *block, shared by all batches of the source
	block    *block     // nil: none is held
	buf      []byte     // the lines; its length is what is used
	records  []event.Record
	next     event.Position
	touched  map[*stream]struct{}
	sealed   bool      // it is to be handed on before more is read
	complete time.Time // everything up to here is emitted once this batch is; zero: not said
}

func newBatch(blocks *sync.Pool) *batch {
	return &batch{blocks: blocks, next: make(event.Position), touched: make(map[*stream]struct{})}
}

// reset makes the batch empty, and gives its buffer back.
func (b *batch) reset() {
	if b.block != nil {
		b.blocks.Put(b.block)
	}
	b.block, b.buf = nil, nil
	clear(b.records)
	b.records = b.records[:0]
	b.next = make(event.Position) // the last one belongs to whom it was emitted to
	clear(b.touched)
	b.sealed, b.complete = false, time.Time{}
}

// room returns the free part of the buffer; nil where the batch is full.
func (b *batch) room() []byte {
	if b.buf == nil {
		if b.block, _ = b.blocks.Get().(*block); b.block == nil {
			b.block = new(block)
		}
		b.buf = b.block[:0]
	}
	free := b.buf[len(b.buf):cap(b.buf)]
	if b.sealed || len(b.records) >= maxRecords || len(b.buf) > 0 && len(free) < leastRoom {
		return nil
	}
	return free
}

// grow makes an empty batch's buffer larger, up to most.
func (b *batch) grow(most int) {
	b.buf = make([]byte, 0, min(2*cap(b.buf), most))
}

// use keeps the first n bytes of the room.
func (b *batch) use(n int) { b.buf = b.buf[:len(b.buf)+n] }
