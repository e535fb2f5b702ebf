package encode

import (
	"strconv"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
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
	w.b = event.AppendQuoted(w.b, value)
}
