package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
)

const (
	// storeEvery bounds how often a cursor is stored that moved over nothing
	// but filtered events.
	storeEvery = time.Second

	// lingerLeast is how long a batch that need not wait still waits for events
	// that are known to be in the journal.
	lingerLeast = 5 * time.Millisecond

	// grace is how long a request that was cancelled may take to return.
	grace = 2 * time.Second
)

// frameReader is what a shipper needs of a journal's reader.
type frameReader interface {
	Next(ctx context.Context) (journal.Frame, error)
	Close() error
}

// feed is what a shipper needs of the journal.
type feed interface {
	Read(from uint64) frameReader
	Last() uint64
	Oldest() uint64
}

// cursorStore is what a shipper needs of its cursor's file.
type cursorStore interface {
	Store(journal.Cursor) error
	Close() error
}

// shipper moves one sink's cursor along the journal. run is its one goroutine
// and owns what is not guarded.
type shipper struct {
	name    string
	print   string // fingerprint of the configuration
	journal feed
	lane    *lane
	log     *slog.Logger
	losses  *Losses
	file    cursorStore
	linger  time.Duration
	window  int    // batches in flight
	moved   func() // called when the stored cursor has moved
	meter   *metrics.Sink
	builder builder
	held    uint64 // the journal's end when the shipper was made: what a sink has from before is not beyond it

	frames   chan journal.Frame
	frame    journal.Frame // what is left of it is not in a batch yet
	inflight []*batch      // in order
	done     chan *batch
	dirty    bool // the cursor is ahead of its file
	storing  every
	draining bool
	halting  bool

	mu     sync.Mutex // guards what follows
	cursor journal.Cursor
	oldest time.Time // when the first event after the cursor was appended; zero: not known
	phase  phase
	since  time.Time // of phase
	bytes  int       // in flight

	handOver atomic.Bool // another shipper takes the cursor's file

	stored  atomic.Uint64 // the cursor that is in its file
	shipped atomic.Uint64 // events that were settled, since the process began
	rate    pace
}

// phase is what a shipper is doing.
type phase string

const (
	phaseStarting phase = "starting" // asks the sink how far it has got
	phaseRunning  phase = "running"
	phaseDraining phase = "draining"
	phaseStopped  phase = "stopped"
)

// run ships until drain is closed and the journal's end is reached, until halt
// is closed and the requests that run have ended, or until ctx ends. What is not
// settled then is shipped after the next start.
func (s *shipper) run(ctx context.Context, drain, halt <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var pump, workers sync.WaitGroup
	defer func() {
		cancel()
		pump.Wait()
		s.stop(&workers)
	}()
	pump.Go(func() { s.pump(ctx) })
	if !s.resume(ctx, drain, halt) {
		return
	}
	s.enter(phaseRunning)
	s.ship(ctx, drain, halt, &workers)
}

// pump hands frames over as they come.
func (s *shipper) pump(ctx context.Context) {
	next := s.builder.read + 1
	reader := s.journal.Read(next)
	defer func() { _ = reader.Close() }()
	wait := backoff{initial: 100 * time.Millisecond, max: 10 * time.Second}
	for {
		frame, err := reader.Next(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
				return
			}
			s.log.Error("the journal could not be read", "sequence", next, "err", err)
			if !sleep(ctx, wait.next()) {
				return
			}
			_ = reader.Close()
			reader = s.journal.Read(next)
			continue
		}
		wait.reset()
		if n := len(frame.Events); n > 0 {
			next = frame.Events[n-1].Sequence + 1
		}
		select {
		case s.frames <- frame:
		case <-ctx.Done():
			return
		}
	}
}

// ship is the loop: fill a batch, send it off when it is due, settle what has
// been done, in order.
func (s *shipper) ship(ctx context.Context, drain, halt <-chan struct{}, workers *sync.WaitGroup) {
	linger := time.NewTimer(time.Hour)
	defer linger.Stop()
	if s.draining {
		drain = nil
	}
	for {
		if !s.settle() {
			return // a delivery gave up
		}
		flows := s.fill()
		room := flows && len(s.inflight) < s.window && !s.halting
		due := s.due(time.Now())
		switch {
		case room && due <= 0:
			s.dispatch(ctx, workers)
			continue
		case s.draining && s.finished(), s.halting && len(s.inflight) == 0:
			return
		}
		in := s.frames
		if !flows || s.builder.full() || len(s.frame.Events) > 0 {
			in = nil
		}
		var tick <-chan time.Time
		if wait := s.nextWait(room, due); wait > 0 {
			linger.Reset(wait)
			tick = linger.C
		}
		select {
		case f := <-in:
			s.receive(f)
		case b := <-s.done:
			b.done = true
		case <-tick:
		case <-drain:
			drain, s.draining = nil, true
			s.enter(phaseDraining)
		case <-halt:
			halt, s.halting = nil, true
			s.enter(phaseDraining)
		case <-ctx.Done():
			return
		}
	}
}

