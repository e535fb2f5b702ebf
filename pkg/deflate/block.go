package deflate

import (
	"encoding/binary"
	"math/bits"
)

// The alphabets of RFC 1951, 3.2.5 and 3.2.7.
const (
	endOfBlock  = 256
	firstLength = 257
	literalSyms = 286
	distSyms    = 30
	metaSyms    = 19

	maxCode     = 15
	maxMetaCode = 7
)

// metaOrder is the order in which the lengths of the meta code are written.
var metaOrder = [metaSyms]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// classOf splits a value, counted from 0, into a class, and how many bits say
// where in the class it is. There are 1<<fine classes of each size.
func classOf(v uint32, fine int) (class, extra int) {
	n := bits.Len32(v)
	if n <= fine+1 {
		return int(v), 0
	}
	extra = n - fine - 1
	return extra<<fine + int(v>>extra), extra
}

// lengthClass is classOf for the length of a match: 258 has a class of its own.
func lengthClass(length int) (class, extra int) {
	if length == maxLength {
		return 28, 0
	}
	return classOf(uint32(length-3), 2) // #nosec G115 -- at least 3
}

// writer writes blocks to out.
type writer struct {
	out  []byte
	held uint64 // bits that do not fill a byte yet
	n    uint   // how many; below 8 between calls of put

	coder    coder
	freq     [literalSyms]uint32
	distFreq [distSyms]uint32
	literals [literalSyms]code
	dists    [distSyms]code
	lengths  [maxLength + 1]wide // code and the bits after it, of each length
	runs     []run
}

// wide is bits to be written at once.
type wide struct {
	bits uint32
	n    uint8
}

// run is a symbol of the meta code.
type run struct {
	symbol, extra, n uint8
}

// put writes n bits, at most 56.
func (w *writer) put(v uint64, n uint) {
	w.held |= v << w.n
	w.n += n
	for w.n >= 8 {
		w.out = append(w.out, byte(w.held)) // #nosec G115 -- the lowest byte
		w.held >>= 8
		w.n -= 8
	}
}

// begin begins a block with the sequences of text. Where the block goes on after
// them, every symbol is given a code. False: text does not get smaller, and
// nothing was written.
func (w *writer) begin(text []byte, seqs []sequence, goesOn, last bool) bool {
	w.count(text, seqs)
	if goesOn {
		for i := range w.freq {
			w.freq[i]++
		}
		for i := range w.distFreq {
			w.distFreq[i]++
		}
	}
	w.coder.assign(w.literals[:], w.freq[:], maxCode)
	w.coder.assign(w.dists[:], w.distFreq[:], maxCode)
	size := w.size()
	if size/8 >= len(text) && len(text) > 64 {
		return false
	}
	var final uint64
	if last {
		final = 1
	}
	w.put(final|2<<1, 3)
	w.header()
	w.body(text, seqs, size)
	return true
}

// count counts how often each symbol occurs.
func (w *writer) count(text []byte, seqs []sequence) {
	clear(w.freq[:])
	clear(w.distFreq[:])
	w.freq[endOfBlock] = 1
	var lengths [maxLength + 1]uint32
	for _, q := range seqs {
		for _, c := range text[:q.literals] {
			w.freq[c]++
		}
		text = text[int(q.literals)+int(q.length):]
		if q.length == 0 {
			break
		}
		lengths[q.length]++
		class, _ := classOf(uint32(q.distance), 1)
		w.distFreq[class]++
	}
	for length := 3; length <= maxLength; length++ {
		class, _ := lengthClass(length)
		w.freq[firstLength+class] += lengths[length]
	}
}

// size is about how many bits the block takes.
func (w *writer) size() int {
	n := 0
	for s, c := range w.literals {
		n += int(w.freq[s]) * int(c.n)
		if s > firstLength+7 && s < firstLength+28 {
			n += int(w.freq[s]) * ((s-firstLength)/4 - 1)
		}
	}
	for s, c := range w.dists {
		n += int(w.distFreq[s]) * (int(c.n) + max(s/2-1, 0))
	}
	return n
}

