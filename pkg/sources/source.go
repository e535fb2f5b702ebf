package sources

import (
	"context"
	"log/slog"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// A Source reads records from one place, in its own order, and can go on from a
// position. It never skips: what it cannot read it hands on as unreadable.
type Source interface {
	// Run reads until ctx ends, beginning after from (nil: the first run), and
	// hands what it reads to emit. It returns nil when ctx ended or, with
	// Deps.Once, when everything that was there has been emitted; any other
	// return is a failure, after which the caller waits and calls Run again
	// with the last position that was stored. Trouble that passes (a server
	// that is down, a file that may not be read yet) is no failure: the source
	// tells its Monitor and keeps trying at a bounded rate.
	//
	// Run is called from one goroutine at a time. Every goroutine that it
	// started has ended when it returns.
	Run(ctx context.Context, from event.Position, emit Emit) error
}

// Emit stores records and the change of position after them, together or not
// at all, and returns once both are durable. Either may be empty. It blocks
// while the journal is full: that is the back-pressure. After an error nothing
// may be assumed stored, and the source returns. Emit calls must not overlap.
type Emit func(ctx context.Context, records []event.Record, next event.Position) error

// A Checker can try its configuration out against the real thing.
type Checker interface {
	// Check connects, says what it found line by line, and returns everything
	// that is wrong, joined, each with what to do about it. It changes nothing.
	Check(ctx context.Context, say func(line string)) error
}

// A Lister can say what the upstream has, independently of what was read. It is
// how completeness is proven.
type Lister interface {
	// List gives every event that the upstream has with since <= occurred <
	// until, in any order, one record at a time, until each returns an error.
	// It fails where the upstream has let go of events of that time.
	List(ctx context.Context, since, until time.Time, each func(event.Record) error) error
}

// A Counter can say how many events the upstream has, without their ids.
type Counter interface {
	// Count gives the number of events by the hour in which they occurred, for
	// since <= occurred < until; both are whole hours. Hours without events may
	// be left out; those that the upstream has let go of have -1.
	Count(ctx context.Context, since, until time.Time) (map[time.Time]int, error)
}

// A Repairer takes records that its Lister gave and that are missing, for its
// Run to emit: that of this process or of another, now or at the next start.
type Repairer interface {
	// Repair puts the records down durably. Run emits them, marked Late and Repair.
	Repair(records []event.Record) error

	// Unrepaired is the number of records that were put down and not emitted
	// yet, as far as the disk says.
	Unrepaired() (int, error)
}

// A Prover keeps what was proven complete, for its figures.
type Prover interface {
	// Prove says that everything that occurred from since to until was found in
	// the journal, by id or by number.
	Prove(since, until time.Time) error
}

// A Rereader is a source that reads again, after a restart, what it has handed
// over before.
type Rereader interface {
	// Rereads says from which time on, by when events occurred, a run that
	// begins at a position may hand over again what an earlier run has handed
	// over. The zero time: nothing is.
	Rereads(from event.Position) time.Time
}

// Monitor is where a source tells how it is doing. Its methods may be called at
// any time from any goroutine, and do not block.
type Monitor interface {
	// Connected says whether the upstream answers.
	Connected(yes bool)

	// Failed counts a failure that the source lives through. Reason is short
	// and from a bounded set.
	Failed(reason string, err error)

	// Complete says that everything up to t is known to have been emitted.
	Complete(t time.Time)

	// Waiting says what the source waits for, and when it will try next (zero:
	// it does not know). An empty text means that it is working.
	Waiting(text string, next time.Time)

	// Gauge sets a figure of the kind's own, for the status and as a metric
	// shiplog_source_<name>. The kind declares its names in its Factory.
	Gauge(name string, value float64)
}

// Deps is what a source is given besides its configuration.
type Deps struct {
	Name    string // of the source in the config
	Log     *slog.Logger
	Monitor Monitor

	// StateDir is a directory of the source's own for what is not a position:
	// it may not exist yet. Empty: there is none.
	StateDir string

	// Once: read what is there now, then return.
	Once bool

	// UserAgent names us to servers.
	UserAgent string
}