// never is a wait that no timer needs.
const never = time.Duration(1<<63 - 1)

// due is how long the batch that is being built may still wait; never where
// there is nothing to send.
func (s *shipper) due(now time.Time) time.Duration {
	b := &s.builder
	switch {
	case b.empty():
		return never
	case b.full():
		return 0
	}
	linger := s.linger
	if s.draining {
		linger = 0
	}
	if !s.caughtUp() {
		linger = max(linger, lingerLeast) // there is company, and it is coming
	} else if linger <= 0 {
		return 0
	}
	return b.since.Add(linger).Sub(now)
}

// nextWait is how long the loop may sleep at most; 0: until something happens.
func (s *shipper) nextWait(room bool, due time.Duration) time.Duration {
	var wait time.Duration
	if room && due != never {
		wait = due
	}
	if s.dirty && (wait == 0 || wait > storeEvery) {
		wait = storeEvery
	}
	return wait
}

// caughtUp says whether everything in the journal is in a batch or settled.
func (s *shipper) caughtUp() bool {
	if len(s.frame.Events) > 0 {
		return false
	}
	last := s.journal.Last()
	return s.builder.read >= last || s.losses.Cover(s.builder.read+1, last)
}

func (s *shipper) finished() bool {
	return len(s.inflight) == 0 && s.builder.empty() && !s.builder.progress() && s.caughtUp()
}

// dispatch sends the batch that was built on its way.
func (s *shipper) dispatch(ctx context.Context, workers *sync.WaitGroup) {
	b := s.builder.finish()
	s.inflight = append(s.inflight, b)
	s.mu.Lock()
	s.bytes += b.bytes
	s.mu.Unlock()
	workers.Go(func() {
		err := s.lane.bury(ctx, b.letters)
		if err == nil {
			d := delivery{lane: s.lane, through: b.through}
			err = d.run(ctx, b.items)
			b.delivered += d.delivered
			b.duplicate += d.duplicate
			b.deadLetter += d.deadLetter
		}
		b.aborted = err != nil
		s.done <- b
	})
}

// fill puts events into the batch that is being built. It returns false where
// that must wait: a sink that is down, or has not answered yet, holds one batch in
// memory, not as many as may be in flight; and one that flows as many as are in
// flight, or two: building one takes little of the time that a request takes.
func (s *shipper) fill() (flows bool) {
	if n := len(s.inflight); n > 0 && !s.lane.flows() || n >= max(s.window, 2) {
		return false
	}
	if len(s.frame.Events) > 0 {
		s.frame.Events = s.builder.add(s.frame.Events, s.frame.Appended)
		if len(s.frame.Events) == 0 {
			s.frame.Release() // batches have copies of what they need
			s.frame = journal.Frame{}
		}
	}
	if len(s.inflight) == 0 && s.builder.empty() && s.builder.progress() {
		s.pass(s.builder.finish()) // nothing in it needs a delivery
		s.store(false)
	}
	return true
}

// stop waits for the requests that run and gives everything up.
func (s *shipper) stop(workers *sync.WaitGroup) {
	if s.abandon(workers) {
		for len(s.done) > 0 {
			(<-s.done).done = true
		}
		s.settle()
	}
	if s.dirty {
		s.store(true)
	}
	if !s.handOver.Load() {
		if err := s.file.Close(); err != nil {
			s.log.Warn("close the cursor", "err", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	s.lane.close(ctx)
	s.enter(phaseStopped)
}

// abandon waits for the requests that were cancelled. One that does not return
// is left behind: the process must end although a sink does not.
func (s *shipper) abandon(workers *sync.WaitGroup) bool {
	ended := make(chan struct{})
	go func() {
		workers.Wait()
		close(ended)
	}()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
		s.log.Error("a request went on after it was cancelled; it is left behind")
		return false
	}
}

func (s *shipper) enter(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != p {
		s.phase, s.since = p, time.Now()
	}
}
