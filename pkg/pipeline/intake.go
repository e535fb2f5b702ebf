package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sources"
)

// store is what an intake needs of the journal.
type store interface {
	Append(ctx context.Context, b journal.Batch) (first uint64, err error)
	Position(source string) event.Position
}

// intake runs one source: it normalizes what the source reads and appends it.
// run is its one goroutine.
type intake struct {
	name    string
	print   string // fingerprint of the configuration
	spec    sources.Spec
	source  sources.Source
	once    bool
	journal store
	letters *deadletter.Store
	log     *slog.Logger
	meter   *metrics.Source
	monitor *sourceMonitor
	fatal   func(error)
	history func(context.Context, func(*event.Event)) error                                  // the source's events within the window
	onDisk  func(ctx context.Context, since, until time.Time, each func(*event.Event)) error // what the journal's files have of the source, whatever memory still has

	processors atomic.Pointer[normalize.Processors] // a reload replaces them

	fanout *fanout
	using  *normalize.Processors // those of fanout
	seen   *seen                 // nil: nothing is compared
	events []event.Event         // of the batch at hand

	crowded every // bounds the log

	counts sourceCounts
	rate   pace
	done   chan struct{} // closed when run has returned
}

// sourceCounts is what became of records since the process began.
type sourceCounts struct {
	records, bytes, events, invalid, dropped, duplicates, conflicting, late atomic.Uint64
}

// restartAfter is the wait before a source that failed is run again.
var restartAfter = backoff{initial: time.Second, max: time.Minute}

// run runs the source until ctx ends or, once, until it has read everything.
func (in *intake) run(ctx context.Context) {
	defer close(in.done)
	wait := restartAfter
	if !in.recall(ctx, &wait) {
		in.monitor.enter("stopped", nil)
		return
	}
	for {
		in.monitor.enter("running", nil)
		began := time.Now()
		err := runSafely(ctx, in.source, in.journal.Position(in.name), in.emit)
		switch {
		case ctx.Err() != nil:
			in.monitor.enter("stopped", nil)
			return
		case err == nil && in.once:
			in.monitor.enter("done", nil)
			return
		case err == nil:
			err = errors.New("the source ended by itself")
		}
		if time.Since(began) > wait.max {
			wait.reset()
		}
		if !in.pause(ctx, err, wait.next()) {
			return
		}
	}
}

// pause waits before a source that failed is run again.
func (in *intake) pause(ctx context.Context, err error, wait time.Duration) bool {
	in.monitor.Failed("restart", err)
	in.monitor.enter("failed", err)
	in.monitor.Waiting("to be started again", time.Now().Add(wait))
	in.log.Error("the source failed; it is started again", "wait", wait, "err", err)
	if !sleep(ctx, wait) {
		in.monitor.enter("stopped", nil)
		return false
	}
	return true
}

// emit is the source's way into the journal. One emit is one frame, whatever
// its size, because the position must be in the frame that holds its events:
// sources bound what they emit.
func (in *intake) emit(ctx context.Context, records []event.Record, next event.Position) error {
	now := time.Now().UTC()
	if err := in.retool(); err != nil {
		return err
	}
	outcomes := in.fanout.run(records, now)
	defer in.fanout.done()
	if err := in.unlearn(ctx, records, outcomes); err != nil {
		return err
	}
	batch, undo := in.sort(records, outcomes)
	err := in.bury(ctx, batch.letters)
	if err == nil && (len(in.events) > 0 || len(next) > 0) {
		_, err = in.journal.Append(ctx, journal.Batch{Source: in.name, Events: in.events, Position: next})
	}
	clear(in.events)
	if in.seen != nil && in.seen.early && in.crowded.ok(now) {
		in.seen.early = false
		in.log.Warn("more ids come than the window of seen ids holds; an old event that comes again may be kept twice", "ids", seenMax)
	}
	if err != nil {
		for _, f := range undo {
			f()
		}
		in.fatal(err)
		return err
	}
	in.count(records, batch)
	return nil
}

// retool makes normalizers, at first and after a reload changed the processors.
func (in *intake) retool() error {
	want := in.processors.Load()
	if in.fanout != nil && in.using == want {
		return nil
	}
	f, err := newFanout(normalize.Options{
		Source: in.name, Decoder: in.spec.Decoder, Processors: want,
		Unmapped: in.meter.Fallback, Failed: in.meter.ProcessorError,
	})
	if err != nil {
		return fmt.Errorf("make a normalizer for source %s: %w", in.name, err)
	}
	in.fanout, in.using = f, want
	return nil
}

// sorted is what became of a batch of records.
type sorted struct {
	letters                     []deadletter.Letter
	dropped                     map[string]int
	duplicates, conflicts, late int
}

