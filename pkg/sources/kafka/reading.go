package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
)

// reading is one call of Run. It belongs to one goroutine at a time; fetchers
// own what they are given.
type reading struct {
	*source
	emit sources.Emit

	next map[partition]int64 // offset to read next; everything before is stored
	ends map[partition]int64 // with Once: where to stop

	at map[partition]standing // of the partitions of this generation
}

// standing is how far a partition has been read, for the figures.
type standing struct {
	behind   int64
	complete time.Time // everything up to here has been emitted
}

// findEnds notes where the partitions end now.
func (r *reading) findEnds(ctx context.Context) error {
	leaders, err := r.cluster.leaders(ctx)
	if err != nil {
		return err
	}
	r.ends = make(map[partition]int64, len(leaders))
	for p := range leaders {
		if r.ends[p], err = r.cluster.offset(ctx, p, latest); err != nil {
			return err
		}
	}
	return nil
}

// generation reads the partitions that a generation of the group has assigned
// to us, until it is over.
func (r *reading) generation(ctx, over context.Context, g *kafka.Generation) outcome {
	ours, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(over, cancel)()

	var start map[partition]int64
	if !r.patiently(ours, func() (err error) {
		start, err = r.begin(ours, g)
		return err
	}) {
		return outcome{}
	}
	if err := r.settle(ctx, start); err != nil {
		return outcome{err: ignoreEnd(ctx, err)}
	}
	r.deps.Log.Info("partitions assigned", "group", g.GroupID, "generation", g.ID, "count", len(start))
	r.at = make(map[partition]standing, len(start))
	wait := firstWait
	for ours.Err() == nil {
		if r.finished(start) {
			return outcome{finished: true}
		}
		began := time.Now()
		finished, err := r.round(ctx, ours, g, start, wait)
		if err != nil || finished {
			return outcome{finished: finished, err: ignoreEnd(ctx, err)}
		}
		r.cluster.forget()
		if wait = min(2*wait, longestWait); time.Since(began) > time.Minute {
			wait = firstWait
		}
	}
	return outcome{}
}

// ignoreEnd hides what failed because ctx ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how a source ends
	}
	return err
}

// begin finds out where to begin in each assigned partition. It changes
// nothing.
func (r *reading) begin(ctx context.Context, g *kafka.Generation) (map[partition]int64, error) {
	start := make(map[partition]int64)
	for topic, assigned := range g.Assignments {
		for _, a := range assigned {
			p := partition{topic, int32(a.ID)} //nolint:gosec // Kafka counts partitions in 32 bits
			offset, err := r.beginIn(ctx, p, a.Offset)
			if err != nil {
				return nil, err
			}
			start[p] = offset
		}
	}
	return start, nil
}

// beginIn weighs what the group has committed against what is in the journal.
// committed is negative where there is nothing: it names the place then.
func (r *reading) beginIn(ctx context.Context, p partition, committed int64) (int64, error) {
	stored, known := r.next[p]
	switch {
	case !known && committed < 0:
		return r.cluster.offset(ctx, p, committed)
	case !known || stored <= committed:
		return committed, nil
	}
	end, err := r.cluster.offset(ctx, p, latest)
	if err != nil {
		return 0, err
	}
	if stored <= end {
		r.deps.Log.Info("the journal is ahead of the group; reading on from there", "partition", p.String(), "position", stored, "committed", committed)
		return stored, nil
	}
	return r.restart(ctx, p, stored, end)
}

// restart begins again at the first record of a partition whose end is before
// our position: it was made anew, or has lost its tail.
func (r *reading) restart(ctx context.Context, p partition, stored, end int64) (int64, error) {
	first, err := r.cluster.offset(ctx, p, earliest)
	if err != nil {
		return 0, err
	}
	r.deps.Monitor.Failed("offset_out_of_range", fmt.Errorf("%s ends at %d, before our position %d; reading it again from %d", p, end, stored, first))
	r.deps.Log.Warn("partition ends before our position; reading it again", "partition", p.String(), "position", stored, "end", end, "first", first)
	return first, nil
}

