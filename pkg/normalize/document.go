package normalize

import (
	"encoding/hex"

	"github.com/shiplog/shiplog/pkg/event"
)

// A doc writes the ECS document, front to back, into one buffer. Members are
// written with their comma in front; open and closed objects cost nothing else.
type doc struct {
	b []byte
}

// open begins an object member: ,"name":{
func (d *doc) open(name string) int {
	d.b = append(d.b, name...)
	return len(d.b)
}

// close ends an object that was opened at mark with its head, or takes the head
// away again where nothing was put in.
func (d *doc) close(mark int, head string) {
	if len(d.b) == mark {
		d.b = d.b[:mark-len(head)]
		return
	}
	d.b = append(d.b, '}')
}

// text writes a text member unless it is empty: key is its name with quotes and
// colon.
func (d *doc) text(key string, t text) {
	if len(t) == 0 {
		return
	}
	d.comma()
	d.b = append(d.b, key...)
	d.b = append(d.b, '"')
	d.b = append(d.b, t...)
	d.b = append(d.b, '"')
}

// raw writes a member whose value is JSON already, unless it is empty.
func (d *doc) raw(key string, value []byte) {
	if len(value) == 0 {
		return
	}
	d.comma()
	d.b = append(d.b, key...)
	d.b = append(d.b, value...)
}

// comma separates from what is before, unless an object or array just began.
func (d *doc) comma() {
	if c := d.b[len(d.b)-1]; c != '{' && c != '[' {
		d.b = append(d.b, ',')
	}
}

// head writes the beginning of every document, up to the hash:
// {"event":{"original":"…","hash":"…".
func (d *doc) head(raw []byte, hash *[32]byte) {
	d.b = append(d.b, `{"event":{"original":"`...)
	d.b = event.AppendEscaped(d.b, raw)
	d.b = append(d.b, `","hash":"`...)
	d.b = hex.AppendEncode(d.b, hash[:])
	d.b = append(d.b, '"')
}

// tail writes the shiplog member, which ends every document. record is a
// generic record, as JSON; nil where all of it has a place.
func (d *doc) tail(source []byte, rec *event.Record, record []byte, depth int) {
	d.b = append(d.b, `,"shiplog":{"source":`...)
	d.b = append(d.b, source...)
	if rec.Late {
		d.b = append(d.b, `,"late":true`...)
	}
	if len(rec.Attributes) > 0 {
		d.b = append(d.b, `,"attributes":[`...)
		for _, a := range rec.Attributes {
			d.comma()
			d.b = append(d.b, `{"name":`...)
			d.b = event.AppendQuoted(d.b, a.Name)
			d.b = append(d.b, `,"value":`...)
			d.b = event.AppendQuoted(d.b, a.Value)
			d.b = append(d.b, '}')
		}
		d.b = append(d.b, ']')
	}
	d.flattened(`"record":`, record, depth)
	d.b = append(d.b, '}', '}')
}

// flattened writes an open-ended value as a member whose value is an object that
// is not nested too deeply to be indexed.
func (d *doc) flattened(key string, value []byte, depth int) {
	switch {
	case len(value) == 0:
		return
	case value[0] == '{' && depth <= maxFlat:
		d.raw(key, value)
		return
	}
	d.comma()
	d.b = append(d.b, key...)
	if depth > maxFlat {
		d.b = append(d.b, `{"text":"`...)
		d.b = event.AppendEscaped(d.b, value)
		d.b = append(d.b, '"', '}')
		return
	}
	d.b = append(d.b, '{')
	d.raw(`"value":`, value)
	d.b = append(d.b, '}')
}