// sort puts the events to be appended into in.events, in order, and returns what
// became of the rest. undo forgets ids that were taken in.
func (in *intake) sort(records []event.Record, outcomes []outcome) (s sorted, undo []func()) {
	in.events = in.events[:0]
	for i := range outcomes {
		o := &outcomes[i]
		switch o.verdict {
		case normalize.Drop:
			if s.dropped == nil {
				s.dropped = make(map[string]int)
			}
			s.dropped[o.reason]++
			continue
		case normalize.Invalid:
			s.letters = append(s.letters, in.letter(&records[i], o))
			continue
		case normalize.Keep:
		}
		if o.event.Source == "" {
			o.event.Source = in.name
		}
		if in.seen != nil {
			found, forget := in.seen.look(&o.event)
			if found == repeated {
				s.duplicates++
				continue
			}
			undo = append(undo, forget)
			if found == changed {
				s.conflicts++
			}
		}
		if records[i].Late {
			s.late++
		}
		in.events = append(in.events, o.event)
	}
	return s, undo
}

// letter makes the dead letter of a record. Its ID comes from where the record
// was read, so that reading it again does not store it twice.
func (in *intake) letter(rec *event.Record, o *outcome) deadletter.Letter {
	h := sha256.New()
	h.Write([]byte(rec.Origin.Name + "\x00" + strconv.FormatInt(rec.Origin.Offset, 10) + "\x00"))
	h.Write(rec.Raw)
	l := deadletter.Letter{
		ID:        hex.EncodeToString(h.Sum(nil)[:12]),
		Time:      time.Now().UTC(),
		Owner:     in.name,
		Kind:      "source",
		Reason:    o.reason,
		Origin:    rec.Origin.String(),
		Body:      normalize.MaskKeys(rec.Raw),
		Truncated: rec.Unreadable == "too_long",
	}
	if o.err != nil {
		l.Error = o.err.Error()
	}
	return l
}

// bury stores dead letters before the append that moves the position past them.
// A disk that is full holds up the source, and nothing is lost.
func (in *intake) bury(ctx context.Context, letters []deadletter.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	wait := restartAfter
	for {
		err := in.letters.Put(in.name, letters...)
		if err == nil {
			return nil
		}
		d := wait.next()
		in.monitor.Failed("deadletter", err)
		in.monitor.Waiting("room for a dead letter", time.Now().Add(d))
		in.log.Error("a dead letter could not be stored; it is tried again", "wait", d, "err", err)
		if !sleep(ctx, d) {
			return ctx.Err()
		}
		in.monitor.Waiting("", time.Time{})
	}
}

// count takes a batch that is durable into the figures.
func (in *intake) count(records []event.Record, s sorted) {
	size := 0
	for i := range records {
		size += len(records[i].Raw)
	}
	c := &in.counts
	c.records.Add(uint64(len(records)))
	c.bytes.Add(uint64(size)) // #nosec G115 -- a length
	c.events.Add(uint64(len(in.events)))
	c.invalid.Add(uint64(len(s.letters)))
	c.duplicates.Add(uint64(s.duplicates)) // #nosec G115 -- a count
	c.conflicting.Add(uint64(s.conflicts)) // #nosec G115 -- a count
	c.late.Add(uint64(s.late))             // #nosec G115 -- a count
	in.meter.Records(len(records), size)
	if s.duplicates > 0 {
		in.meter.Duplicates(s.duplicates)
	}
	for reason, n := range s.dropped {
		c.dropped.Add(uint64(n)) // #nosec G115 -- a count
		in.meter.Dropped(reason, n)
	}
	in.countInvalid(s.letters)
	if s.conflicts > 0 {
		in.meter.Conflicting(s.conflicts)
		in.log.Warn("records share an id with an event of other content; both are kept", "count", s.conflicts)
	}
	if s.late > 0 {
		in.meter.Late(s.late)
		in.log.Info("a sweep found events that came late", "count", s.late)
	}
}

// countInvalid counts and tells dead letters by their reason, each with its
// first as the example.
func (in *intake) countInvalid(letters []deadletter.Letter) {
	if len(letters) == 0 {
		return
	}
	reasons := map[string]int{}
	for i := range letters {
		reasons[letters[i].Reason]++
	}
	for i := range letters {
		l := &letters[i]
		n := reasons[l.Reason]
		if n == 0 {
			continue // it is told already
		}
		reasons[l.Reason] = 0
		in.meter.Invalid(l.Reason, n)
		in.log.Warn("records could not be read and are dead letters now", "count", n,
			"reason", l.Reason, "first", l.Origin, "err", l.Error)
	}
}

// runSafely runs a source. A panic in it is a bug that must not end the agent:
// it is a failure like another.
func runSafely(ctx context.Context, s sources.Source, from event.Position, emit sources.Emit) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in the source: %v\n%s", r, debug.Stack())
		}
	}()
	return s.Run(ctx, from, emit)
}
