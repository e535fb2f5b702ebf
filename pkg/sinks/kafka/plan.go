package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// plan is one batch on its way: which of its items go where, and what became of
// them. Partitions with the same leader share requests; leaders work in
// parallel; within a partition one record batch follows the other.
type plan struct {
	sink  *sink
	batch sinks.Batch
	who   *producer // nil: a plain producer
	now   time.Time
	lanes map[int32][]*lane // by leader

	mu       sync.Mutex // guards what follows, and who's sequences
	results  []sinks.Result
	accepted int
	refused  int
	stale    bool // an answer says that the cluster has changed
}

// lane is what is still to be sent to one partition, in order.
type lane struct {
	partition int32
	chunks    []chunk
}

// chunk is the items of one record batch.
type chunk struct {
	items   []int // indices in the batch, rising
	restamp map[int]bool
}

// plan sorts the items of a batch that are to be sent by partition and leader,
// and cuts them into record batches.
func (s *sink) plan(b sinks.Batch, leaders []int32, who *producer, items []int) *plan {
	p := &plan{sink: s, batch: b, who: who, now: time.Now(), lanes: make(map[int32][]*lane)}
	byPartition := make([][]int, len(leaders))
	for _, i := range items {
		n := partitionOf(keyOf(b.Items[i].Event, s.key), len(leaders))
		byPartition[n] = append(byPartition[n], i)
	}
	for n, items := range byPartition {
		if len(items) == 0 {
			continue
		}
		l := &lane{partition: int32(n), chunks: s.cut(b, items)}
		p.lanes[leaders[n]] = append(p.lanes[leaders[n]], l)
	}
	return p
}

// perRecord is a guess at what a record's key and headers take.
const perRecord = 400

// cut splits the items of a partition so that each record batch stays below
// the limit; an item that is larger by itself travels alone.
func (s *sink) cut(b sinks.Batch, items []int) []chunk {
	var chunks []chunk
	start, size := 0, 0
	for i, index := range items {
		n := len(b.Items[index].Body) + perRecord
		if i > start && size+n > int(s.cfg.MaxMessageBytes) {
			chunks = append(chunks, chunk{items: items[start:i]})
			start, size = i, 0
		}
		size += n
	}
	return append(chunks, chunk{items: items[start:]})
}

// partitions lists where the batch goes.
func (p *plan) partitions() []int32 {
	var all []int32
	for _, lanes := range p.lanes {
		for _, l := range lanes {
			all = append(all, l.partition)
		}
	}
	slices.Sort(all)
	return all
}

// run sends everything and returns when all is answered or given up. Its
// results are in p then.
func (p *plan) run(ctx context.Context) {
	var wg sync.WaitGroup
	for leader, lanes := range p.lanes {
		if leader < 0 {
			for _, l := range lanes {
				p.giveUp(l, errNoLeader)
			}
			continue
		}
		wg.Go(func() { p.drive(ctx, lanes) })
	}
	wg.Wait()
	slices.SortFunc(p.results, func(a, b sinks.Result) int { return a.Index - b.Index })
}

// drive empties the lanes of one leader, one request after the other.
func (p *plan) drive(ctx context.Context, lanes []*lane) {
	for {
		lanes = slices.DeleteFunc(lanes, func(l *lane) bool { return len(l.chunks) == 0 })
		if len(lanes) == 0 {
			return
		}
		answers, err := p.send(ctx, lanes)
		for _, l := range lanes {
			switch a, ok := answers[l.partition]; {
			case err != nil:
				p.giveUp(l, err)
			case !ok:
				p.giveUp(l, fault.New(fault.Retry, "no_answer", errors.New("the answer leaves the partition out")))
			default:
				p.settle(l, a)
			}
		}
	}
}

// settle acts on the answer to a lane's first chunk.
func (p *plan) settle(l *lane, a answer) {
	c := &l.chunks[0]
	switch {
	case a.code == 0:
		p.accept(l)
	case a.code == kafka.MessageSizeTooLarge || a.code == kafka.RecordListTooLarge:
		if len(c.items) > 1 {
			l.halve()
			return
		}
		p.refuse(c.items[0], fault.New(fault.TooLarge, status(a.code),
			fmt.Errorf("the record is larger than the topic %s takes (max.message.bytes): %w", p.sink.cfg.Topic, a.err())))
		l.chunks = l.chunks[1:]
	case a.code == kafka.InvalidTimestamp && c.restampAll(a.records):
		// Sent again with the present time; when it happened is in ce_time and
		// in the document.
	case a.code == kafka.InvalidTimestamp || a.code == kafka.InvalidRecord:
		p.cutOut(l, a)
	default:
		p.giveUp(l, classify(fmt.Errorf("produce to %s: %w", partitionName(p.sink.cfg.Topic, l.partition), a.err())))
	}
}

func (p *plan) accept(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(l.chunks[0].items)
	p.accepted += n
	if p.who != nil {
		p.who.advance(l.partition, n)
	}
	l.chunks = l.chunks[1:]
}

// halve splits the first chunk in two.
func (l *lane) halve() {
	c := l.chunks[0]
	mid := len(c.items) / 2
	l.chunks = slices.Replace(l.chunks, 0, 1,
		chunk{items: c.items[:mid], restamp: c.restamp}, chunk{items: c.items[mid:], restamp: c.restamp})
}

// restampAll marks the records that the broker named, all of them where it
// named none, to get the present time. It says false where that was done
// before, and so does not help.
func (c *chunk) restampAll(named map[int]string) bool {
	before := len(c.restamp)
	marked := make(map[int]bool, len(c.items))
	for at, index := range c.items {
		if _, ok := named[at]; ok || len(named) == 0 || c.restamp[index] {
			marked[index] = true
		}
	}
	c.restamp = marked
	return len(marked) > before
}

// cutOut refuses the records that the broker named. Where it named none, the
// chunk is halved until it is clear which one is meant.
func (p *plan) cutOut(l *lane, a answer) {
	c := &l.chunks[0]
	if len(c.items) == 1 {
		p.refuse(c.items[0], fault.New(fault.Refused, status(a.code), a.err()))
		l.chunks = l.chunks[1:]
		return
	}
	var rest []int
	for at, index := range c.items {
		why, named := a.records[at]
		if !named {
			rest = append(rest, index)
			continue
		}
		p.refuse(index, fault.New(fault.Refused, status(a.code), fmt.Errorf("%w: %s", a.err(), why)))
	}
	switch {
	case len(rest) == len(c.items):
		l.halve()
	case len(rest) == 0:
		l.chunks = l.chunks[1:]
	default:
		c.items = rest
	}
}

func (p *plan) refuse(index int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused++
	p.results = append(p.results, sinks.Result{Index: index, Outcome: sinks.Refused, Err: err})
}

// giveUp leaves all that a lane still holds for another time: what follows a
// record must not overtake it.
func (p *plan) giveUp(l *lane, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stale = true
	for _, c := range l.chunks {
		for _, index := range c.items {
			p.results = append(p.results, sinks.Result{Index: index, Outcome: sinks.Again, Err: err})
		}
	}
	l.chunks = nil
}
