package splunkhec

import (
	"bytes"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// envelope writes events as the collector's event endpoint takes them.
type envelope struct {
	constant []byte // from host to the fields that are the same for all
	text     bool   // events are texts, which JSON has in quotes
}

func newEnvelope(c Config, host string, deps sinks.Deps) envelope {
	var b []byte
	for _, key := range [...]struct{ name, value string }{
		{"host", host}, {"source", c.Source}, {"sourcetype", c.Sourcetype}, {"index", c.Index},
	} {
		if key.value == "" { // the token's own
			continue
		}
		b = append(b, `,"`...)
		b = append(b, key.name...)
		b = append(b, `":`...)
		b = event.AppendQuoted(b, key.value)
	}
	b = append(b, `,"fields":{`...)
	for _, field := range [...]struct{ name, value string }{{"shiplog_agent", deps.Agent}, {"shiplog_journal", deps.Journal}} {
		if field.value != "" {
			b = append(append(append(b, '"'), field.name...), '"', ':')
			b = append(event.AppendQuoted(b, field.value), ',')
		}
	}
	b = append(b, `"shiplog_id":`...)
	text := c.Format == "cef" || c.Format == "leef" || c.Format == "raw"
	return envelope{constant: b, text: text}
}

// write writes the envelopes of a batch, a line each.
func (e envelope) write(w *transport.Body, items []sinks.Item) {
	line := make([]byte, 0, 512)
	for i := range items {
		line = e.appendHead(line[:0], &items[i])
		_, _ = w.Write(line)
		_, _ = w.Write(e.value(items[i].Body))
		_, _ = w.Write(end)
	}
}

var end = []byte("}\n")

// value is the event as JSON: its body, but for a text without quotes, as a dead
// letter of an earlier version is.
func (e envelope) value(body []byte) []byte {
	if !e.text || bytes.HasPrefix(body, []byte{'"'}) {
		return body
	}
	return event.AppendQuoted(nil, body)
}

// appendHead appends everything that comes before the event itself. Indexed
// fields are texts: Splunk refuses numbers there. Their names are our own, for
// a field that is indexed and also found in the event would have its value
// twice.
func (e envelope) appendHead(dst []byte, item *sinks.Item) []byte {
	dst = append(dst, `{"time":`...)
	dst = appendSeconds(dst, item.Event.Occurred)
	dst = append(dst, e.constant...)
	dst = event.AppendQuoted(dst, item.Event.ID)
	dst = append(dst, `,"shiplog_sequence":"`...)
	dst = strconv.AppendUint(dst, item.Event.Sequence, 10)
	dst = append(dst, `","shiplog_delivery":"`...)
	dst = strconv.AppendUint(dst, item.Number, 10)
	return append(dst, `"},"event":`...)
}

// appendSeconds appends a time as Splunk stores it: seconds since 1970, with
// microseconds. A time before that, which Splunk does not take, is 0.
func appendSeconds(dst []byte, t time.Time) []byte {
	micro := max(t.UnixMicro(), 0)
	dst = strconv.AppendInt(dst, micro/1e6, 10)
	dst = append(dst, '.')
	for digit := int64(1e5); digit > 0; digit /= 10 {
		dst = append(dst, byte('0'+micro/digit%10))
	}
	return dst
}
