package journal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// Config is what users set.
type Config struct {
	SegmentSize int64         // bytes after which a segment is sealed
	MaxSize     int64         // bytes of all segments; 0: no limit
	Retain      time.Duration // a segment that every sink has passed is kept this long
	DropOldest  bool          // when full: drop the oldest segment instead of blocking
	Compression string        // none, s2 or zstd
}

// Deps is what the journal is given besides its configuration.
type Deps struct {
	Log     *slog.Logger
	Metrics Metrics

	// Lost is told of every run of sequences that can no longer be read: damage
	// found, or segments dropped because the journal was full. It is called
	// from Open, Append or a reader, holds up its caller, and must not append.
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

// Batch is one append: the events of one source and the change of its position
// after them. Either may be empty.
type Batch struct {
	Source   string
	Events   []event.Event
	Position event.Position
}

// ErrClosed is returned by a call on a closed journal.
var ErrClosed = errors.New("journal: closed")

// Journal is the log on disk. All methods may be called at any time from any
// goroutine.
type Journal struct{}

// Open opens the journal in dir, makes it if it is not there, recovers it, and
// locks it for writing. Start-up reads the tail of one segment, whatever the
// backlog.
func Open(dir string, cfg Config, deps Deps) (*Journal, error) {
	panic("not built")
}

// Append stores a batch as one frame and returns the first sequence it was
// given once it is durable; the sequences of a batch are consecutive. Appends
// that wait are written and synced together. While the journal or the disk is
// full it blocks until there is room or ctx ends. After a failed sync it
// returns a *FatalError, as does every later call: the process must stop.
func (j *Journal) Append(ctx context.Context, b Batch) (first uint64, err error) {
	panic("not built")
}

// Position returns the whole position of a source, nil if it has none.
func (j *Journal) Position(source string) event.Position { panic("not built") }

// Last is the sequence of the last durable event, 0 if there is none.
func (j *Journal) Last() uint64 { panic("not built") }

// Oldest is the sequence of the oldest event that is kept; Last()+1 if none is.
func (j *Journal) Oldest() uint64 { panic("not built") }

// Stats is a snapshot for status and metrics.
func (j *Journal) Stats() Stats { panic("not built") }

// Stats describes the journal.
type Stats struct {
	First, Last uint64 // sequences kept
	Segments    int
	Bytes       int64
	OldestTime  time.Time // when the oldest kept event was appended
	Head        [32]byte  // chain hash of the last frame
	Full        bool      // appends are blocked for want of room
	FullSince   time.Time
}

// Watermark tells the journal up to which sequence every sink has acked: what
// lies wholly below it may go, once old enough.
func (j *Journal) Watermark(sequence uint64) { panic("not built") }

// Backlog is the number of bytes in segments after a sequence, exact to a
// frame near the end and estimated within a sealed segment.
func (j *Journal) Backlog(after uint64) int64 { panic("not built") }

// Close syncs, and gives up the lock.
func (j *Journal) Close() error { panic("not built") }

// Reader reads frames in order, from a journal that may still grow. It belongs
// to one goroutine.
type Reader struct{}

// Read returns a reader whose first event is the first one kept at or after
// sequence from. Readers that are near the end share frames in memory; one that
// is far behind reads from disk.
func (j *Journal) Read(from uint64) *Reader { panic("not built") }

// Frame is one atomic append as it is read back.
type Frame struct {
	Source   string
	Events   []event.Event // valid for as long as they are referenced; shared: do not change them
	Appended time.Time
}

// Next returns the next frame with events, waiting for it if need be. Frames
// that cannot be read are passed over after Deps.Lost was told of them.
func (r *Reader) Next(ctx context.Context) (Frame, error) { panic("not built") }

// TryNext is Next without waiting: ok is false at the journal's end.
func (r *Reader) TryNext() (f Frame, ok bool, err error) { panic("not built") }

// Close gives up the reader's files.
func (r *Reader) Close() error { panic("not built") }

// Cursor is how far one sink has got, with what became of the events before it.
// Base+Delivered+Duplicate+Filtered+DeadLetter+Lost = Sequence.
type Cursor struct {
	Base       uint64 // the sequence before the first event that the sink was ever due
	Sequence   uint64 // everything up to here is settled
	Delivered  uint64
	Duplicate  uint64
	Filtered   uint64
	DeadLetter uint64
	Lost       uint64    // events that could no longer be read
	Numbered   uint64    // the last delivery number given to a settled event
	Acked      time.Time // when the cursor last moved
}

// LoadCursor reads the cursor of a sink; ok is false if it has none.
func LoadCursor(dir, sink string) (c Cursor, ok bool, err error) { panic("not built") }

// CursorFile writes one sink's cursor. It belongs to one goroutine.
type CursorFile struct{}

// OpenCursor opens or makes the cursor file of a sink in dir, which is the data
// directory's "cursors".
func OpenCursor(dir, sink string) (*CursorFile, Cursor, bool, error) { panic("not built") }

// Store replaces the cursor: after a crash of the process the last one stored
// is read back, after a power cut perhaps an earlier one. Never a torn one.
func (f *CursorFile) Store(c Cursor) error { panic("not built") }

// Close syncs and closes the file.
func (f *CursorFile) Close() error { panic("not built") }

// FatalError is a failure after which the journal must not be written to by
// this process: a sync that failed.
type FatalError struct {
	Op  string
	Err error
}

func (e *FatalError) Error() string { return "journal: " + e.Op + ": " + e.Err.Error() }
func (e *FatalError) Unwrap() error { return e.Err }
