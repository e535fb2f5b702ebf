package journal

import (
	"errors"
	"fmt"
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
		if err := j.removeOldest(); err != nil {
			j.log.Warn("old segment cannot be removed", "err", err)
			return
		}
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

// removeOldest removes the oldest segment. Readers that have it open read on.
func (j *Journal) removeOldest() error {
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
		return fmt.Errorf("remove %s: %w", name, err)
	}
	j.log.Info("segment removed", "segment", name)
	return nil
}
