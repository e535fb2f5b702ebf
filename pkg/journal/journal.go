package journal

import (
	"errors"
	"log/slog"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// Config is what users set.
type Config struct {
	SegmentSize int64         // bytes after which a segment is sealed; 0: 64 MiB
	MaxSize     int64         // bytes of all segments, to within one footer; 0: no limit. It beats Retain: what every sink has passed goes first
	Retain      time.Duration // a segment that every sink has passed is kept this long
	DropOldest  bool          // when full: drop the oldest segment instead of blocking
	Compression string        // none, s2 or zstd; empty: none
}

// Deps is what the journal is given besides its configuration.
type Deps struct {
	Log     *slog.Logger // nil: nothing is logged
	Metrics Metrics      // nil: nothing is measured

	// Lost is told of every run of sequences that can no longer be read: damage
	// found, or segments dropped because the journal was full. It is called
	// from Open, Append or a reader, holds up its caller, and must not append.
	// Damage is reported once: the journal remembers it across restarts. Nil:
	// nobody is told.
	Lost func(Loss)
}

// Metrics is what the journal measures.
type Metrics interface {
	Appended(events, bytes int, took time.Duration)
	Synced(took time.Duration)
	Full(yes bool)
	Damaged(frames int)
}

// Loss is a run of events that cannot be read any more.
type Loss struct {
	First, Last uint64 // sequences, inclusive
	Reason      string // "damage" or "dropped"
	Segment     string // file name without its directory
	Offset      int64  // where the damage starts, in bytes from the segment's start; -1: the whole segment
	Aside       string // file that the damaged bytes were copied to; empty: none
}

// The reasons of a Loss.
const (
	ReasonDamage  = "damage"
	ReasonDropped = "dropped"
)

// Batch is one append: the events of one source and the change of its position
// after them. Either may be empty.
type Batch struct {
	Source   string
	Events   []event.Event // their Sequence is not looked at
	Position event.Position
}

// Frame is one atomic append as it is read back.
type Frame struct {
	Source   string
	Events   []event.Event // valid until Release; shared: do not change them
	Appended time.Time

	memory *memory // of the events
}

// Stats describes the journal.
type Stats struct {
	First, Last uint64 // sequences kept
	Segments    int
	Bytes       int64
	OldestTime  time.Time // when the oldest kept event was appended, exact to a segment
	Head        [32]byte  // chain hash of the last frame
	Full        bool      // appends are blocked for want of room
	FullSince   time.Time
}

// ErrClosed is returned by a call on a closed journal.
var ErrClosed = errors.New("journal: closed")

// FatalError is a failure after which the journal must not be written to by
// this process: a sync that failed.
type FatalError struct {
	Op  string
	Err error
}

func (e *FatalError) Error() string { return "journal: " + e.Op + ": " + e.Err.Error() }
func (e *FatalError) Unwrap() error { return e.Err }

// noMetrics measures nothing.
type noMetrics struct{}

func (noMetrics) Appended(int, int, time.Duration) {}
func (noMetrics) Synced(time.Duration)             {}
func (noMetrics) Full(bool)                        {}
func (noMetrics) Damaged(int)                      {}
