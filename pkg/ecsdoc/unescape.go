package ecsdoc

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnescaped appends the text of a JSON string, given without its quotes.
// What JSON does not know as an escape is kept as it stands; half a surrogate
// pair becomes U+FFFD.
func AppendUnescaped(dst, s []byte) []byte {
	dst = slices.Grow(dst, len(s)+8) // a text is never longer than its escapes; 8 for the last word
	d, n := dst[len(dst):cap(dst)], 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			word := binary.LittleEndian.Uint64(s[i:])
			binary.LittleEndian.PutUint64(d[n:], word)
			read, left := 8, zeroBytes(word^backslashes)
			if left>>63 != 0 { // it goes on in the next word
				read, left = 7, left<<1>>1
			}
			if left<<8&^zeroBytes(word^quotes) == 0 { // nothing but escaped quotes
				i += read
				for ; left != 0; left &= left - 1 {
					at := bits.TrailingZeros64(left) &^ 7
					binary.LittleEndian.PutUint64(d[n+at/8:], word>>(at+8))
					n--
				}
				n += read
				continue
			}
		}
		if s[i] != '\\' {
			d[n] = s[i]
			i, n = i+1, n+1
			continue
		}
		read, written := unescape(d[n:], s[i:])
		i, n = i+read, n+written
	}
	return dst[:len(dst)+n]
}

// unescape writes what the escape that s begins with stands for, and says how
// much it read and wrote.
func unescape(d, s []byte) (read, written int) {
	if len(s) < 2 {
		return copy(d, s), len(s)
	}
	if c := simpleEscape[s[1]]; c != 0 {
		d[0] = c
		return 2, 1
	}
	if s[1] == 'u' {
		if r, n := unescapeUnicode(s); n > 0 {
			return n, utf8.EncodeRune(d, r)
		}
	}
	return copy(d, s[:2]), 2
}

var simpleEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescapeUnicode reads \uXXXX, or two of them that make a surrogate pair, and
// says how many bytes that took; 0 where it is not one.
func unescapeUnicode(s []byte) (rune, int) {
	r := hex4(s)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 {
		if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads \uXXXX; -1 where it is not one.
func hex4(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
