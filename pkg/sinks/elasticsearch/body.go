package elasticsearch

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

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
	name := []byte(index)
	for i := range b.Items {
		item := &b.Items[i]
		line = append(line[:0], `{"create":{"_id":`...)
		line = appendID(line, item.Event.ID)
		if t.layout != "" {
			if name = t.appendName(name[:0], item.Event.Occurred); string(name) != index {
				line = append(line, `,"_index":`...)
				line = appendQuoted(line, string(name))
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

// appendID appends the _id for an event id, as JSON. One that is too long is
// replaced by its hash, which is as unique.
func appendID(dst []byte, id string) []byte {
	if len(id) <= maxID {
		return appendQuoted(dst, id)
	}
	sum := sha256.Sum256([]byte(id))
	dst = append(dst, `"sha256-`...)
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, '"')
}

// appendQuoted appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&0xf])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
