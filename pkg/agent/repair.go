package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/sources"
)

// repairPoll is how often it is looked whether everything was taken in.
const repairPoll = 200 * time.Millisecond

// repair has what was put down taken in: by the agent that runs, or, where none
// does, by a pipeline of our own. Then it looks whether it is in the journal.
func (r *reconciler) repair(ctx context.Context) error {
	rep, ok := r.source.(sources.Repairer)
	if !ok {
		return fmt.Errorf("source %s: it cannot be repaired", r.Source)
	}
	taken := func() (bool, error) {
		left, err := rep.Unrepaired()
		return left == 0, err
	}
	err := r.takeIn(ctx, taken)
	if errors.Is(err, journal.ErrLocked) {
		err = r.await(ctx, taken)
	}
	return errors.Join(err, r.recheck())
}

// takeIn runs the source in a pipeline of our own until all was taken in.
func (r *reconciler) takeIn(ctx context.Context, taken func() (bool, error)) error {
	plan := &Plan{File: r.plan.File, Pipeline: r.plan.Pipeline}
	plan.Pipeline.Sources = []pipeline.SourceSpec{r.spec}
	plan.Pipeline.ShutdownTimeout = time.Second // sinks go on at the next start
	a, err := assemble(plan, r.Options)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.pipeline.RunOnce(ctx, 0, nil) }()
	tick := time.NewTicker(repairPoll)
	defer tick.Stop()
	for {
		select {
		case ran := <-ended: // with an error, where sinks have not delivered yet
			if done, err := taken(); !done || err != nil {
				return errors.Join(errors.New("not everything that is missing was taken in"), ran, err, a.close())
			}
			return a.close()
		case <-tick.C:
			if done, err := taken(); done && err == nil {
				stop()
			}
		}
	}
}

// await waits for the agent that runs.
func (r *reconciler) await(ctx context.Context, taken func() (bool, error)) error {
	deadline := time.NewTimer(r.Wait)
	defer deadline.Stop()
	tick := time.NewTicker(repairPoll)
	defer tick.Stop()
	for {
		done, err := taken()
		if done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("the running agent has not taken in what is missing within %s; it is put down, and it will", r.Wait)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recheck counts what is in the journal now of what was missing.
func (r *reconciler) recheck() error {
	for i := range r.result.Hours {
		h := &r.result.Hours[i]
		if len(h.Missing) == 0 {
			continue
		}
		have, err := r.journalled(h.Start, h.Start.Add(time.Hour))
		if err != nil {
			return err
		}
		for _, id := range h.Missing {
			if have.of[id] >= h.want[id] {
				h.Repaired++
			}
		}
		r.result.Repaired += h.Repaired
	}
	return nil
}

// prove tells the source what was found complete.
func (r *reconciler) prove() error {
	p, ok := r.source.(sources.Prover)
	if !ok || !r.result.Whole() {
		return nil
	}
	return p.Prove(r.result.Since, r.result.Until)
}
