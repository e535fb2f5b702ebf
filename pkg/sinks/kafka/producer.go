package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"

	"github.com/shiplog/shiplog/pkg/fault"
)

const (
	// settleFirst and settleMost are the waits while the cluster finishes an
	// earlier transaction or moves a coordinator: part of the protocol, some
	// milliseconds each, and bounded by the caller's context.
	settleFirst = 2 * time.Millisecond
	settleMost  = 250 * time.Millisecond

	// transactionTimeout is after how long the cluster aborts a transaction
	// that was left open. Below transaction.max.timeout.ms of any broker.
	transactionTimeout = 60_000 // milliseconds

	abortTimeout = 2 * time.Second

	// fenced is the reason of an error that another producer with our
	// transactional id has caused.
	fenced = "fenced"
)

// producer is a transactional producer (KIP-98) of one transactional id. The
// cursor travels in the same transactions as the records: as the offset that a
// consumer group of ours committed for partition 0 of the topic.
//
// Whatever goes wrong, and whatever is not known for certain, ends in the same
// way: the next batch begins with InitProducerId. That aborts what was left
// open, waits for what was committed, and raises the epoch, so that a request
// of ours that is still on its way can no longer do harm. Then the group's
// offset tells what got through. Overflow of the epoch and expiry of the id
// are settled by the same request.
type producer struct {
	sink  *sink
	id    string // transactional id
	group string // keeps the cursor; empty: no cursor

	mu sync.Mutex // one transaction at a time; guards what follows
	identity
	sequences map[int32]int32 // next sequence number by partition
	ready     bool
	cursor    uint64    // everything up to here is committed
	recalled  uint64    // the cursor as begin found it
	told      uint64    // the cursor that Resume has told, until a batch shows whether it is believed
	rivals    int       // how often another producer took our place of late
	rivalry   time.Time // when it last did
}

func newProducer(s *sink, id, group string) *producer {
	return &producer{sink: s, id: id, group: group}
}

// advance counts records that a partition has taken.
func (p *producer) advance(partition int32, n int) {
	p.sequences[partition] = int32((int64(p.sequences[partition]) + int64(n)) & math.MaxInt32) // wraps to 0, as the protocol wants
}

// begin makes sure that the producer may write. Called with mu held.
func (p *producer) begin(ctx context.Context) error {
	if p.ready {
		return nil
	}
	err := p.settle(ctx, "init producer id", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &initproducerid.Request{
			TransactionalID:      p.id,
			TransactionTimeoutMs: transactionTimeout,
			ProducerID:           -1,
			ProducerEpoch:        -1,
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*initproducerid.Response)
		if !ok {
			return 0, errAnswer
		}
		p.identity = identity{transactional: true, producer: res.ProducerID, epoch: res.ProducerEpoch}
		return kafka.Error(res.ErrorCode), nil
	})
	if err != nil {
		return err
	}
	p.sequences = make(map[int32]int32)
	if p.group != "" {
		if err := p.recall(ctx); err != nil {
			return err
		}
	}
	p.ready = true
	return nil
}

// recall reads the cursor.
func (p *producer) recall(ctx context.Context) error {
	topic := p.sink.cfg.Topic
	return p.settle(ctx, "read the cursor", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &offsetfetch.Request{
			GroupID: p.group,
			Topics:  []offsetfetch.RequestTopic{{Name: topic, PartitionIndexes: []int32{0}}},
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*offsetfetch.Response)
		if !ok {
			return 0, errAnswer
		}
		if res.ErrorCode != 0 {
			return p.found(kafka.Error(res.ErrorCode), 0, ""), nil
		}
		if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
			return 0, errAnswer
		}
		part := &res.Topics[0].Partitions[0]
		return p.found(kafka.Error(part.ErrorCode), part.CommittedOffset, part.Metadata), nil
	})
}

