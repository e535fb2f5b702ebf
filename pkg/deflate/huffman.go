package deflate

import (
	"math/bits"
	"slices"
)

// code is how a symbol is written: its bits, the first one lowest.
type code struct {
	bits uint16
	n    uint8 // how many; 0: the symbol does not occur
}

// coder makes Huffman codes. Its memory is used again.
type coder struct {
	order []uint64 // frequency<<16 | symbol, rarest first
	depth []uint32 // works in place: weights, then parents, then depths
}

// assign fills codes with the best prefix code for freq that has no code longer
// than limit bits. Two symbols at least are given codes, since a code of one
// alone is not understood by every reader.
func (c *coder) assign(codes []code, freq []uint32, limit int) {
	clear(codes)
	c.order = c.order[:0]
	for s, n := range freq {
		if n > 0 {
			c.order = append(c.order, uint64(n)<<16|uint64(s)) // #nosec G115 -- an index
		}
	}
	for s := 0; len(c.order) < 2; s++ {
		if freq[s] == 0 {
			c.order = append(c.order, 1<<16|uint64(s)) // #nosec G115 -- an index
		}
	}
	slices.Sort(c.order)
	lengths := c.lengths(limit)
	// The rarest symbols get the longest codes.
	i := 0
	for n := limit; n > 0; n-- {
		for range lengths[n] {
			codes[c.order[i]&0xffff].n = uint8(n) // #nosec G115 -- limit is small
			i++
		}
	}
	var next [16]uint16
	var at uint16
	for n := 1; n <= limit; n++ {
		at = (at + lengths[n-1]) << 1
		next[n] = at
	}
	for s := range codes {
		if n := codes[s].n; n > 0 {
			codes[s].bits = bits.Reverse16(next[n]) >> (16 - n)
			next[n]++
		}
	}
}

// lengths returns how many symbols of c.order have a code of how many bits, by
// the in-place algorithm of Moffat and Katajainen (1995).
func (c *coder) lengths(limit int) (count [16]uint16) {
	n := len(c.order)
	c.depth = slices.Grow(c.depth[:0], n)[:n]
	w := c.depth
	for i, o := range c.order {
		w[i] = uint32(o >> 16) // #nosec G115 -- as it was put in
	}
	merge(w)
	// Parents to depths of the inner nodes, from the root down.
	w[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		w[i] = w[w[i]] + 1
	}
	// How many leaves there are at each depth.
	avail, used, inner := 1, 0, n-2
	for depth := 0; avail > 0; depth++ {
		for inner >= 0 && w[inner] == uint32(depth) { // #nosec G115 -- small
			used++
			inner--
		}
		count[min(depth, limit)] += uint16(avail - used) // #nosec G115 -- at most the symbols
		avail, used = 2*used, 0
	}
	shorten(&count, limit)
	return count
}

// merge replaces weights, in rising order, by the parents of the inner nodes of
// their Huffman tree, the root last but one.
func merge(w []uint32) {
	leaf, root := 0, 0
	take := func(next int) uint32 {
		if leaf >= len(w) || root < next && w[root] < w[leaf] {
			v := w[root]
			w[root] = uint32(next) // #nosec G115 -- an index
			root++
			return v
		}
		v := w[leaf]
		leaf++
		return v
	}
	for next := range len(w) - 1 {
		a := take(next)
		w[next] = a + take(next)
	}
}

// shorten mends a code whose longest words were cut to limit bits: pairs of them
// take the place of shorter words until all fit.
func shorten(count *[16]uint16, limit int) {
	total := 0
	for n := 1; n <= limit; n++ {
		total += int(count[n]) << (limit - n)
	}
	for ; total > 1<<limit; total-- {
		count[limit]--
		n := limit - 1
		for count[n] == 0 {
			n--
		}
		count[n]--
		count[n+1] += 2
	}
}
