package elasticsearch

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// maxID is the longest _id that the servers take, in bytes.
const maxID = 512

// writeBulk writes the batch as a bulk request to the index that it returns. An
// item names its index only where that is another one.
func writeBulk(w *transport.Body, t target, b sinks.Batch) (index string) {
	index = t.name(b.Items[0].Event.Occurred)
	line := make([]byte, 0, 160)
	name, of := []byte(index), hour(b.Items[0].Event)
	for i := range b.Items {
		item := &b.Items[i]
		line = append(line[:0], `{"create":{"_id":`...)
		line = event.AppendQuoted(line, documentID(item.Event.ID))
		if t.layout != "" {
			if h := hour(item.Event); h != of {
				name, of = t.appendName(name[:0], item.Event.Occurred), h
			}
			if string(name) != index {
				line = append(line, `,"_index":`...)
				line = event.AppendQuoted(line, name)
			}
		}
		line = append(line, "}}\n"...)
		_, _ = w.Write(line)
		_, _ = w.Write(item.Body)
		_, _ = w.Write(newline)
	}
	return index
}

var newline = []byte{'\n'}

// hour numbers the hours: no name has a finer date.
func hour(e *event.Event) int64 {
	const seconds = 3600
	at := e.Occurred.Unix()
	if at < 0 {
		at -= seconds - 1
	}
	return at / seconds
}

// documentID is the _id for an event id. One that is too long is replaced by
// its hash, which is as unique.
func documentID(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}
