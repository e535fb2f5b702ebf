package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// viewPoll is how often a reader that follows a journal of another process
// looks for more.
const viewPoll = 100 * time.Millisecond

// View reads a journal that another process may be writing to. It takes no
// lock and changes nothing. It may see frames that are written but not durable
// yet. All methods may be called from any goroutine.
type View struct {
	dir   string
	disk  disk
	unzip *decompressor

	mu       sync.Mutex // guards what follows
	segments []*segment
	tail     tail
}

// tail is what is known of the last segment's end.
type tail struct {
	first    uint64 // of the segment
	offset   int64  // up to here it was looked at
	next     uint64
	head     [32]byte
	appended int64
}

// OpenReadOnly opens the journal in the data directory dir for reading. A
// directory without a journal gives an error for which
// errors.Is(err, os.ErrNotExist) holds.
func OpenReadOnly(dir string) (*View, error) {
	v := &View{dir: filepath.Join(dir, segmentsDir), disk: osDisk{}, unzip: newDecompressor()}
	if err := v.look(); err != nil {
		return nil, err
	}
	return v, nil
}

// look lists the segments anew.
func (v *View) look() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	segments, err := listSegments(v.disk, v.dir)
	if err == nil && len(segments) == 0 {
		err = fmt.Errorf("no segments in %s: %w", v.dir, os.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("journal: open for reading: %w", err)
	}
	v.segments = segments
	return nil
}

// ID tells the journal from every other, as Journal.ID; empty where no segment
// says it any more.
func (v *View) ID() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range slices.Backward(v.segments) {
		if h, _, ok, err := readSegmentHeader(v.disk, v.dir, s.first); err == nil && ok {
			return identityText(h.log)
		}
	}
	return ""
}

// Last is the sequence of the last event, 0 if there is none.
func (v *View) Last() (uint64, error) {
	s, err := v.Stats()
	return s.Last, err
}

// Oldest is the sequence of the oldest event that is kept; Last()+1 if none is.
func (v *View) Oldest() (uint64, error) {
	if err := v.look(); err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.segments[0].first, nil
}

// Stats is a snapshot. It reads the last segment's headers, from where it got
// to the last time. Full and FullSince are not known.
func (v *View) Stats() (Stats, error) {
	if err := v.look(); err != nil {
		return Stats{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.readTail(); err != nil {
		return Stats{}, fmt.Errorf("journal: %w", err)
	}
	s := Stats{First: v.segments[0].first, Last: v.tail.next - 1, Segments: len(v.segments), Head: v.tail.head}
	for _, seg := range v.segments[:len(v.segments)-1] {
		s.Bytes += seg.size
	}
	s.Bytes += v.tail.offset // without what is allocated ahead
	if s.First <= s.Last {
		if h, _, ok, err := readSegmentHeader(v.disk, v.dir, s.First); err == nil && ok {
			s.OldestTime = time.Unix(0, h.created).UTC()
		}
	}
	return s, nil
}

// readTail reads on in the last segment. The caller holds mu.
func (v *View) readTail() error {
	last := v.segments[len(v.segments)-1]
	if v.tail.first != last.first {
		v.tail = tail{first: last.first, offset: segmentHeaderSize, next: last.first}
	}
	f, err := v.disk.open(filepath.Join(v.dir, segmentName(last.first)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	scan := newScanner(f, v.tail.offset, last.size)
	scan.open, scan.reuse, scan.floor = true, true, v.tail.next
	for {
		raw, err := scan.next()
		if _, gap := errors.AsType[*gapError](err); gap {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		v.tail.offset, v.tail.next, v.tail.head = scan.offset, raw.next(), raw.chain
		v.tail.appended = raw.appended
	}
}

// Positions returns the whole positions of all sources.
func (v *View) Positions() (map[string]event.Position, error) {
	if err := v.look(); err != nil {
		return nil, err
	}
	v.mu.Lock()
	segments := v.segments
	v.mu.Unlock()
	j := &Journal{dir: v.dir, disk: v.disk, segments: segments}
	p, err := j.positionsAt(len(segments) - 1)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return p, nil
}

// Read returns a reader whose first event is the first one kept at or after
// sequence from. Its Next follows the journal as it grows.
func (v *View) Read(from uint64) *Reader {
	return &Reader{tape: v, next: max(from, v.oldest())}
}

// ReadTime is Journal.ReadTime.
func (v *View) ReadTime(from uint64, since, until time.Time) *Reader {
	return &Reader{tape: v, next: max(from, v.oldest()), since: since, until: until}
}

func (v *View) oldest() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.segments[0].first
}

// The view as its readers see it.

func (v *View) recentFrame(uint64) *recentFrame { return nil }

func (v *View) reached(uint64) bool { return false }

func (v *View) at(sequence uint64) (stretch, bool) {
	_ = v.look() // what was known before still serves
	v.mu.Lock()
	defer v.mu.Unlock()
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].first > sequence })
	return v.stretch(max(i-1, 0)), true
}

func (v *View) after(first uint64) (stretch, bool) {
	_ = v.look() // what was known before still serves
	v.mu.Lock()
	defer v.mu.Unlock()
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].first > first })
	if i == len(v.segments) {
		return stretch{}, false
	}
	return v.stretch(i), true
}

func (v *View) refresh(s stretch) stretch {
	_ = v.look() // what was known before still serves
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, seg := range v.segments {
		if seg.first == s.first {
			return v.stretch(i)
		}
	}
	return s
}

// stretch describes segment i. The caller holds mu.
func (v *View) stretch(i int) stretch {
	sealed := i+1 < len(v.segments)
	return stretch{first: v.segments[i].first, limit: v.segments[i].size, sealed: sealed, open: !sealed}
}

func (v *View) more() <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(viewPoll, func() { close(c) })
	return c
}

// lost does nothing: the agent that owns the journal tells of it.
func (v *View) lost(io.ReaderAt, string, int64, int64, uint64, uint64) {}

func (v *View) over() error { return nil }

func (v *View) files() (disk, string, *decompressor) { return v.disk, v.dir, v.unzip }
