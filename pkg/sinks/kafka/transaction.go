package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// resumer is the sink with exactly_once.
type resumer struct{ *sink }

// Resume implements sinks.Resumer: it fences whoever used the transactional id
// before, and reads the cursor that the last committed transaction left.
func (r *resumer) Resume(ctx context.Context, _ uint64) (uint64, error) {
	p := r.live
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := r.cluster.leaders(ctx); err != nil { // says more clearly why we are not let in
		r.cluster.forget()
		return 0, err
	}
	p.ready = false
	if err := p.begin(ctx); err != nil {
		r.cluster.forget()
		return 0, err
	}
	p.told = p.cursor
	return p.cursor, nil
}

// Deliver implements sinks.Sink: one batch, one transaction.
func (r *resumer) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if len(b.Items) == 0 {
		return sinks.Report{}, nil
	}
	p := r.live
	if b.Replay {
		p = r.replay
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	report, err := p.deliver(ctx, b)
	if err != nil {
		r.cluster.forget()
	}
	return report, err
}

// deliver runs one transaction. Called with mu held.
func (p *producer) deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	leaders, err := p.sink.cluster.leaders(ctx)
	if err != nil {
		return sinks.Report{}, err
	}
	if err := p.begin(ctx); err != nil {
		return sinks.Report{}, err
	}
	if err := p.believed(ctx, b); err != nil {
		p.ready = false
		return sinks.Report{}, err
	}
	fresh, known := p.unknown(b)
	if len(fresh) == 0 {
		return sinks.Report{Results: known}, nil
	}
	plan := p.sink.plan(b, leaders, p, fresh)
	if err := p.transact(ctx, plan); err != nil {
		p.ready = false
		if fault.ReasonOf(err) != fenced { // who fenced us has aborted it
			p.abort(ctx)
		}
		if report, ok := plan.verdict(fresh, known); ok {
			return report, nil
		}
		return sinks.Report{}, err
	}
	p.cursor = max(p.cursor, b.Through)
	return sinks.Report{Results: known}, nil
}

// believed looks whether the shipper goes on where Resume has said. One that
// begins before that does not believe it: its journal was replaced by an older
// one. Nothing of what comes then is known.
func (p *producer) believed(ctx context.Context, b sinks.Batch) error {
	if first := b.Items[0].Event.Sequence; first <= p.told {
		if err := p.takeBack(ctx, first-1); err != nil {
			return err
		}
	}
	p.told = 0
	return nil
}

// unknown lists the items of a batch that the cursor found by begin does not
// cover, and reports the others: they were committed, but the answer was lost.
func (p *producer) unknown(b sinks.Batch) (fresh []int, known []sinks.Result) {
	for i := range b.Items {
		if p.group != "" && b.Items[i].Event.Sequence <= p.recalled {
			known = append(known, sinks.Result{Index: i, Outcome: sinks.Duplicate})
			continue
		}
		fresh = append(fresh, i)
	}
	return fresh, known
}

// transact writes a plan and commits it.
func (p *producer) transact(ctx context.Context, plan *plan) error {
	if err := p.enlist(ctx, plan.partitions()); err != nil {
		return err
	}
	var cursor error
	var wg sync.WaitGroup
	if p.group != "" { // it goes to another broker, and has to wait for nothing
		wg.Go(func() { cursor = p.record(ctx, max(p.cursor, plan.batch.Through)) })
	}
	plan.run(ctx)
	wg.Wait()
	if len(plan.results) > 0 {
		return plan.results[0].Err
	}
	if cursor != nil {
		return cursor
	}
	return p.end(ctx, true)
}

var errAborted = fault.New(fault.Retry, "aborted",
	errors.New("another event of the same transaction was refused"))

// verdict reports on a transaction in which the broker refused some events for
// good: those are refused, and all others come again. ok is false where it
// refused none.
func (p *plan) verdict(fresh []int, known []sinks.Result) (r sinks.Report, ok bool) {
	if p.refused == 0 {
		return sinks.Report{}, false
	}
	told := make(map[int]bool, len(p.results))
	r.Results = append(known, p.results...)
	for _, res := range p.results {
		told[res.Index] = true
	}
	for _, i := range fresh {
		if !told[i] {
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Again, Err: errAborted})
		}
	}
	return r, true
}
