package kafka

import (
	"strconv"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// offsetsOf reads a position: the offset to read next, by partition. Parts that
// are not ours are left alone.
func offsetsOf(p event.Position) map[partition]int64 {
	next := make(map[partition]int64, len(p))
	for part, bookmark := range p {
		topic, number, ok := strings.Cut(part, "/")
		n, err := strconv.ParseInt(number, 10, 32)
		offset, err2 := strconv.ParseInt(string(bookmark), 10, 64)
		if !ok || err != nil || err2 != nil || offset < 0 {
			continue
		}
		next[partition{topic, int32(n)}] = offset
	}
	return next
}

// bookmark is the value of a position's part.
func bookmark(offset int64) []byte { return strconv.AppendInt(nil, offset, 10) }
