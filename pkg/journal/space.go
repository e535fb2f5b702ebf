package journal

import (
	"errors"
	"time"
)

// errFull: the journal has its largest size and nothing may be removed.
var errFull = errors.New("journal is full")

const (
	reserveBytes = 1 << 20

	// How long a full journal waits before it tries again by itself. Room made
	// by sinks is noticed at once, room on the disk only by trying.
	diskRetry = 250 * time.Millisecond
	fullRetry = time.Second
)

// makeRoom makes sure that size more bytes stay below the journal's limit. What
// every sink has passed goes first, whatever its age; then, where that is
// wanted, the oldest.
func (j *Journal) makeRoom(size int64) error {
	for j.cfg.MaxSize > 0 && j.bytes()+size > j.cfg.MaxSize {
		err := j.giveUpOldest()
		if errors.Is(err, errFull) && j.empty() {
			return nil // one batch alone is larger than the limit: it passes all the same
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// giveUpOldest removes the oldest segment, if every sink has passed it or if
// the oldest events are to be dropped. errFull: it must stay.
func (j *Journal) giveUpOldest() error {
	j.mu.Lock()
	oldest := j.segments[0]
	only := len(j.segments) == 1
	end := j.w.next
	if !only {
		end = j.segments[1].first
	}
	passed := end <= j.watermark+1
	kept := max(oldest.first, j.watermark+1)
	j.mu.Unlock()
	if (!passed && !j.cfg.DropOldest) || end == oldest.first {
		return errFull
	}
	if only { // it is written to: what follows goes elsewhere
		if err := j.roll(); err != nil {
			return err
		}
	}
	if !passed {
		j.damage.dropped(segmentName(oldest.first), kept, end-1)
	}
	j.removeOldest()
	return nil
}

func (j *Journal) bytes() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var n int64
	for _, s := range j.segments {
		n += s.size
	}
	return n
}

// empty reports whether no events are kept.
func (j *Journal) empty() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segments[0].first > j.last
}

// setFull tells whether appends are blocked.
func (j *Journal) setFull(full bool) {
	j.mu.Lock()
	changed := j.full != full
	j.full = full
	if changed {
		j.fullSince = time.Time{}
		if full {
			j.fullSince = time.Now()
		}
	}
	j.mu.Unlock()
	if !changed {
		return
	}
	j.metrics.Full(full)
	if full {
		j.log.Warn("no room: appends wait", "bytes", j.bytes(), "max_bytes", j.cfg.MaxSize)
		return
	}
	j.log.Info("there is room again: appends go on")
}

// findRoom waits until it is worth trying again; false when the journal closes
// or fails. When it is the disk that is full, what can be given up is given up
// first.
func (j *Journal) findRoom(disk bool) bool {
	if !disk {
		return j.awaitRoom(fullRetry)
	}
	j.reserve.give()
	err := j.giveUpOldest()
	switch {
	case err == nil:
		return true
	case errors.Is(err, errFull), NoSpace(err):
		return j.awaitRoom(diskRetry)
	default:
		j.fail(nil, err)
		return false
	}
}

// awaitRoom waits until the sinks have moved, but no longer than wait; false
// when the journal closes.
func (j *Journal) awaitRoom(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-j.room:
	case <-timer.C:
	case <-j.stop:
		return false
	}
	return true
}

// reserve is a file that holds room on the disk for cursors and dead letters,
// for when the journal has taken all the rest.
type reserve struct {
	disk disk
	name string
	held bool // owned by the writer
}

// take makes the file. It may fail: then there is no reserve.
func (r *reserve) take() error {
	if r.held {
		return nil
	}
	f, err := r.disk.create(r.name)
	if err != nil {
		return err
	}
	err = errors.Join(f.allocate(0, reserveBytes), f.Close())
	if err != nil {
		_ = r.disk.remove(r.name)
		return err
	}
	r.held = true
	return nil
}

// give removes the file.
func (r *reserve) give() {
	if r.held {
		r.held = false
		_ = r.disk.remove(r.name)
	}
}

// takeReserve makes the reserve if there is none.
func (j *Journal) takeReserve() {
	if err := j.reserve.take(); err != nil {
		j.log.Warn("no room on the disk to hold in reserve", "err", err)
	}
}
