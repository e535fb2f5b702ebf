package spool

import (
	"context"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
)

// timing holds the waits that tests shorten.
type timing struct {
	grace  time.Duration // a rotated file that was not written to for this long is finished
	tick   time.Duration // how often waits are looked at
	forget time.Duration // how long a content that no file has is remembered
	watch  bool          // ask the kernel for notifications
}

// Source follows files.
type Source struct {
	cfg    Config
	deps   sources.Deps
	timing timing
}

func open(c Config, d sources.Deps) (sources.Source, error) { return newSource(c, d), nil }

func newSource(c Config, d sources.Deps) *Source {
	return &Source{cfg: c, deps: d, timing: timing{
		grace:  5 * time.Second,
		tick:   time.Second,
		forget: 7 * 24 * time.Hour,
		watch:  true,
	}}
}

// Run implements sources.Source.
func (s *Source) Run(ctx context.Context, from event.Position, emit sources.Emit) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	r := newReader(s, from)
	read := make(chan error, 1)
	go func() { read <- r.run(inner) }()
	err := s.emit(inner, r, emit)
	stop()
	// The reader's error comes first only where emitting did not fail: that
	// stops the reader too.
	if readErr := <-read; err == nil {
		err = readErr
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// emit stores the batches that the reader fills, until it fills no more.
func (s *Source) emit(ctx context.Context, r *reader, emit sources.Emit) error {
	for b := range r.full {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(b.records) > 0 || len(b.next) > 0 {
			if err := emit(ctx, b.records, b.next); err != nil {
				return err
			}
		}
		if !b.complete.IsZero() {
			s.deps.Monitor.Complete(b.complete)
		}
		b.reset()
		r.free <- b // has room for all batches
	}
	return nil
}
