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
//
// A record is a quote every few bytes, so what counts is the wait from one to
// the next: words of eight bytes are read at fixed places, and a word is stored
// again, shifted, after each backslash that was put in.
func appendQuoted(dst, src []byte) []byte {
	dst = slices.Grow(dst, 2*len(src)+16)
	d, out := len(dst), dst[:cap(dst)]
	for len(src) >= 8 {
		w := binary.LittleEndian.Uint64(src)
		if control(w) != 0 {
			out = appendQuotedSlow(out[:d], src[:8])
			out = slices.Grow(out, 2*len(src)+16)
			d, out = len(out), out[:cap(out)]
			src = src[8:]
			continue
		}
		left := 8
		for m := quotes(w); m != 0; m &= m - 1 {
			n := bits.TrailingZeros64(m)>>3 - (8 - left)
			binary.LittleEndian.PutUint64(out[d:], w)
			out[d+n] = '\\'
			d += n + 1
			left -= n
			w >>= n * 8 & 63
		}
		binary.LittleEndian.PutUint64(out[d:], w)
		d += left
		src = src[8:]
	}
	return appendQuotedSlow(out[:d], src)
}

func appendQuotedSlow(dst, src []byte) []byte {
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
			if utf16.IsSurrogate(r) {
				low, _ := hex4(t, 3)
				both := utf16.DecodeRune(r, low)
				if both != utf8.RuneError {
					t = t[6:]
				}
				dst = utf8.AppendRune(dst, both)
			} else {
				dst = utf8.AppendRune(dst, r)
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
