package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// lane is the way to one sink, shared by the live shipper and by replays: it
// bounds the requests that run at once, and knows how the sink is doing.
type lane struct {
	name         string
	sink         sinks.Sink
	log          *slog.Logger
	letters      *deadletter.Store
	timeout      time.Duration
	retryInitial time.Duration
	retryMax     time.Duration

	slots    chan struct{} // a token for each Deliver that runs
	asked    chan struct{} // closed when the sink may be given events: it was asked how far it has got
	closed   chan struct{} // closed when the sink is
	waiting  atomic.Int64  // live batches that want a slot
	draining atomic.Bool   // a sink that is down is not waited for
	meter    *metrics.Sink
	retries  atomic.Uint64
	requests atomic.Uint64
	bytes    atomic.Uint64 // on the wire

	mu       sync.Mutex    // guards what follows
	state    laneState     // of the sink
	wake     chan struct{} // closed when waits should end early
	warned   time.Time     // when a failure was last logged
	warnedOf string        // its kind and reason
	told     bool          // the failure that goes on was logged
	until    time.Time     // when draining ends
}

// laneState is how a sink is doing.
type laneState struct {
	down     bool
	since    time.Time // of down, or of up
	kind     fault.Kind
	lastErr  string
	lastAt   time.Time
	reason   string
	attempts int       // failures in a row
	next     time.Time // of the next attempt; zero: one is running or none is due
	success  time.Time
	text     string // what the sink says that it waits for
}

// How often failures are logged: one that goes on, and one that comes and goes.
const (
	logEvery = 10 * time.Minute
	logFlaps = time.Minute
)

// attempt makes one request within the sink's timeout.
func (l *lane) attempt(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if !b.Replay {
		l.waiting.Add(1)
	}
	var err error
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		err = errClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	if !b.Replay {
		l.waiting.Add(-1)
	}
	if err != nil {
		return sinks.Report{}, err
	}
	defer func() { <-l.slots }()
	limited := ctx
	if l.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, l.timeout)
		defer cancel()
	}
	report, err := deliverSafely(limited, l.sink, b)
	if err != nil && limited.Err() != nil && ctx.Err() == nil && fault.KindOf(err) == fault.Retry {
		err = fault.New(fault.Retry, "timeout", err)
	}
	return report, err
}

// pause waits before the next attempt, as long as the failure asks for. It ends
// early when the sink answers another request.
func (l *lane) pause(ctx context.Context, err error, b *backoff) error {
	wasDown := l.isDown()
	wait, after := b.next(), fault.Wait(err)
	switch {
	case after > 0:
		wait = max(wait, obey(after))
	case waitsLong(err):
		wait = l.retryMax
	}
	wake := l.failed(err, wait)
	l.retries.Add(1)
	l.meter.Retry(fault.ReasonOf(err))
	l.meter.Waiting(true)
	defer l.meter.Waiting(false)
	if wasDown && l.draining.Load() {
		return errStopped
	}
	next := time.Now().Add(wait)
	t := time.NewTimer(wait)
	defer t.Stop()
	for !l.endsBefore(next) {
		select {
		case <-t.C:
			return nil
		case <-wake:
			if after == 0 {
				return nil
			}
			wake = l.waking() // they said when, which may be too late by now
		case <-l.closed:
			return errClosed
		case <-ctx.Done():
			return errStopped
		}
	}
	return errStopped
}

// yield lets live events go first, for a while.
func (l *lane) yield(ctx context.Context) {
	for range 100 {
		if l.waiting.Load() == 0 || !sleep(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// drain makes deliveries that wait try at once, for the last time if the sink
// is down. A sink that wants to be left alone until later than until is not
// waited for; zero: sinks that are down are waited for, too.
func (l *lane) drain(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
	l.draining.Store(!until.IsZero())
	l.wakeAll()
}

// endsBefore says whether all is over before at.
func (l *lane) endsBefore(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining.Load() && l.until.Before(at)
}

// waking returns what ends waits early from now on.
func (l *lane) waking() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

func (l *lane) wakeAll() {
	close(l.wake)
	l.wake = make(chan struct{})
}

func (l *lane) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.down
}

// flows says whether the sink has taken events, and still does.
func (l *lane) flows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.state.down && !l.state.success.IsZero()
}

// failed takes in a failure and returns what ends the wait early.
func (l *lane) failed(err error, wait time.Duration) <-chan struct{} {
	now := time.Now()
	kind, reason := fault.KindOf(err), fault.ReasonOf(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.state
	news := !s.down || s.kind != kind
	if !s.down {
		s.down, s.since, s.attempts = true, now, 0
		l.told = false
	}
	l.meter.Up(false)
	s.kind, s.reason, s.lastErr, s.lastAt = kind, reason, err.Error(), now
	s.attempts++
	s.next = now.Add(wait)
	of, quiet := kind.String()+reason, now.Sub(l.warned)
	if news && (of != l.warnedOf || quiet >= logFlaps) || quiet >= logEvery {
		l.warned, l.warnedOf, l.told = now, of, true
		l.log.Warn("the sink does not take events; they stay in the journal", "reason", reason, "kind", kind.String(),
			"attempts", s.attempts, "wait", wait, "err", err)
	}
	return l.wake
}

// succeeded takes in that a request went through.
func (l *lane) succeeded() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.state
	l.meter.Succeeded(now)
	s.success, s.next = now, time.Time{}
	if !s.down {
		return
	}
	l.meter.Up(true)
	if l.told {
		l.log.Info("the sink takes events again", "attempts", s.attempts, "after", now.Sub(s.since))
	}
	s.down, s.since, s.attempts = false, now, 0
	l.wakeAll()
}

// split counts a request that was cut in halves.
func (l *lane) split(kind fault.Kind) {
	l.retries.Add(1)
	l.meter.Retry("split_" + kind.String())
}

// bury stores dead letters. It does not return before they are durable: a disk
// that is full holds up this sink, and nothing is lost.
func (l *lane) bury(ctx context.Context, letters []deadletter.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	b := backoff{initial: l.retryInitial, max: l.retryMax}
	for {
		err := l.letters.Put(l.name, letters...)
		if err == nil {
			break
		}
		l.failed(errors.Join(errors.New("a dead letter could not be stored"), err), l.retryMax)
		if !sleep(ctx, b.next()) {
			return errStopped
		}
	}
	l.log.Warn("events were refused and are dead letters now", "count", len(letters),
		"reason", letters[0].Reason, "sequence", letters[0].Sequence, "err", letters[0].Error)
	return nil
}

// errClosed says that the sink was closed: a reload replaced it, or the agent
// stops.
var errClosed = errors.New("the sink is closed")

// close refuses further requests, waits for those that run, for as long as ctx
// lasts, and closes the sink.
func (l *lane) close(ctx context.Context) {
	close(l.closed)
	for range cap(l.slots) {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			l.log.Error("a request did not end; the sink is left open")
			return
		}
	}
	if err := l.sink.Close(ctx); err != nil {
		l.log.Warn("close the sink", "err", err)
	}
}

func (l *lane) requested(bytes int) {
	l.requests.Add(1)
	l.bytes.Add(uint64(bytes)) // #nosec G115 -- a length
}

// snapshot returns the state, with times in UTC as a status tells them.
func (l *lane) snapshot() laneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	s.since, s.lastAt, s.next, s.success = s.since.UTC(), s.lastAt.UTC(), s.next.UTC(), s.success.UTC()
	return s
}
