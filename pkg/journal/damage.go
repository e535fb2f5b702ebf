package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// CorruptError reports bytes that are no sound frame, or a frame that does not
// fit to the one before it.
type CorruptError struct {
	Segment  string // file name without its directory
	Offset   int64  // where it starts, in bytes from the segment's start
	Sequence uint64 // the event that should come next
	Reason   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s at byte %d (sequence %d): %s", e.Segment, e.Offset, e.Sequence, e.Reason)
}

// lossesName is the file that remembers which damage was reported.
const lossesName = "losses.jsonl"

// damageLog sets damaged bytes aside and tells of what was lost, once.
type damageLog struct {
	dir  string
	disk disk
	deps Deps

	mu   sync.Mutex // guards what follows, and the order of reports
	seen map[place]bool
	size int64 // of the file
}

// place is where a loss was found.
type place struct {
	Segment string `json:"segment"`
	Offset  int64  `json:"offset"`
	First   uint64 `json:"first,omitempty"`
	Last    uint64 `json:"last,omitempty"`
	Aside   string `json:"aside,omitempty"`
}

func (p place) key() place { return place{Segment: p.Segment, Offset: p.Offset} }

func openDamageLog(dataDir string, d disk, deps Deps) (*damageLog, error) {
	l := &damageLog{dir: filepath.Join(dataDir, quarantineDir), disk: d, deps: deps, seen: map[place]bool{}}
	f, err := os.Open(filepath.Join(l.dir, lossesName))
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: read the losses known: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		l.size += int64(len(lines.Bytes())) + 1
		var p place
		if json.Unmarshal(lines.Bytes(), &p) == nil { // a torn line: reported again
			l.seen[p.key()] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("journal: read the losses known: %w", err)
	}
	return l, nil
}

// found tells of damage in bytes [from, to) of a segment, by which the
// sequences [first, next) were lost; perhaps none. From -1 is the whole
// segment. What was told before, in this process or another, is not told again.
func (l *damageLog) found(f io.ReaderAt, segment string, from, to int64, first, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := place{Segment: segment, Offset: from}
	if l.seen[p] {
		return
	}
	l.seen[p] = true
	if f != nil {
		p.Aside = l.setAside(f, segment, from, to)
	}
	l.deps.Metrics.Damaged(1)
	l.deps.Log.Error("journal is damaged: what cannot be read was set aside",
		"segment", segment, "offset", from, "bytes", max(to-from, 0),
		"first_lost", first, "lost", next-first, "aside", p.Aside)
	if next > first {
		p.First, p.Last = first, next-1
		l.tell(Loss{First: first, Last: next - 1, Reason: ReasonDamage, Segment: segment, Offset: from, Aside: p.Aside})
	}
	// Remembered only now: a crash before this line repeats the report.
	if err := l.remember(p); err != nil {
		l.deps.Log.Warn("damage cannot be remembered and will be reported again after a restart",
			"segment", segment, "err", err)
	}
}

// dropped tells of sequences that were removed because the journal was full.
func (l *damageLog) dropped(segment string, first, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deps.Log.Error("journal is full: its oldest events were dropped",
		"segment", segment, "first_lost", first, "lost", last-first+1)
	l.tell(Loss{First: first, Last: last, Reason: ReasonDropped, Segment: segment, Offset: -1})
}

func (l *damageLog) tell(loss Loss) {
	if l.deps.Lost != nil {
		l.deps.Lost(loss)
	}
}

// setAside copies bytes to the quarantine and returns the file's name; empty
// where that did not work: the bytes also stay where they are.
func (l *damageLog) setAside(f io.ReaderAt, segment string, from, to int64) string {
	name := filepath.Join(l.dir, fmt.Sprintf("%s-%d.bad", segment, from))
	if err := l.copy(name, f, from, to); err != nil {
		l.deps.Log.Warn("damaged bytes cannot be set aside", "segment", segment, "err", err)
		return ""
	}
	return name
}

func (l *damageLog) copy(name string, f io.ReaderAt, from, to int64) (err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	out, err := l.disk.create(name)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			_ = l.disk.remove(name)
		}
	}()
	b := make([]byte, 256<<10)
	for at := from; at < to; {
		n, err := f.ReadAt(b[:min(int64(len(b)), to-at)], at)
		if n == 0 {
			return err
		}
		if err := out.writeAt([][]byte{b[:n]}, at-from); err != nil {
			return err
		}
		at += int64(n)
	}
	return out.datasync()
}

func (l *damageLog) remember(p place) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f, err := l.disk.openWrite(filepath.Join(l.dir, lossesName))
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := f.writeAt([][]byte{line}, l.size); err != nil {
		return errors.Join(err, f.Close())
	}
	l.size += int64(len(line))
	return errors.Join(f.datasync(), f.Close())
}
