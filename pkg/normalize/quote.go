package normalize

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A text is what stands between the quotes of a JSON string, as it is written
// there, escapes and all: it goes from one JSON text into another as it is.
type text []byte

// appendQuoted appends src to dst as the inside of a JSON string, escaping only
// what must be. src is UTF-8.
func appendQuoted(dst, src []byte) []byte {
	dst = slices.Grow(dst, 2*len(src)+8)
	d, i := len(dst), 0
	out := dst[:cap(dst)]
	for i < len(src) {
		if i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(out[d:], w)
			m := special(w)
			if m == 0 {
				i, d = i+8, d+8
				continue
			}
			n := bits.TrailingZeros64(m) >> 3
			i, d = i+n, d+n
		}
		c := src[i]
		i++
		switch {
		case c >= ' ' && c != '"' && c != '\\':
			out[d] = c
			d++
		case c >= ' ':
			out[d], out[d+1] = '\\', c
			d += 2
		default:
			out = slices.Grow(appendControl(out[:d], c), 2*(len(src)-i)+8)
			d = len(out)
			out = out[:cap(out)]
		}
	}
	return out[:d]
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

// appendString appends any string as a JSON string with its quotes. What is not
// UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	b := []byte(s)
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	dst = append(dst, '"')
	dst = appendQuoted(dst, b)
	return append(dst, '"')
}

// appendPlain appends what t says, without escapes.
func (t text) appendPlain(dst []byte) []byte {
	for {
		i := bytes.IndexByte(t, '\\')
		if i < 0 {
			return append(dst, t...)
		}
		dst = append(dst, t[:i]...)
		t = t[i+1:]
		switch t[0] {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r, _ := hex4(t, 1)
			t = t[4:]
			if utf16.IsSurrogate(rune(r)) {
				low, _ := hex4(t, 3)
				both := utf16.DecodeRune(rune(r), rune(low))
				if both != utf8.RuneError {
					t = t[6:]
				}
				dst = utf8.AppendRune(dst, both)
			} else {
				dst = utf8.AppendRune(dst, rune(r))
			}
		default: // " \ /
			dst = append(dst, t[0])
		}
		t = t[1:]
	}
}

// view lets a string share b's memory, which must not be changed any more.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // a copy for every envelope field is what this saves; the contract of Normalize covers it
}
