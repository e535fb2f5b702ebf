package encode

import (
	"bytes"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// raw is the record as the source gave it: the text in event.original. An event
// whose original was not kept is written as its document.
type raw struct{}

func (raw) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	original := originalOf(e.Doc)
	if original == nil {
		return e.AppendDoc(dst, d), nil
	}
	from := len(dst)
	dst = original.AppendText(dst)
	if bytes.IndexByte(dst[from:], '\n') >= 0 || bytes.IndexByte(dst[from:], '\r') >= 0 { // JSON spread over lines: a sink ends events by line breaks
		oneLine(dst[from:])
	}
	return dst, nil
}

// originalOf finds event.original at the beginning of a document, where
// normalize puts it; nil where there is none.
func originalOf(doc []byte) ecsdoc.Value {
	const head = `{"event":{"original":`
	if !bytes.HasPrefix(doc, []byte(head)) {
		return nil
	}
	return ecsdoc.StringAt(doc, len(head))
}

// oneLine replaces line breaks by spaces. Inside JSON strings there are none, so
// that a JSON record keeps its meaning.
func oneLine(b []byte) {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b[i] = ' '
		}
	}
}
