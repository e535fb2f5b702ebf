package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"github.com/shiplog/shiplog/pkg/event"
)

// haul is what one fetch brought, or why it brought nothing.
type haul struct {
	records []event.Record
	next    map[partition]int64 // where it moved: the offset after it
	at      map[partition]standing
	trouble []error // of single partitions
	err     error
}

// arena holds the records of one haul, and their bytes.
type arena struct {
	records []event.Record
	bytes   []byte
}

func (a *arena) reset() { a.records, a.bytes = a.records[:0], a.bytes[:0] }

// add takes the committed records at or after from, and returns the offset to
// go on with and the time of the last record.
func (a *arena) add(p partition, from int64, decoder string, part *fetch.ResponsePartition) (next int64, last time.Time, err error) {
	next = from
	if part.RecordSet.Records == nil {
		return next, last, nil
	}
	batches := []protocol.RecordReader{part.RecordSet.Records}
	if stream, ok := part.RecordSet.Records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	aborted := newAborted(part.AbortedTransactions)
	name := p.String()
	for _, b := range batches {
		keep := aborted.keeps(b)
		for {
			r, err := b.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return next, last, err
			}
			if r.Offset >= from && keep {
				err = a.take(r, name, decoder)
				last = r.Time
			}
			release(r)
			if err != nil {
				return next, last, fmt.Errorf("read record %d: %w", r.Offset, err)
			}
			next = max(next, r.Offset+1)
		}
	}
	if next == from && len(batches) > 0 { // none: the broker cut the first one short
		next++ // the record at from was compacted away, and its batch has none after it
	}
	return next, last, nil
}

// release gives a record's memory back.
func release(r *protocol.Record) {
	if r.Key != nil {
		_ = r.Key.Close() // it never fails
	}
	if r.Value != nil {
		_ = r.Value.Close()
	}
}

func (a *arena) take(r *protocol.Record, name, decoder string) error {
	raw, err := a.read(r.Value)
	if err != nil {
		return err
	}
	rec := event.Record{Raw: raw, Origin: event.Origin{Name: name, Offset: r.Offset}, Decoder: decoder}
	if r.Value == nil {
		rec.Unreadable = "null_value"
	}
	if r.Key != nil {
		key, err := protocol.ReadAll(r.Key)
		if err != nil {
			return err
		}
		rec.Attributes = append(rec.Attributes, event.Attribute{Name: "kafka.key", Value: string(key)})
	}
	for _, h := range r.Headers {
		rec.Attributes = append(rec.Attributes, event.Attribute{Name: "kafka.header." + h.Key, Value: string(h.Value)})
	}
	a.records = append(a.records, rec)
	return nil
}

func (a *arena) read(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	start := len(a.bytes)
	a.bytes = slices.Grow(a.bytes, b.Len())[:start+b.Len()]
	raw := a.bytes[start:len(a.bytes):len(a.bytes)]
	_, err := io.ReadFull(b, raw)
	return raw, err
}

// aborted tells the records of aborted transactions, as KIP-98 has consumers do
// it: the broker lists where such transactions begin, and a control record ends
// each.
type aborted struct {
	begins []fetch.ResponseTransaction // rising, those not reached yet
	open   map[int64]bool              // producers in an aborted transaction
}

func newAborted(list []fetch.ResponseTransaction) *aborted {
	begins := slices.Clone(list)
	slices.SortFunc(begins, func(a, b fetch.ResponseTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &aborted{begins: begins, open: make(map[int64]bool)}
}

// keeps says whether the records of the next batch are to be read.
func (a *aborted) keeps(b protocol.RecordReader) bool {
	switch b := b.(type) {
	case *protocol.ControlBatch:
		a.reach(b.BaseOffset)
		delete(a.open, b.ProducerID) // whichever way the transaction ended, it has
		return false
	case *protocol.RecordBatch:
		a.reach(b.BaseOffset)
		return !b.Attributes.Transactional() || !a.open[b.ProducerID]
	default:
		return true
	}
}

func (a *aborted) reach(offset int64) {
	for len(a.begins) > 0 && a.begins[0].FirstOffset <= offset {
		a.open[a.begins[0].ProducerID] = true
		a.begins = a.begins[1:]
	}
}
