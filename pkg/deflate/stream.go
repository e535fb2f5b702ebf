package deflate

import "encoding/binary"

// stream writes window[from:] in the codes of the block that is begun, as it is
// searched: one pass, where finding and writing apart take three. Every symbol
// must have a code.
func (w *writer) stream(f *finder, window []byte, from int) {
	at := len(w.out)
	w.out = grow(w.out, 2*(len(window)-from)+64)
	var (
		out, held, n = w.out, w.held, w.n
		s, done      = from, from
		limit        = len(window) - leastMatch
		base         = f.base
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
		end := s + leastMatch + equal(window, s+leastMatch, s+leastMatch-int(distance))
		if s-done >= 1<<skipShift { // positions were skipped
			for s > done && s > int(distance) && window[s-1] == window[s-1-int(distance)] {
				s--
			}
		}
		for _, c := range window[done:s] {
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
		class, extra := classOf(distance-1, 1)
		k := w.dists[class]
		far := uint64(k.bits) | uint64(distance-1)&(1<<extra-1)<<k.n
		farN := uint(k.n) + uint(extra)
		for length := end - s; length > 0; {
			part := length
			if part > maxLength {
				part = min(maxLength, length-3)
			}
			length -= part
			binary.LittleEndian.PutUint64(out[at:], held)
			at += int(n >> 3)
			held >>= n &^ 7 & 63
			n &= 7
			q := w.lengths[part]
			held |= uint64(q.bits)<<n | far<<((n+uint(q.n))&63)
			n += uint(q.n) + farN
			binary.LittleEndian.PutUint64(out[at:], held)
			at += int(n >> 3)
			held >>= n &^ 7 & 63
			n &= 7
		}
		s, done = end, end
		if end <= limit {
			p := end - 2
			f.table[hash(load(window, p))] = uint32(p) + base // #nosec G115 -- a window is small
		}
	}
	for _, c := range window[done:] {
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
	w.out, w.held, w.n = out[:at], held, n
	w.flush()
}
