package normalize

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A text is what stands between the quotes of a JSON string, as it is written
// there, escapes and all: it goes from one JSON text into another as it is.
type text []byte

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
