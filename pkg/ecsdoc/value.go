package ecsdoc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A Value is the JSON text of one value; nil where there is none.
type Value []byte

// IsString is true for a JSON string.
func (v Value) IsString() bool { return len(v) >= 2 && v[0] == '"' }

// IsList is true for a JSON array.
func (v Value) IsList() bool { return len(v) > 0 && v[0] == '[' }

// IsObject is true for a JSON object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// Empty is true where the value is missing, null, "", [] or {}.
func (v Value) Empty() bool {
	switch len(v) {
	case 0:
		return true
	case 2:
		return v[0] == '"' || v[0] == '[' || v[0] == '{'
	case 4:
		return v[0] == 'n'
	}
	return false
}

// Text gives a string's text, or the JSON text of another value; "" where there
// is none. It shares the document's memory unless the string has escapes: it is
// good only as long as the document.
func (v Value) Text() string {
	if v.Empty() {
		return ""
	}
	if !v.IsString() {
		return unsafe.String(&v[0], len(v)) //nolint:gosec // documents are never changed
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return unsafe.String(&inner[0], len(inner)) //nolint:gosec // as above
	}
	text := AppendUnescaped(make([]byte, 0, len(inner)+8), inner)
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // nobody else has it
}

// AppendText appends what Text would give.
func (v Value) AppendText(dst []byte) []byte {
	if v.Empty() {
		return dst
	}
	if !v.IsString() {
		return append(dst, v...)
	}
	return AppendUnescaped(dst, v[1:len(v)-1])
}

// Number gives a number's value, and a string's where it holds a number; 0
// otherwise.
func (v Value) Number() float64 {
	text := v.Text()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return f
}

// Bool is true for true and "true".
func (v Value) Bool() bool { return v.Text() == "true" }

// Elements calls yield for the elements of an array, and once for any other
// value that is not missing or null, until yield returns false.
func (v Value) Elements(yield func(Value) bool) {
	if !v.IsList() {
		if len(v) > 0 && v[0] != 'n' {
			yield(v)
		}
		return
	}
	i := skipSpace(v, 1)
	for i < len(v) && v[i] != ']' {
		end := skipValue(v, i)
		if end < 0 || !yield(v[i:end]) {
			return
		}
		if i = skipSpace(v, end); i < len(v) && v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

// Members calls yield for the members of an object, with the name as it stands
// in the document, until yield returns false.
func (v Value) Members(yield func(name []byte, value Value) bool) {
	if !v.IsObject() {
		return
	}
	i := skipSpace(v, 1)
	for i < len(v) && v[i] == '"' {
		end := skipString(v, i)
		if end < 0 {
			return
		}
		name := v[i+1 : end-1]
		if i = skipSpace(v, end); i >= len(v) || v[i] != ':' {
			return
		}
		i = skipSpace(v, i+1)
		if end = skipValue(v, i); end < 0 || !yield(name, v[i:end]) {
			return
		}
		if i = skipSpace(v, end); i < len(v) && v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

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

// StringAt gives the JSON string that begins at offset i of doc; nil where there
// is none.
func StringAt(doc []byte, i int) Value {
	if i >= len(doc) || doc[i] != '"' {
		return nil
	}
	end := skipString(doc, i)
	if end < 0 {
		return nil
	}
	return doc[i:end]
}
