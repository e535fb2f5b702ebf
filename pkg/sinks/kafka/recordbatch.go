package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

// The record batch, version 2, as org.apache.kafka.common.record.DefaultRecordBatch
// lays it out. kafka-go can write one too, but not the identity of a producer
// into it, which transactions need, and not without a copy of every record.
const (
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21 // the checksum begins here
	atLastOffsetDelta = 23
	atFirstTimestamp  = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57
	batchHead         = 61

	sizePrefix = 4 // before the record batch in a request: its size
	recordsAt  = sizePrefix + batchHead

	transactional = 1 << 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is who writes a record batch. Its zero value is nobody: a plain
// producer.
type identity struct {
	transactional bool
	producer      int64
	epoch         int16
}

// recordBatch collects records into the bytes of one record batch. Its zero
// value needs a reset.
type recordBatch struct {
	buf   []byte // size, head, then the records without compression
	first int64  // milliseconds of the first record
	max   int64
	count int

	packed bytes.Buffer // size, head, then the compressed records
}

// reset makes the batch an empty one that has room for size bytes.
func (b *recordBatch) reset(size int) {
	b.buf = slices.Grow(b.buf[:0], recordsAt+size)[:recordsAt]
	b.count = 0
}

// add appends one record.
func (b *recordBatch) add(at time.Time, key string, value []byte, headers []header) {
	ms := at.UnixMilli()
	if b.count == 0 {
		b.first, b.max = ms, ms
	}
	b.max = max(b.max, ms)

	size := 1 + varintSize(ms-b.first) + varintSize(int64(b.count)) +
		textSize(len(key)) + textSize(len(value)) + varintSize(int64(len(headers)))
	for _, h := range headers {
		size += textSize(len(h.key)) + textSize(len(h.value))
	}
	buf := binary.AppendVarint(b.buf, int64(size))
	buf = append(buf, 0) // attributes: none are defined
	buf = binary.AppendVarint(buf, ms-b.first)
	buf = binary.AppendVarint(buf, int64(b.count))
	buf = append(binary.AppendVarint(buf, int64(len(key))), key...)
	buf = append(binary.AppendVarint(buf, int64(len(value))), value...)
	buf = binary.AppendVarint(buf, int64(len(headers)))
	for _, h := range headers {
		buf = append(binary.AppendVarint(buf, int64(len(h.key))), h.key...)
		buf = append(binary.AppendVarint(buf, int64(len(h.value))), h.value...)
	}
	b.buf = buf
	b.count++
}

// varintSize is how many bytes binary.AppendVarint writes.
func varintSize(v int64) int {
	return (bits.Len64(uint64(v<<1)^uint64(v>>63)|1) + 6) / 7 //nolint:gosec // zigzag
}

// textSize is the size of n bytes with their length before them.
func textSize(n int) int { return varintSize(int64(n)) + n }

// seal compresses the records, fills in the head and returns the whole, with
// its size before it. The bytes are valid until the next reset.
func (b *recordBatch) seal(c compress.Compression, who identity, baseSequence int32) ([]byte, error) {
	framed := b.buf
	if c != compress.None {
		if err := b.pack(c); err != nil {
			return nil, fmt.Errorf("compress a record batch with %s: %w", c, err)
		}
		framed = b.packed.Bytes()
	}
	attributes := uint16(c) //nolint:gosec // 0 to 4
	if who.transactional {
		attributes |= transactional
	} else {
		who.producer, who.epoch, baseSequence = -1, -1, -1
	}
	be := binary.BigEndian
	out := framed[sizePrefix:]
	be.PutUint32(framed, uint32(len(out)))                       //nolint:gosec // bounded by max_message_bytes
	be.PutUint64(out[0:], 0)                                     // base offset: the broker's business
	be.PutUint32(out[atLength:], uint32(len(out)-atLeaderEpoch)) //nolint:gosec // bounded by max_message_bytes
	be.PutUint32(out[atLeaderEpoch:], 0xffffffff)                // unknown
	out[atMagic] = 2                                             //
	be.PutUint16(out[atAttributes:], attributes)                 //
	be.PutUint32(out[atLastOffsetDelta:], uint32(b.count-1))     //nolint:gosec // bounded by the batch
	be.PutUint64(out[atFirstTimestamp:], uint64(b.first))        //nolint:gosec // two's complement is the format
	be.PutUint64(out[atMaxTimestamp:], uint64(b.max))            //nolint:gosec // as above
	be.PutUint64(out[atProducerID:], uint64(who.producer))       //nolint:gosec // as above
	be.PutUint16(out[atProducerEpoch:], uint16(who.epoch))       //nolint:gosec // as above
	be.PutUint32(out[atBaseSequence:], uint32(baseSequence))     //nolint:gosec // as above
	be.PutUint32(out[atCount:], uint32(b.count))                 //nolint:gosec // bounded by the batch
	be.PutUint32(out[atCRC:], crc32.Checksum(out[atAttributes:], castagnoli))
	return framed, nil
}

// pack compresses the records into b.packed, after room for size and head.
func (b *recordBatch) pack(c compress.Compression) error {
	b.packed.Reset()
	b.packed.Write(b.buf[:recordsAt])
	w := c.Codec().NewWriter(&b.packed)
	if _, err := w.Write(b.buf[recordsAt:]); err != nil {
		return err
	}
	return w.Close()
}