// found takes the cursor that was asked for.
func (p *producer) found(code kafka.Error, offset int64, note string) kafka.Error {
	if code == kafka.GroupIdNotFound {
		code, offset = 0, 0 // nothing was ever committed
	}
	if other := journalIn(note); other != "" && other != p.sink.deps.Journal && p.sink.deps.Journal != "" {
		p.sink.deps.Log.Warn("the cursor in Kafka is of another journal; it is not used", "group", p.group, "cursor", offset, "journal", other)
		offset = 0
	}
	if code == 0 {
		p.recalled = uint64(max(offset, 0))
		p.cursor = p.recalled
	}
	return code
}

// enlist adds partitions, and the cursor's group, to the transaction.
func (p *producer) enlist(ctx context.Context, partitions []int32) error {
	err := p.settle(ctx, "add partitions to the transaction", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &addpartitionstotxn.Request{
			TransactionalID: p.id, ProducerID: p.producer, ProducerEpoch: p.epoch,
			Topics: []addpartitionstotxn.RequestTopic{{Name: p.sink.cfg.Topic, Partitions: partitions}},
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*addpartitionstotxn.Response)
		if !ok {
			return 0, errAnswer
		}
		return worstOf(res), nil
	})
	if err != nil || p.group == "" {
		return err
	}
	return p.enlistCursor(ctx)
}

func (p *producer) enlistCursor(ctx context.Context) error {
	return p.settle(ctx, "add the cursor to the transaction", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &addoffsetstotxn.Request{
			TransactionalID: p.id, ProducerID: p.producer, ProducerEpoch: p.epoch, GroupID: p.group,
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*addoffsetstotxn.Response)
		if !ok {
			return 0, errAnswer
		}
		return kafka.Error(res.ErrorCode), nil
	})
}

// worstOf is the first error of an answer that is not just the consequence of
// another partition's.
func worstOf(res *addpartitionstotxn.Response) kafka.Error {
	const operationNotAttempted kafka.Error = 55
	worst := kafka.Error(0)
	for _, t := range res.Results {
		for _, part := range t.Results {
			code := kafka.Error(part.ErrorCode)
			if worst == 0 || worst == operationNotAttempted {
				worst = code
			}
		}
	}
	return worst
}

// record writes the cursor into the transaction.
func (p *producer) record(ctx context.Context, through uint64) error {
	return p.settle(ctx, "write the cursor", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &txnoffsetcommit.Request{
			TransactionalID: p.id, GroupID: p.group,
			ProducerID: p.producer, ProducerEpoch: p.epoch, GenerationID: -1,
			Topics: []txnoffsetcommit.RequestTopic{{Name: p.sink.cfg.Topic, Partitions: []txnoffsetcommit.RequestPartition{{
				Partition: 0, CommittedOffset: int64(through), //nolint:gosec // a sequence fits
				CommittedLeaderEpoch: -1,
				CommittedMetadata:    noteOf(p.sink.deps.Journal),
			}}}},
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*txnoffsetcommit.Response)
		if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
			return 0, errAnswer
		}
		return kafka.Error(res.Topics[0].Partitions[0].ErrorCode), nil
	})
}

// What is committed beside the cursor: whose sequence it is.
const notePrefix = "shiplog journal "

func noteOf(journal string) string { return notePrefix + journal }

// journalIn reads the note; empty where an operator has set the offset.
func journalIn(note string) string {
	id, _ := strings.CutPrefix(note, notePrefix)
	if id == note {
		return ""
	}
	return id
}

// takeBack moves the cursor back. It is committed before anything else, so that
// whatever fails from then on, the cursor that begin finds is of what the
// journal holds now.
func (p *producer) takeBack(ctx context.Context, to uint64) error {
	p.sink.deps.Log.Warn("the journal does not hold what the cursor in Kafka says, so it goes back", "group", p.group, "cursor", p.cursor, "to", to)
	err := p.enlistCursor(ctx)
	if err == nil {
		err = p.record(ctx, to)
	}
	if err == nil {
		err = p.end(ctx, true)
	}
	if err == nil {
		p.cursor, p.recalled = to, to
	}
	return err
}

