package sinks

import (
	"context"
	"log/slog"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// A Sink delivers batches to one destination. It neither retries nor sleeps: it
// reports what happened, and its shipper decides what follows.
type Sink interface {
	// Deliver sends one batch. With a nil error, every event that the report
	// does not list is accepted for good; with an error nothing may be assumed,
	// and the batch comes again, whole or in parts: an error's fault.Kind says
	// which. At most Common.Concurrency calls run at once; with one, batches
	// come in the order of the journal. Deliver must not keep
	// batch after it returns, nor a string of one of its events: their memory is
	// used again.
	Deliver(ctx context.Context, batch Batch) (Report, error)

	// Close gives up connections. No Deliver is running or will follow.
	Close(ctx context.Context) error
}

// A Resumer knows by itself how far it has got, and more exactly than the
// cursor that the journal keeps for it.
type Resumer interface {
	// Resume is called once, before the first Deliver, with the journal's
	// cursor, and again only after an error, which has the same kinds as
	// Deliver's. It returns the sequence up to which everything was accepted
	// for good. Where that is ahead of the cursor, the events between are
	// counted as delivered and not sent again; what is behind the cursor is
	// ignored.
	Resume(ctx context.Context, cursor uint64) (uint64, error)
}

// A Checker can try its configuration out against the real thing.
type Checker interface {
	// Check connects, says what it found line by line, and returns everything
	// that is wrong, joined, each with what to do about it. It changes nothing.
	Check(ctx context.Context, say func(line string)) error
}

// Batch is a run of events in the order of the journal.
type Batch struct {
	Items []Item

	// Through is the sequence up to which the sink has been given everything
	// it is to get once this batch is accepted: at least the last item's, and
	// beyond it where the events that follow were filtered out.
	Through uint64

	// Replay marks events that are shipped again on request, beside the live
	// cursor. A Resumer does not record them as progress.
	Replay bool
}

// Item is one event, encoded for the sink.
type Item struct {
	// Event is what is known of the event besides its document: Doc is empty.
	Event *event.Event

	// Body is the event in the sink's format: one line, without a line break at
	// its end. Where the kind wants JSON, a text is a JSON string; a dead letter
	// that comes again may still be a bare text.
	Body []byte

	// Number is the delivery number, as in event.Delivery.
	Number uint64
}

// Bytes is the size of all bodies.
func (b Batch) Bytes() int {
	n := 0
	for i := range b.Items {
		n += len(b.Items[i].Body)
	}
	return n
}

// Report lists the events of a batch that were not simply accepted. The zero
// Report: all were.
type Report struct {
	Results []Result
}

// Result is what became of one event.
type Result struct {
	Index   int // in Batch.Items
	Outcome Outcome

	// Err says why, for Again and Refused. A fault in it gives the reason and
	// the wait.
	Err error
}

// Outcome is what became of one event.
type Outcome uint8

// The outcomes that a report lists.
const (
	// Duplicate: the destination had it already. That is as good as accepted.
	Duplicate Outcome = iota + 1

	// Again: not accepted this time. It comes again.
	Again

	// Refused: the destination said that it will never take this event. It
	// becomes a dead letter.
	Refused
)

// Monitor is where a sink tells what only it knows. Its methods may be called
// from any goroutine and do not block.
type Monitor interface {
	// Request counts a request to the destination: its status (an HTTP status,
	// a protocol's error name, "ok", "error"), how long it took and the bytes
	// that went over the wire.
	Request(status string, took time.Duration, bytes int)

	// Waiting says what the sink waits for inside a Deliver, such as an
	// acknowledgement. An empty text means that it no longer waits.
	Waiting(text string)
}

// Deps is what a sink is given besides its configuration.
type Deps struct {
	Name    string // of the sink in the config
	Log     *slog.Logger
	Monitor Monitor

	// StateDir is a directory of the sink's own, for what must survive a
	// restart. It may not exist yet.
	StateDir string

	// Agent identifies this agent for ever, across restarts: good for a
	// transactional id or a channel. Empty in a Check of one that has not run
	// yet.
	Agent string

	// Journal identifies the journal that sequences are of. A Resumer that
	// keeps a sequence elsewhere keeps this beside it, and does not use what
	// another journal has left. Empty: not known.
	Journal string

	// UserAgent names us to servers.
	UserAgent string
}
