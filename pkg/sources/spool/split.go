package spool

import (
	"bytes"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/event"
)

// Why a record is unreadable.
const (
	tooLong = "too_long"
	notUTF8 = "not_utf8"
	damaged = "damaged" // compressed content that cannot be decompressed
)

// keptOfLong is how much of a line that is too long goes with its dead letter.
const keptOfLong = 64 << 10

var byteOrderMark = []byte("\xef\xbb\xbf")

// split appends the complete lines in data to the records, at most maxRecords
// of them, and returns them and the number of bytes that they took. data starts
// at offset in the file name, at the start of a line. The records share data's
// memory. It allocates only to lengthen records.
func split(records []event.Record, data []byte, name string, offset int64, maxLine int) ([]event.Record, int) {
	used := 0
	for used < len(data) && len(records) < maxRecords {
		if data[used] == 0 { // a hole that a truncation left under a writer that does not append
			hole := len(data) - used - len(bytes.TrimLeft(data[used:], "\x00"))
			if used+hole == len(data) {
				break // it may not have been written yet
			}
			used += hole
			continue
		}
		n := bytes.IndexByte(data[used:], '\n')
		if n < 0 {
			break
		}
		records = appendLine(records, data[used:used+n], name, offset+int64(used), maxLine)
		used += n + 1
	}
	return records, used
}

// appendLine appends the record of one line without its line feed; nothing
// where it is blank.
func appendLine(records []event.Record, line []byte, name string, offset int64, maxLine int) []event.Record {
	line = bytes.TrimLeft(line, "\x00")
	if offset == 0 {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 || line[0] <= ' ' && len(bytes.TrimSpace(line)) == 0 {
		return records
	}
	r := event.Record{Raw: line, Origin: event.Origin{Name: name, Offset: offset}}
	switch {
	case len(line) > maxLine:
		r.Raw, r.Unreadable = line[:min(len(line), keptOfLong)], tooLong
	case !utf8.Valid(line):
		r.Unreadable = notUTF8
	}
	return append(records, r)
}
