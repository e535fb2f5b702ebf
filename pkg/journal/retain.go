package journal

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// sweepInterval is how often segments are looked at that have become old.
func (j *Journal) sweepInterval() time.Duration {
	return min(max(j.cfg.Retain/10, time.Second), time.Minute)
}

// retire removes the segments that every sink has passed and that are old
// enough.
func (j *Journal) retire() {
	for j.oldestRetired() {
		j.removeOldest()
	}
}

// oldestRetired reports whether the oldest segment may go. A segment's age is
// that of its last event, which is the age of the segment after it.
func (j *Journal) oldestRetired() bool {
	j.mu.Lock()
	if len(j.segments) < 2 {
		j.mu.Unlock()
		return false
	}
	after := j.segments[1]
	passed, ended := after.first <= j.watermark+1, after.created
	j.mu.Unlock()
	if !passed {
		return false
	}
	if ended.IsZero() {
		ended = j.readCreated(after)
	}
	return time.Since(ended) >= j.cfg.Retain
}

// readCreated reads when a segment was begun. A segment that cannot tell counts
// as new.
func (j *Journal) readCreated(s *segment) time.Time {
	created := time.Now()
	if h, _, ok, err := readSegmentHeader(j.disk, j.dir, s.first); err == nil && ok {
		created = time.Unix(0, h.created)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.created = created
	return created
}

// removeOldest removes the oldest segment. Readers that have it open read on. A
// file that cannot be removed is found again by the next start.
func (j *Journal) removeOldest() {
	j.mu.Lock()
	oldest := j.segments[0]
	j.segments = j.segments[1:]
	next := j.segments[0]
	fresh := next.created.IsZero()
	j.mu.Unlock()
	if fresh {
		j.readCreated(next) // for Stats
	}
	name := segmentName(oldest.first)
	if err := j.disk.remove(filepath.Join(j.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		j.log.Warn("old segment cannot be removed", "segment", name, "err", err)
		return
	}
	j.log.Debug("segment removed", "segment", name)
}
