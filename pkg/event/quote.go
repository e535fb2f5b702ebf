package event

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// AppendQuoted appends s to dst as a JSON string, with its quotes and without
// line breaks, and returns the result. Bytes that are no UTF-8 become U+FFFD.
func AppendQuoted[T string | []byte](dst []byte, s T) []byte {
	b := []byte(s)
	if !utf8.Valid(b) {
		b = []byte(string([]rune(string(b))))
	}
	return append(AppendEscaped(append(dst, '"'), b), '"')
}

// AppendEscaped appends src, which is UTF-8, to dst as the inside of a JSON
// string, escaping only what must be.
//
// A record is a quote every few bytes, so what counts is the wait from one to
// the next: words of eight bytes are read at fixed places, and what follows an
// escape is stored once more behind it, wherever the next one is.
func AppendEscaped(dst, src []byte) []byte {
	dst = slices.Grow(dst, 2*len(src)+16)
	d, out := len(dst), dst[:cap(dst)]
	for len(src) >= 8 {
		w := binary.LittleEndian.Uint64(src)
		if control(w) != 0 {
			out = appendEscapedSlow(out[:d], src[:8])
			out = slices.Grow(out, 2*len(src)+16)
			d, out = len(out), out[:cap(out)]
			src = src[8:]
			continue
		}
		binary.LittleEndian.PutUint64(out[d:], w)
		for m := quotes(w); m != 0; m &= m - 1 {
			at := bits.TrailingZeros64(m) &^ 7
			rest := out[d+at/8:]
			rest[0] = '\\'
			binary.LittleEndian.PutUint64(rest[1:], w>>(at&63))
			d++
		}
		d += 8
		src = src[8:]
	}
	return appendEscapedSlow(out[:d], src)
}

func appendEscapedSlow(dst, src []byte) []byte {
	for _, c := range src {
		switch {
		case c < ' ':
			dst = appendControl(dst, c)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// control is not 0 where one of eight bytes is a control character.
func control(w uint64) uint64 { return (w - ones*' ') &^ w & tops }

// quotes marks, by its top bit, each of eight bytes that is a quote or a
// backslash.
func quotes(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	quote = (quote&^tops + ^uint64(tops)) | quote
	slash = (slash&^tops + ^uint64(tops)) | slash
	return ^(quote & slash) & tops
}

func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