// end commits or aborts.
func (p *producer) end(ctx context.Context, commit bool) error {
	return p.settle(ctx, "end the transaction", func() (kafka.Error, error) {
		r, err := p.sink.cluster.ask(ctx, &endtxn.Request{
			TransactionalID: p.id, ProducerID: p.producer, ProducerEpoch: p.epoch, Committed: commit,
		})
		if err != nil {
			return 0, err
		}
		res, ok := r.(*endtxn.Response)
		if !ok {
			return 0, errAnswer
		}
		return kafka.Error(res.ErrorCode), nil
	})
}

// abort gives the transaction up. It is a courtesy to consumers, which read on
// at once; where it does not get through, begin does the same.
func (p *producer) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := p.end(ctx, false); err != nil {
		p.sink.deps.Log.Debug("transaction not aborted", "err", err)
	}
}

// settle repeats a request for as long as the cluster is busy with what came
// before it.
func (p *producer) settle(ctx context.Context, what string, ask func() (kafka.Error, error)) error {
	wait := settleFirst
	for {
		began := time.Now()
		code, err := ask()
		if err != nil {
			p.sink.deps.Monitor.Request(statusOf(err), time.Since(began), 0)
			return classify(fmt.Errorf("%s as %s: %w", what, p.id, err))
		}
		if code == 0 {
			p.sink.deps.Monitor.Request("ok", time.Since(began), 0)
			return nil
		}
		p.sink.deps.Monitor.Request(status(code), time.Since(began), 0)
		if !settling(code) {
			return p.judge(what, code)
		}
		p.sink.deps.Monitor.Waiting("transaction coordinator")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fault.New(fault.Retry, status(code), fmt.Errorf("%s as %s: %w: %w", what, p.id, code, ctx.Err()))
		}
		p.sink.deps.Monitor.Waiting("")
		wait = min(2*wait, settleMost)
	}
}

// settling says whether an error passes within moments.
func settling(code kafka.Error) bool {
	switch code {
	case kafka.ConcurrentTransactions, kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable,
		kafka.NotCoordinatorForGroup, kafka.UnstableOffsetCommit:
		return true
	default:
		return false
	}
}

// judge makes an error of a code, and tells operators of a rival.
func (p *producer) judge(what string, code kafka.Error) error {
	err := fmt.Errorf("%s as %s: %w", what, p.id, code)
	switch code {
	case kafka.InvalidProducerEpoch, kafka.ProducerFenced:
		return p.rival(err)
	case kafka.TransactionalIDAuthorizationFailed:
		return fault.New(fault.Setup, status(code), fmt.Errorf("grant Write and Describe on the transactional id %s: %w", p.id, err))
	case kafka.GroupAuthorizationFailed:
		return fault.New(fault.Setup, status(code), fmt.Errorf("grant Read on the group %s: %w", p.group, err))
	case kafka.TopicAuthorizationFailed:
		return fault.New(fault.Setup, status(code), fmt.Errorf("grant Write, Describe and Read (for the cursor) on the topic %s: %w", p.sink.cfg.Topic, err))
	default:
		return classify(err)
	}
}

// rival makes an error of another producer that has our transactional id. Once
// that is harmless: the cluster has ended a transaction that took too long, or
// an agent was replaced by its successor. Again and again it is a mistake.
func (p *producer) rival(err error) error {
	const of, late = 3, 10 * time.Minute
	if time.Since(p.rivalry) > late {
		p.rivals = 0
	}
	p.rivals, p.rivalry = p.rivals+1, time.Now()
	if p.rivals < of {
		return fault.New(fault.Retry, fenced, err)
	}
	return fault.New(fault.Setup, fenced, fmt.Errorf("another agent uses the same transactional id: was the data directory copied? %w", err))
}

var errAnswer = errors.New("an answer about something else")
