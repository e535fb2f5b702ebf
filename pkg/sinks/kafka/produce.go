package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

const (
	acksAll = -1

	// ackTimeout bounds how long a broker waits for its followers.
	ackTimeout = 30 * time.Second
)

// answer is what a broker says of one record batch.
type answer struct {
	code    kafka.Error
	message string
	records map[int]string // by place in the record batch: why it is refused
}

func (a answer) err() error {
	if a.message == "" {
		return a.code
	}
	return fmt.Errorf("%w: %s", a.code, a.message)
}

// send produces the first chunk of each lane in one request, and returns the
// answers by partition.
func (p *plan) send(ctx context.Context, lanes []*lane) (map[int32]answer, error) {
	s := p.sink
	topic := rawproduce.RequestTopic{Topic: s.cfg.Topic}
	size := 0
	batches := make([]*recordBatch, len(lanes))
	for i, l := range lanes {
		batches[i] = s.borrow()
		raw, err := p.encode(l, batches[i])
		if err != nil {
			return nil, err
		}
		size += len(raw)
		topic.Partitions = append(topic.Partitions, rawproduce.RequestPartition{
			Partition: l.partition,
			RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(raw)},
		})
	}
	req := &rawproduce.Request{
		Acks:    acksAll,
		Timeout: int32(patience(ctx).Milliseconds()), //nolint:gosec // at most ackTimeout
		Topics:  []rawproduce.RequestTopic{topic},
	}
	if p.who != nil {
		req.TransactionalID = p.who.id
	}
	began := time.Now()
	r, err := s.cluster.ask(ctx, req)
	if err != nil {
		s.deps.Monitor.Request(statusOf(err), time.Since(began), size)
		return nil, classify(fmt.Errorf("produce to %s: %w", s.cfg.Topic, err))
	}
	for _, rb := range batches { // answered, so sent; after an error it may still be read
		s.batches.Put(rb)
	}
	answers, worst, err := answersOf(r)
	s.deps.Monitor.Request(worst, time.Since(began), size)
	return answers, err
}

// patience is how long the broker may take: less than the caller will wait.
func patience(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return ackTimeout
	}
	return min(max(time.Until(end)*9/10, time.Millisecond), ackTimeout)
}

func (s *sink) borrow() *recordBatch {
	if rb, ok := s.batches.Get().(*recordBatch); ok {
		return rb
	}
	return new(recordBatch)
}

// encode makes the record batch of a lane's first chunk in rb's memory.
func (p *plan) encode(l *lane, rb *recordBatch) ([]byte, error) {
	c := l.chunks[0]
	size := 0
	for _, index := range c.items {
		size += len(p.batch.Items[index].Body) + perRecord
	}
	rb.reset(size)
	var h headers
	for _, index := range c.items {
		item := p.batch.Items[index]
		at := p.sink.timeOf(item.Event, p.now)
		if c.restamp[index] {
			at = p.now
		}
		h.set(item, p.sink.cfg.Format, p.batch.Replay, &p.sink.deps)
		rb.add(at, keyOf(item.Event, p.sink.key), item.Body, h.list)
	}
	who, sequence := identity{}, int32(0)
	if p.who != nil {
		p.mu.Lock()
		who, sequence = p.who.identity, p.who.sequences[l.partition]
		p.mu.Unlock()
	}
	return rb.seal(p.sink.codec, who, sequence)
}

// answersOf reads a produce response. worst is the first error's name, "ok"
// where there is none.
func answersOf(r kafka.Response) (answers map[int32]answer, worst string, err error) {
	res, ok := r.(*produce.Response)
	if !ok || len(res.Topics) != 1 {
		return nil, "error", errors.New("produce: an answer about something else")
	}
	worst = "ok"
	answers = make(map[int32]answer, len(res.Topics[0].Partitions))
	for i := range res.Topics[0].Partitions {
		part := &res.Topics[0].Partitions[i]
		a := answer{code: kafka.Error(part.ErrorCode), message: part.ErrorMessage}
		if a.code != 0 && worst == "ok" {
			worst = status(a.code)
		}
		for _, e := range part.RecordErrors {
			if a.records == nil {
				a.records = make(map[int]string, len(part.RecordErrors))
			}
			a.records[int(e.BatchIndex)] = e.BatchIndexErrorMessage
		}
		answers[part.Partition] = a
	}
	return answers, worst, nil
}
