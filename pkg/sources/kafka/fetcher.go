package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	fetchWait      = 500 * time.Millisecond // how long a broker may wait for records
	fetchBytes     = 4 << 20                // of one answer, and so of one batch
	partitionBytes = 1 << 20
)

// fetcher reads the partitions of one leader. next is its own.
type fetcher struct {
	*source
	next map[partition]int64

	// Two memories take turns: while one batch is being stored, the next is
	// fetched into the other.
	arenas [2]arena
	turn   int
}

// run fetches until ctx ends or the whole leader fails. A partition that fails
// is told of and left out.
func (f *fetcher) run(ctx context.Context, out chan<- haul) {
	for len(f.next) > 0 && ctx.Err() == nil {
		h, err := f.fetch(ctx)
		if err != nil {
			if ctx.Err() == nil {
				send(ctx, out, haul{err: err})
			}
			return
		}
		for _, trouble := range h.trouble {
			send(ctx, out, haul{err: trouble})
		}
		if len(h.at) > 0 && !send(ctx, out, h) {
			return
		}
	}
}

func send(ctx context.Context, out chan<- haul, h haul) bool {
	select {
	case out <- h:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetch asks once, and waits for records if there are none.
func (f *fetcher) fetch(ctx context.Context) (haul, error) {
	asked := time.Now()
	r, err := f.cluster.ask(ctx, f.request())
	if err != nil {
		return haul{}, fmt.Errorf("fetch: %w", err)
	}
	res, ok := r.(*fetch.Response)
	if !ok {
		return haul{}, errAnswer
	}
	if code := kafka.Error(res.ErrorCode); code != 0 {
		return haul{}, fmt.Errorf("fetch: %w", classify(code))
	}
	a := &f.arenas[f.turn]
	f.turn = 1 - f.turn
	a.reset()
	h := haul{next: make(map[partition]int64), at: make(map[partition]standing)}
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			f.take(ctx, &h, a, partition{t.Topic, t.Partitions[j].Partition}, &t.Partitions[j], asked)
		}
	}
	h.records = a.records
	return h, nil
}

// take adds what an answer says of one partition.
func (f *fetcher) take(ctx context.Context, h *haul, a *arena, p partition, part *fetch.ResponsePartition, asked time.Time) {
	from, ours := f.next[p]
	if !ours {
		return
	}
	switch code := kafka.Error(part.ErrorCode); code {
	case 0:
	case kafka.OffsetOutOfRange:
		next, err := f.relocate(ctx, p, from)
		if err != nil {
			h.trouble = append(h.trouble, err)
			delete(f.next, p)
			return
		}
		f.next[p], h.next[p] = next, next
		return
	default:
		h.trouble = append(h.trouble, fmt.Errorf("fetch %s: %w", p, classify(code)))
		delete(f.next, p)
		return
	}
	next, last, err := a.add(p, from, f.cfg.Decoders[p.topic], part)
	if err != nil {
		h.trouble = append(h.trouble, fmt.Errorf("fetch %s at %d: %w", p, from, err))
		delete(f.next, p)
	}
	if next > from {
		f.next[p], h.next[p] = next, next
	}
	s := standing{behind: max(part.LastStableOffset-next, 0), complete: last}
	if s.behind == 0 {
		s.complete = asked
	}
	h.at[p] = s
}

// relocate finds the place to go on from when the broker does not have ours.
func (f *fetcher) relocate(ctx context.Context, p partition, from int64) (int64, error) {
	first, err := f.cluster.offset(ctx, p, earliest)
	if err != nil {
		return 0, err
	}
	if first <= from {
		end, err := f.cluster.offset(ctx, p, latest)
		if err != nil {
			return 0, err
		}
		r := &reading{source: f.source}
		return r.restart(ctx, p, from, end)
	}
	f.deps.Monitor.Failed("offset_out_of_range", fmt.Errorf("%s: the records %d to %d were deleted before they were read; raise the topic's retention", p, from, first-1))
	f.deps.Log.Error("records were deleted before they were read", "partition", p.String(), "first", from, "last", first-1)
	return first, nil
}

// request asks for all partitions, another one first each time, for the bytes
// may not suffice for all.
func (f *fetcher) request() *fetch.Request {
	byTopic := make(map[string][]fetch.RequestPartition)
	for p, offset := range f.next {
		byTopic[p.topic] = append(byTopic[p.topic], fetch.RequestPartition{
			Partition: p.number, FetchOffset: offset, CurrentLeaderEpoch: -1, LogStartOffset: -1, PartitionMaxBytes: partitionBytes,
		})
	}
	req := &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(fetchWait / time.Millisecond), MinBytes: 1, MaxBytes: fetchBytes,
		IsolationLevel: readCommitted, SessionEpoch: -1,
	}
	for topic, partitions := range byTopic { // a map's order is another each time
		req.Topics = append(req.Topics, fetch.RequestTopic{Topic: topic, Partitions: partitions})
	}
	return req
}
