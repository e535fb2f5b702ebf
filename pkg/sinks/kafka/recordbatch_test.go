package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
)

var at = time.UnixMilli(1_790_000_000_123).UTC()

// kafka-go's reader checks the lengths and the checksum.
func decode(t *testing.T, raw []byte) (protocol.RecordSet, *protocol.RecordBatch) {
	t.Helper()
	var rs protocol.RecordSet
	if _, err := rs.ReadFrom(bytes.NewReader(raw)); err != nil {
		t.Fatalf("read back: %v", err)
	}
	stream, ok := rs.Records.(*protocol.RecordStream)
	if !ok || len(stream.Records) != 1 {
		t.Fatalf("read back %T with %v", rs.Records, stream)
	}
	return rs, stream.Records[0].(*protocol.RecordBatch)
}

func TestRecordBatchReadsBack(t *testing.T) {
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			c, err := codec(name)
			if err != nil {
				t.Fatal(err)
			}
			rb := new(recordBatch)
			rb.reset(0)
			for i := range 300 {
				rb.add(at.Add(time.Duration(150-i)*time.Second), fmt.Sprint("key", i), []byte(strings.Repeat("v", i*7)),
					[]header{{"ce_id", []byte(fmt.Sprint(i))}, {"empty", nil}})
			}
			raw, err := rb.seal(c, identity{transactional: true, producer: 77, epoch: 3}, 41)
			if err != nil {
				t.Fatal(err)
			}
			rs, batch := decode(t, raw)
			if !rs.Attributes.Transactional() || batch.ProducerID != 77 || batch.ProducerEpoch != 3 || batch.BaseSequence != 41 {
				t.Errorf("read back producer %d/%d from %d, attributes %v", batch.ProducerID, batch.ProducerEpoch, batch.BaseSequence, rs.Attributes)
			}
			for i := range 300 {
				r, err := batch.ReadRecord()
				if err != nil {
					t.Fatalf("record %d: %v", i, err)
				}
				key, _ := protocol.ReadAll(r.Key)
				value, _ := protocol.ReadAll(r.Value)
				if want := fmt.Sprint("key", i); string(key) != want || len(value) != i*7 {
					t.Errorf("record %d: key %q and %d bytes", i, key, len(value))
				}
				if want := at.Add(time.Duration(150-i) * time.Second); !r.Time.Equal(want) {
					t.Errorf("record %d: time %v, want %v", i, r.Time, want)
				}
				if len(r.Headers) != 2 || r.Headers[0].Key != "ce_id" || string(r.Headers[0].Value) != fmt.Sprint(i) {
					t.Errorf("record %d: headers %v", i, r.Headers)
				}
			}
			if _, err := batch.ReadRecord(); !errors.Is(err, io.EOF) {
				t.Errorf("after the last record: %v", err)
			}
		})
	}
}

func TestPlainRecordBatchHasNoProducer(t *testing.T) {
	rb := new(recordBatch)
	rb.reset(0)
	rb.add(at, "k", []byte("v"), nil)
	raw, err := rb.seal(compress.None, identity{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	rs, batch := decode(t, raw)
	if rs.Attributes.Transactional() || batch.ProducerID != -1 || batch.ProducerEpoch != -1 || batch.BaseSequence != -1 {
		t.Errorf("got producer %d/%d from %d", batch.ProducerID, batch.ProducerEpoch, batch.BaseSequence)
	}
}

func TestVarintSize(t *testing.T) {
	for _, v := range []int64{0, -1, 1, 63, 64, -64, -65, 8191, 8192, math.MaxInt32, math.MinInt64, math.MaxInt64} {
		if got, want := varintSize(v), len(binary.AppendVarint(nil, v)); got != want {
			t.Errorf("varintSize(%d) = %d, want %d", v, got, want)
		}
	}
}

func TestSequenceNumbersWrap(t *testing.T) {
	p := &producer{sequences: map[int32]int32{4: math.MaxInt32 - 1}}
	p.advance(4, 3)
	if got := p.sequences[4]; got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}
