package encode

import (
	"bytes"
	"unicode/utf8"
	"unsafe"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

// CEF and LEEF are lines of text for people and for parsers that split at single
// characters. So what a value may hold is made harmless first, and then escaped:
//
//   - line breaks, U+0085, U+2028 and U+2029 included, become one line feed;
//   - a tab becomes a blank; other control characters go;
//   - the characters that change the direction of the text around them go: they
//     can make a console show another name than the one that is there;
//   - what is not UTF-8 becomes U+FFFD;
//   - blanks at both ends go;
//   - what is longer than the field may be is cut, between characters.

// A dialect appends one character of a clean value, with its escapes.
type dialect func(dst []byte, c byte) []byte

// cefValue escapes the value of a CEF extension.
func cefValue(dst []byte, c byte) []byte {
	switch c {
	case '\\', '=':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	}
	return append(dst, c)
}

// cefHeader escapes a field of a CEF header, which knows no line breaks.
func cefHeader(dst []byte, c byte) []byte {
	switch c {
	case '\\', '|':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, ' ')
	}
	return append(dst, c)
}

// leefValue makes a LEEF value, which knows no escapes: the delimiter, a tab,
// has become a blank already.
func leefValue(dst []byte, c byte) []byte {
	if c == '\n' {
		c = ' '
	}
	return append(dst, c)
}

// leefHeader makes a field of a LEEF header.
func leefHeader(dst []byte, c byte) []byte {
	if c == '\n' || c == '|' {
		c = ' '
	}
	return append(dst, c)
}

// appendValue appends a JSON value's text, cleaned, cut and escaped.
func (r *record) appendValue(dst []byte, v ecsdoc.Value, limit int, write dialect) []byte {
	if !v.IsString() {
		return appendClean(dst, v, limit, write)
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return appendClean(dst, inner, limit, write)
	}
	from := len(r.scratch)
	r.scratch = ecsdoc.AppendUnescaped(r.scratch, inner)
	dst = appendClean(dst, r.scratch[from:], limit, write)
	r.scratch = r.scratch[:from]
	return dst
}

// appendClean appends a text, cleaned, cut to limit bytes and escaped. The limit
// counts before escapes, so that none is cut.
func appendClean(dst, s []byte, limit int, write dialect) []byte {
	s = bytes.TrimSpace(s)
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = bytes.TrimSpace(s[:limit])
	}
	for i := 0; i < len(s); {
		run := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		if dst = append(dst, s[run:i]...); i == len(s) {
			break
		}
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			ru, size := utf8.DecodeRune(s[i:])
			dst = appendRune(dst, ru, write)
			i += size
			continue
		case c == '\t':
			dst = write(dst, ' ')
		case c == '\r':
			if i+1 == len(s) || s[i+1] != '\n' {
				dst = write(dst, '\n')
			}
		case c == '\n', c >= ' ' && c != 0x7f:
			dst = write(dst, c)
		}
		i++
	}
	return dst
}

// plain are the characters that every dialect takes as they are.
var plain = func() (p [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		p[c] = c != '\\' && c != '=' && c != '|'
	}
	return p
}()

// view gives the bytes of a text without copying them. They must not be changed.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) } //nolint:gosec // only read

func appendRune(dst []byte, r rune, write dialect) []byte {
	switch {
	case r == 0x85, r == 0x2028, r == 0x2029:
		return write(dst, '\n')
	case r < 0xa0, // C1 controls
		r == 0x200e, r == 0x200f, r == 0x61c, // marks of direction
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // embeddings, overrides, isolates
		return dst
	}
	return utf8.AppendRune(dst, r)
}
