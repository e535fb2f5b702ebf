package kafka

import (
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// Only a batch without records moves the offset on: compaction leaves those. An
// answer without a whole batch says nothing of the record asked for.
func TestNextOffset(t *testing.T) {
	for name, c := range map[string]struct {
		records protocol.RecordReader
		next    int64
	}{
		"nothing":         {nil, 7},
		"no whole batch":  {&protocol.RecordStream{}, 7},
		"an empty batch":  {&protocol.RecordStream{Records: []protocol.RecordReader{protocol.NewRecordReader()}}, 8},
		"a record":        {protocol.NewRecordReader(protocol.Record{Offset: 9}), 10},
		"a record before": {protocol.NewRecordReader(protocol.Record{Offset: 3}), 8},
	} {
		t.Run(name, func(t *testing.T) {
			part := fetch.ResponsePartition{RecordSet: protocol.RecordSet{Records: c.records}}
			next, _, err := new(arena).add(partition{}, 7, "", &part)
			if err != nil || next != c.next {
				t.Errorf("next offset %d (%v), want %d", next, err, c.next)
			}
		})
	}
}
