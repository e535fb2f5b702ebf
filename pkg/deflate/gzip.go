package deflate

import (
	"encoding/binary"
	"hash/crc32"
)

// blockSize is how much text shares one set of codes. The window is the block
// and what may be referred to before it.
const (
	blockSize = 128 << 10

	// headSize is how much of a block decides on its codes.
	headSize = 16 << 10
)

// Gzip compresses one text after another, each into one gzip member in memory.
// The zero value is ready for its first. It belongs to one goroutine.
type Gzip struct {
	find   finder
	w      writer
	seqs   []sequence
	window []byte // the text, from up to maxDistance before the block on
	from   int    // where the block begins in the window
	crc    uint32
	size   uint32
	open   bool
	closed bool
}

// gzipHeader says: deflated, no name, no time, fastest, unknown system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"

// Reset begins a new member. What the last one returned is overwritten.
func (z *Gzip) Reset() {
	z.find.forget(len(z.window))
	z.w.out = append(z.w.out[:0], gzipHeader...)
	z.w.held, z.w.n = 0, 0
	z.window, z.from = z.window[:0], 0
	z.crc, z.size = 0, 0
	z.open, z.closed = true, false
}

// Write adds to the text. It never fails.
func (z *Gzip) Write(p []byte) (int, error) {
	if !z.open {
		z.Reset()
	}
	n := len(p)
	z.size += uint32(n) // #nosec G115 -- modulo 2^32, as the format wants it
	for len(p) > 0 {
		if len(z.window)-z.from == blockSize {
			z.block(false)
		}
		part := min(len(p), blockSize-(len(z.window)-z.from))
		z.window = append(z.window, p[:part]...)
		p = p[part:]
	}
	return n, nil
}

// block writes what is in the window's block, and makes room for the next one.
func (z *Gzip) block(last bool) {
	text := z.window[z.from:]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, text)
	head := min(len(text), headSize)
	z.seqs = z.find.find(z.seqs[:0], z.window[:z.from+head], z.from)
	if z.w.begin(text[:head], z.seqs, head < len(text), last) {
		z.w.stream(&z.find, z.window, z.from+head)
		z.w.end()
	} else {
		z.w.stored(text, last)
	}
	if drop := len(z.window) - maxDistance; drop > 0 {
		z.window = z.window[:copy(z.window, z.window[drop:])]
		z.find.slide(drop)
	}
	z.from = len(z.window)
}

// Close ends the member and returns it, valid until Reset. A second call returns
// the same.
func (z *Gzip) Close() []byte {
	if z.closed {
		return z.w.out
	}
	if !z.open {
		z.Reset()
	}
	z.block(true)
	z.w.align()
	z.w.out = binary.LittleEndian.AppendUint32(z.w.out, z.crc)
	z.w.out = binary.LittleEndian.AppendUint32(z.w.out, z.size)
	z.open, z.closed = false, true
	return z.w.out
}
