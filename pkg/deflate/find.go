package deflate

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	maxDistance = 32 << 10 // RFC 1951
	maxLength   = 258      // RFC 1951

	leastMatch = 8 // what is hashed and compared at once
	tableBits  = 16

	// skipShift is how soon the search takes larger steps where it finds
	// nothing: by one byte more after each 1<<skipShift bytes.
	skipShift = 4
)

// sequence is a run of literals and the match after it. Only a block's last
// sequence has no match.
type sequence struct {
	literals uint32
	length   uint16 // of the match, up to maxLength
	distance uint16 // less one
}

// finder looks for what a block repeats of the bytes before it.
type finder struct {
	// table holds, by hash, where eight bytes were seen last, counted from
	// where the encoder began: base is that of the window's first byte.
	table [1 << tableBits]uint32
	base  uint32
}

// maxBase keeps positions within 32 bits.
const maxBase = 1 << 31

// slide takes note that the window's first n bytes go.
func (f *finder) slide(n int) {
	f.base += uint32(n) // #nosec G115 -- a window is small
	if f.base > maxBase || f.base == 0 {
		clear(f.table[:])
		f.base = maxDistance + 1 // an empty entry is out of reach
	}
}

// forget makes all of a window that was size bytes long out of reach.
func (f *finder) forget(size int) {
	if f.base == 0 {
		f.base = maxBase
	}
	f.slide(size + maxDistance + 1)
}

func hash(v uint64) uint64 { return v * 0x9E3779B185EBCA87 >> (64 - tableBits) }

// load returns the eight bytes of b from i on, which must be there: the search
// spends an eighth of its time on looking at b's length otherwise.
func load(b []byte, i int) uint64 {
	p := (*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)) // #nosec G103 -- callers know that it is within b
	return binary.LittleEndian.Uint64(p[:])
}

// find appends the sequences that make up window[from:], which may refer to
// all of the window.
func (f *finder) find(seqs []sequence, window []byte, from int) []sequence {
	var (
		s     = from
		done  = from // everything before is in seqs
		limit = len(window) - leastMatch
		base  = f.base
	)
	for s <= limit {
		v := load(window, s)
		h := hash(v)
		distance := uint32(s) + base - f.table[h] // #nosec G115 -- a window is small
		f.table[h] = uint32(s) + base             // #nosec G115 -- a window is small
		if distance > maxDistance || load(window, s-int(distance)) != v {
			s += 1 + (s-done)>>skipShift
			continue
		}
		t := s - int(distance)
		end := s + leastMatch + equal(window, s+leastMatch, t+leastMatch)
		if s-done >= 1<<skipShift { // positions were passed over
			for s > done && t > 0 && window[s-1] == window[t-1] {
				s--
				t--
			}
		}
		seqs = appendMatch(seqs, s-done, end-s, distance)
		s, done = end, end
		if end <= limit {
			p := end - 2
			f.table[hash(load(window, p))] = uint32(p) + base // #nosec G115 -- a window is small
		}
	}
	if done < len(window) {
		seqs = append(seqs, sequence{literals: uint32(len(window) - done)}) // #nosec G115 -- a window is small
	}
	return seqs
}

// appendMatch appends a match of any length, in parts that the format can hold.
// None is shorter than 3, as the format wants it.
func appendMatch(seqs []sequence, literals, length int, distance uint32) []sequence {
	for length > maxLength {
		part := min(maxLength, length-3)
		seqs = append(seqs, sequence{uint32(literals), uint16(part), uint16(distance - 1)}) // #nosec G115 -- a window is small
		literals, length = 0, length-part
	}
	return append(seqs, sequence{uint32(literals), uint16(length), uint16(distance - 1)}) // #nosec G115 -- a window is small
}

// equal returns how many bytes are alike from s on and from t on, which is less.
func equal(b []byte, s, t int) int {
	from := s
	for s+8 <= len(b) {
		if x := load(b, s) ^ load(b, t); x != 0 {
			return s - from + bits.TrailingZeros64(x)>>3
		}
		s += 8
		t += 8
	}
	for s < len(b) && b[s] == b[t] {
		s++
		t++
	}
	return s - from
}
