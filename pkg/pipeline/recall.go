package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sources"
)

// What an intake asks of the journal about the events that it has handed over.

// recall rebuilds the window of seen ids from the journal.
func (in *intake) recall(ctx context.Context, wait *backoff) bool {
	if in.spec.Traits.Window <= 0 {
		return true
	}
	for {
		in.monitor.enter("reading its ids back from the journal", nil)
		in.seen = newSeen(in.spec.Traits.Window)
		err := in.history(ctx, func(e *event.Event) { in.seen.look(e) })
		if err == nil {
			return true
		}
		if ctx.Err() != nil || !in.pause(ctx, fmt.Errorf("read the ids back from the journal: %w", err), wait.next()) {
			return false
		}
	}
}

// unlearn forgets the ids of records that the journal's files were found to lack,
// and still do: the frames with them were damaged, or are gone.
func (in *intake) unlearn(ctx context.Context, records []event.Record, outcomes []outcome) error {
	if in.seen == nil {
		return nil
	}
	lacks := make(map[string]bool)
	var first, last time.Time
	for i := range outcomes {
		e := &outcomes[i].event
		if !records[i].Repair || outcomes[i].verdict != normalize.Keep || !in.seen.has(e.ID) {
			continue
		}
		if len(lacks) == 0 || e.Occurred.Before(first) {
			first = e.Occurred
		}
		if e.Occurred.After(last) {
			last = e.Occurred
		}
		lacks[e.ID] = true
	}
	if len(lacks) == 0 {
		return nil
	}
	if err := in.onDisk(ctx, first, last.Add(1), func(e *event.Event) { delete(lacks, e.ID) }); err != nil {
		return fmt.Errorf("look for events to repair in the journal: %w", err)
	}
	for id := range lacks {
		in.seen.drop(id)
	}
	return nil
}

// history gives the events of one source that it may hand over again, oldest
// first: those that it says itself it will, else those that were appended within
// its window.
func (p *Pipeline) history(ctx context.Context, spec SourceSpec, source sources.Source, each func(*event.Event)) error {
	last := p.deps.Journal.Last()
	window := spec.Spec.Traits.Window
	since := time.Now().Add(-window - window/seenGenerations)
	r := p.deps.Journal.Read(p.deps.Journal.Oldest())
	if rereader, ok := source.(sources.Rereader); ok {
		occurred := rereader.Rereads(p.deps.Journal.Position(spec.Name))
		if occurred.IsZero() {
			return r.Close()
		}
		_ = r.Close()
		since, r = time.Time{}, p.deps.Journal.ReadTime(0, occurred, time.Time{})
	}
	defer func() { _ = r.Close() }()
	for ctx.Err() == nil {
		frame, ok, err := r.TryNext()
		if err != nil || !ok {
			return err
		}
		if frame.Source == spec.Name && !frame.Appended.Before(since) {
			for i := range frame.Events {
				e := frame.Events[i] // shared: look may give it another id
				each(&e)
			}
		}
		if n := len(frame.Events); n > 0 && frame.Events[n-1].Sequence >= last {
			return nil
		}
	}
	return ctx.Err()
}

// onDisk gives the events of a source that occurred in a range of time, and
// perhaps others, as the journal's files have them.
func (p *Pipeline) onDisk(ctx context.Context, name string, since, until time.Time, each func(*event.Event)) error {
	view, err := journal.OpenReadOnly(p.deps.DataDir)
	if err != nil {
		return err
	}
	r := view.ReadTime(0, since, until)
	defer func() { _ = r.Close() }()
	for ctx.Err() == nil {
		frame, ok, err := r.TryNext()
		if err != nil || !ok {
			return err
		}
		if frame.Source != name {
			continue
		}
		for i := range frame.Events {
			each(&frame.Events[i])
		}
	}
	return ctx.Err()
}
