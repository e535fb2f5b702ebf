package encode

import (
	"strconv"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

// A jsonWriter appends JSON. Commas come by themselves.
type jsonWriter struct{ b []byte }

func (w *jsonWriter) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' {
		w.b = append(w.b, ',')
	}
}

// key begins a member. The name needs no escapes.
func (w *jsonWriter) key(name string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *jsonWriter) open(name string)     { w.key(name); w.b = append(w.b, '{') }
func (w *jsonWriter) openList(name string) { w.key(name); w.b = append(w.b, '[') }
func (w *jsonWriter) element()             { w.comma(); w.b = append(w.b, '{') }
func (w *jsonWriter) close()               { w.b = append(w.b, '}') }
func (w *jsonWriter) closeList()           { w.b = append(w.b, ']') }

// raw writes a value as it stands, unless it is missing.
func (w *jsonWriter) raw(name string, v ecsdoc.Value) {
	if len(v) > 0 {
		w.key(name)
		w.b = append(w.b, v...)
	}
}

func (w *jsonWriter) number(name string, n int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

// constant writes a text that needs no escapes.
func (w *jsonWriter) constant(name, value string) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = append(w.b, value...)
	w.b = append(w.b, '"')
}

// text writes any text, unless it is empty.
func (w *jsonWriter) text(name, value string) {
	if value == "" {
		return
	}
	w.key(name)
	w.b = appendQuoted(w.b, value)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends a text as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c >= utf8.RuneSelf:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i += size
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