// settle takes the starting offsets as ours. Those that nobody has written down
// yet are stored, so that "end" means the same place after a crash.
func (r *reading) settle(ctx context.Context, start map[partition]int64) error {
	change := make(event.Position)
	for p, offset := range start {
		if _, known := r.next[p]; !known {
			change[p.String()] = bookmark(offset)
		}
		r.next[p] = offset
	}
	if len(change) == 0 {
		return nil
	}
	return r.emit(ctx, nil, change)
}

// finished says whether, with Once, all of the partitions are read.
func (r *reading) finished(of map[partition]int64) bool {
	if r.ends == nil {
		return false
	}
	for p := range of {
		if r.next[p] < r.ends[p] {
			return false
		}
	}
	return true
}

// round starts a fetcher for each leader and stores what they bring, until the
// generation is over, or wait after something has failed: then the leaders are
// to be looked up again. A failure to store is returned.
func (r *reading) round(ctx, ours context.Context, g *kafka.Generation, assigned map[partition]int64, wait time.Duration) (finished bool, err error) {
	fetching, stop := context.WithCancel(ours)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()

	fetched := make(chan haul)
	again := time.NewTimer(wait)
	defer again.Stop()
	if trouble := r.launch(fetching, &wg, fetched, assigned); trouble != nil {
		r.failed(trouble, wait)
	} else {
		again.Stop()
		r.working()
	}
	for {
		select {
		case <-ours.Done():
			return false, nil
		case <-again.C:
			return false, nil
		case h := <-fetched:
			if h.err != nil {
				r.failed(h.err, wait)
				again.Reset(wait)
				continue
			}
			if err := r.store(ctx, g, h); err != nil {
				return false, err
			}
			if r.finished(assigned) {
				return true, nil
			}
		}
	}
}

// launch starts the fetchers. It returns what keeps partitions from being read.
func (r *reading) launch(ctx context.Context, wg *sync.WaitGroup, out chan<- haul, assigned map[partition]int64) error {
	leaders, err := r.cluster.leaders(ctx)
	if err != nil {
		return err
	}
	byLeader := make(map[int32]map[partition]int64)
	for p := range assigned {
		leader, ok := leaders[p]
		if !ok {
			err = fmt.Errorf("%s has no leader", p)
			continue
		}
		if byLeader[leader] == nil {
			byLeader[leader] = make(map[partition]int64)
		}
		byLeader[leader][p] = r.next[p]
	}
	for _, next := range byLeader {
		f := &fetcher{source: r.source, next: next}
		wg.Go(func() { f.run(ctx, out) })
	}
	return err
}

// store puts a haul into the journal and then commits it to the group. A commit
// that fails costs nothing but repeats for another agent: the journal knows.
func (r *reading) store(ctx context.Context, g *kafka.Generation, h haul) error {
	if len(h.records) > 0 {
		change := make(event.Position, len(h.next))
		for p, offset := range h.next {
			change[p.String()] = bookmark(offset)
		}
		if err := r.emit(ctx, h.records, change); err != nil {
			return err
		}
	}
	commit := make(map[string]map[int]int64)
	for p, offset := range h.next {
		r.next[p] = offset
		if commit[p.topic] == nil {
			commit[p.topic] = make(map[int]int64)
		}
		commit[p.topic][int(p.number)] = offset
	}
	if err := g.CommitOffsets(commit); err != nil {
		r.deps.Monitor.Failed("commit", fmt.Errorf("commit offsets to the group %s: %w", g.GroupID, err))
	}
	r.tell(h)
	return nil
}

// tell updates the figures.
func (r *reading) tell(h haul) {
	for p, s := range h.at {
		r.at[p] = s
	}
	var sum int64
	var complete time.Time
	for _, s := range r.at {
		sum += s.behind
		if complete.IsZero() || s.complete.Before(complete) {
			complete = s.complete
		}
	}
	r.deps.Monitor.Gauge(behind, float64(sum))
	if !complete.IsZero() {
		r.deps.Monitor.Complete(complete)
	}
}
