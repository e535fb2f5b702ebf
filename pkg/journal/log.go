package journal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// The names below the data directory.
const (
	segmentsDir   = "journal"
	quarantineDir = "quarantine"
	lockName      = "LOCK"
	reserveName   = "reserve"
	tempSuffix    = ".tmp"
)

const (
	defaultSegmentSize = 64 << 20
	minSegmentSize     = 4 << 10
)

// Journal is the log on disk. All methods may be called at any time from any
// goroutine.
type Journal struct {
	dir     string // of the segments
	cfg     Config
	codec   codec
	log     *slog.Logger
	metrics Metrics
	disk    disk
	lock    *dirLock
	damage  *damageLog
	reserve *reserve
	recent  *recent
	zip     *compressor
	unzip   *decompressor

	work  chan struct{} // something is queued; capacity 1
	room  chan struct{} // something may be removed; capacity 1
	stop  chan struct{}
	ended chan struct{} // closed when the writer has ended
	once  sync.Once

	id string // set by Open

	w writer // owned by the goroutine that runs write, once Open has returned

	mu        sync.Mutex // guards what follows
	queue     []*request
	segments  []*segment // oldest first; the last one is written to
	positions map[string]event.Position
	last      uint64
	head      [32]byte
	watermark uint64
	grown     chan struct{} // closed and replaced when there is more to read
	full      bool
	fullSince time.Time
	fatal     error
	closed    bool
}

// Open opens the journal in the data directory dir, makes it if it is not
// there, recovers it, and locks it for writing. Start-up reads the tail of one
// segment, whatever the backlog.
func Open(dir string, cfg Config, deps Deps) (*Journal, error) {
	return open(dir, cfg, deps, osDisk{})
}

func open(dir string, cfg Config, deps Deps, d disk) (_ *Journal, err error) {
	c, err := parseCodec(cfg.Compression)
	if err != nil {
		return nil, err
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = noMetrics{}
	}
	j := &Journal{
		dir:     filepath.Join(dir, segmentsDir),
		cfg:     cfg.settled(),
		codec:   c,
		log:     deps.Log,
		metrics: deps.Metrics,
		disk:    d,
		reserve: &reserve{disk: d, name: filepath.Join(dir, reserveName)},
		zip:     newCompressor(),
		unzip:   newDecompressor(),
		work:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		ended:   make(chan struct{}),
		grown:   make(chan struct{}),
	}
	j.recent = newRecent(recentBytes)
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: make the directory: %w", err)
	}
	if j.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = j.lock.release()
		}
	}()
	if j.damage, err = openDamageLog(dir, d, deps); err != nil {
		return nil, err
	}
	if err := j.recover(); err != nil {
		return nil, fmt.Errorf("journal: recover: %w", err)
	}
	j.id = identityText(j.w.log)
	j.takeReserve()
	go j.write()
	return j, nil
}

// settled returns the configuration with defaults for what is not set, and a
// segment size that leaves room for several segments below MaxSize.
func (c Config) settled() Config {
	if c.SegmentSize <= 0 {
		c.SegmentSize = defaultSegmentSize
	}
	if c.MaxSize > 0 {
		c.SegmentSize = min(c.SegmentSize, c.MaxSize/4)
	}
	c.SegmentSize = max(c.SegmentSize, minSegmentSize)
	return c
}

// ID tells this journal from every other, also from a later one in the same
// directory: what a sequence means elsewhere is told only together with it. Empty
// while the segment that would say it has lost its header.
func (j *Journal) ID() string { return j.id }

// Position returns the whole position of a source, nil if it has none. The
// caller may change the map, but not the bookmarks.
func (j *Journal) Position(source string) event.Position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.positions[source].Clone()
}

// Last is the sequence of the last durable event, 0 if there is none.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Oldest is the sequence of the oldest event that is kept; Last()+1 if none is.
func (j *Journal) Oldest() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segments[0].first
}

// Stats is a snapshot for status and metrics.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{
		First:     j.segments[0].first,
		Last:      j.last,
		Segments:  len(j.segments),
		Head:      j.head,
		Full:      j.full,
		FullSince: j.fullSince.UTC(),
	}
	for _, seg := range j.segments {
		s.Bytes += seg.size
	}
	if s.First <= s.Last {
		s.OldestTime = j.segments[0].created.UTC()
	}
	return s
}

// Watermark tells the journal up to which sequence every sink has acked: what
// lies wholly below it may go, once old enough.
func (j *Journal) Watermark(sequence uint64) {
	j.mu.Lock()
	rises := sequence > j.watermark
	j.watermark = max(j.watermark, sequence)
	j.mu.Unlock()
	if rises {
		signal(j.room)
	}
}

// Backlog is the number of bytes in segments after a sequence, exact to a
// frame near the end and estimated within a sealed segment.
func (j *Journal) Backlog(after uint64) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if after >= j.last {
		return 0
	}
	var n int64
	for i := len(j.segments) - 1; i >= 0; i-- {
		s := j.segments[i]
		if s.first > after {
			n += s.size
			continue
		}
		next := j.last + 1
		if i+1 < len(j.segments) {
			next = j.segments[i+1].first
		}
		return n + s.after(after, next)
	}
	return n
}

// after estimates the bytes of the segment's events after a sequence that lies
// in it. Next is the sequence after the segment.
func (s *segment) after(sequence, next uint64) int64 {
	if s.index != nil {
		return s.size - s.index.offset(sequence+1)
	}
	if sequence+1 >= next {
		return 0
	}
	share := float64(next-1-sequence) / float64(next-s.first)
	return int64(share * float64(s.size))
}

// Rest gives back the memory of the newest frames, which readers near the end
// share, and what is kept for frames to come. It is for a journal that nothing
// is appended to; a reader that comes later reads from disk.
func (j *Journal) Rest() {
	j.recent.clear()
	j.unzip.memories.clear()
}

// Close stores what waits, where there is room for it, and gives up the lock.
func (j *Journal) Close() error {
	j.once.Do(func() {
		j.mu.Lock()
		j.closed = true
		j.mu.Unlock()
		close(j.stop)
	})
	<-j.ended
	return j.lock.release()
}

// failed returns why nothing can be appended any more, nil if it can. The
// caller holds mu.
func (j *Journal) failed() error {
	switch {
	case j.fatal != nil:
		return j.fatal
	case j.closed:
		return ErrClosed
	default:
		return nil
	}
}

// announce wakes the readers that wait. The caller holds mu.
func (j *Journal) announce() {
	close(j.grown)
	j.grown = make(chan struct{})
}

// signal wakes the one who waits on c, now or the next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// removeTemporary removes what a crash left half made.
func removeTemporary(d disk, dir string) error {
	files, err := d.list(dir)
	if err != nil {
		return err
	}
	for name := range files {
		if strings.HasSuffix(name, tempSuffix) {
			if err := d.remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