// header writes the codes: their lengths, by runs, in a code of their own.
func (w *writer) header() {
	var lengths [literalSyms + distSyms]uint8
	literals, dists := literalSyms, distSyms
	for literals > firstLength && w.literals[literals-1].n == 0 {
		literals--
	}
	for dists > 1 && w.dists[dists-1].n == 0 {
		dists--
	}
	for i := range literals {
		lengths[i] = w.literals[i].n
	}
	for i := range dists {
		lengths[literals+i] = w.dists[i].n
	}
	w.pack(lengths[:literals+dists])

	var freq [metaSyms]uint32
	var meta [metaSyms]code
	for _, r := range w.runs {
		freq[r.symbol]++
	}
	w.coder.assign(meta[:], freq[:], maxMetaCode)
	used := metaSyms
	for used > 4 && meta[metaOrder[used-1]].n == 0 {
		used--
	}
	w.put(uint64(literals-firstLength)|uint64(dists-1)<<5|uint64(used-4)<<10, 14) // #nosec G115 -- not negative
	for _, s := range metaOrder[:used] {
		w.put(uint64(meta[s].n), 3)
	}
	for _, r := range w.runs {
		w.put(uint64(meta[r.symbol].bits), uint(meta[r.symbol].n))
		w.put(uint64(r.extra), uint(r.n))
	}
}

// pack writes lengths as runs, RFC 1951, 3.2.7.
func (w *writer) pack(lengths []uint8) {
	w.runs = w.runs[:0]
	for i := 0; i < len(lengths); {
		n := 1
		for i+n < len(lengths) && lengths[i+n] == lengths[i] {
			n++
		}
		n = w.pack1(lengths[i], n)
		i += n
	}
}

// pack1 writes as many as it can of n equal lengths, and returns how many.
func (w *writer) pack1(length uint8, n int) int {
	var r run
	switch {
	case length == 0 && n >= 11:
		n = min(n, 138)
		r = run{18, uint8(n - 11), 7} // #nosec G115 -- in range
	case length == 0 && n >= 3:
		r = run{17, uint8(n - 3), 3} // #nosec G115 -- in range
	case length > 0 && n >= 4:
		n = min(n, 7)
		w.runs = append(w.runs, run{symbol: length})
		r = run{16, uint8(n - 4), 2} // #nosec G115 -- in range
	default:
		n, r = 1, run{symbol: length}
	}
	w.runs = append(w.runs, r)
	return n
}

// body writes the sequences, of about size bits.
func (w *writer) body(text []byte, seqs []sequence, size int) {
	for length := 3; length <= maxLength; length++ {
		class, extra := lengthClass(length)
		c := w.literals[firstLength+class]
		rest := uint32(length-3) & (1<<extra - 1)                                // #nosec G115 -- small
		w.lengths[length] = wide{uint32(c.bits) | rest<<c.n, c.n + uint8(extra)} // #nosec G115 -- small
	}
	at := len(w.out)
	w.out = grow(w.out, size/8+64)
	out, held, n := w.out, w.held, w.n
	for _, q := range seqs {
		for _, c := range text[:q.literals] {
			k := w.literals[c]
			held |= uint64(k.bits) << (n & 63)
			n += uint(k.n)
			if n >= 48 {
				binary.LittleEndian.PutUint64(out[at:], held)
				at += 6
				held >>= 48
				n -= 48
			}
		}
		text = text[int(q.literals)+int(q.length):]
		if q.length == 0 {
			break
		}
		binary.LittleEndian.PutUint64(out[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
		length := w.lengths[q.length]
		held |= uint64(length.bits) << n
		n += uint(length.n)
		class, extra := classOf(uint32(q.distance), 1)
		k := w.dists[class]
		rest := uint64(q.distance) & (1<<extra - 1)
		held |= (uint64(k.bits) | rest<<k.n) << n
		n += uint(k.n) + uint(extra)
		binary.LittleEndian.PutUint64(out[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	w.out, w.held, w.n = out[:at], held, n
	w.flush()
}

// flush writes the bytes that are whole.
func (w *writer) flush() {
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.held)) // #nosec G115 -- the lowest byte
		w.held >>= 8
	}
}

// end ends a block that was begun.
func (w *writer) end() {
	end := w.literals[endOfBlock]
	w.put(uint64(end.bits), uint(end.n))
}

// stored writes text as it is.
func (w *writer) stored(text []byte, last bool) {
	for first := true; first || len(text) > 0; first = false {
		part := text[:min(len(text), 0xffff)]
		text = text[len(part):]
		var final uint64
		if last && len(text) == 0 {
			final = 1
		}
		w.put(final, 3)
		w.align()
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(len(part)))  // #nosec G115 -- at most 0xffff
		w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(len(part))) // #nosec G115 -- at most 0xffff
		w.out = append(w.out, part...)
	}
}

// align fills the byte that is begun.
func (w *writer) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// grow returns b with n more bytes of length.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, 2*cap(b)+n), b...)
	}
	return b[:len(b)+n]
}
