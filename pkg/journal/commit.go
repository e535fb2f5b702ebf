package journal

import (
	"errors"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

const (
	groupBytes  = 16 << 20 // of the frames written at once
	groupFrames = 512      // the system takes at most 1024 parts in one write

	// allocateStep is how much of a segment is allocated ahead, so that a sync
	// after an append need not also write the file's new size.
	allocateStep = 4 << 20

	// padStep is how much of that is written with zeros ahead while appends are
	// at most padLargest. A file system marks what was only allocated, and a sync
	// after the first write there must store the mark's change too, mostly by a
	// commit to its own journal: with small appends that costs more than the data.
	padStep    = 256 << 10
	padLargest = padStep / 8
)

// writer is the state of the segment that is written to.
type writer struct {
	f         file
	seg       *segment
	offset    int64 // where the next frame goes
	allocated int64 // the file's size
	padded    int64 // up to here zeros were written
	zeros     [16 << 10]byte
	next      uint64
	chain     [32]byte
	appended  int64 // time of the last frame: the next one is not earlier
	previous  uint64
	log       [16]byte
	sealed    bool // a new segment must be begun
}

// write is the one goroutine that writes to the journal.
func (j *Journal) write() {
	defer close(j.ended)
	sweep := time.NewTicker(j.sweepInterval())
	defer sweep.Stop()
	for {
		select {
		case <-j.work:
		case <-j.room:
			j.retire()
		case <-sweep.C:
			j.retire()
			j.takeReserve()
		case <-j.stop:
			j.finish()
			return
		}
		j.commitAll()
	}
}

// finish stores what waits, once, and gives the rest up.
func (j *Journal) finish() {
	for {
		group := j.take()
		if len(group) == 0 {
			break
		}
		if err := j.commit(group); err != nil {
			if errors.Is(err, errFull) || NoSpace(err) {
				err = ErrClosed
			}
			j.fail(group, err)
			break
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fatal == nil && !j.w.sealed {
		_ = j.w.cut() // only for tidiness: zeros are read as nothing
	}
	_ = j.w.f.Close() // all that counts was synced
	j.announce()
}

// commitAll stores all that waits. While there is no room for it, it waits.
func (j *Journal) commitAll() {
	for {
		group := j.take()
		if len(group) == 0 {
			return
		}
		err := j.commit(group)
		switch {
		case err == nil:
		case errors.Is(err, errFull), NoSpace(err):
			j.putBack(group)
			j.setFull(true)
			if !j.findRoom(NoSpace(err)) {
				return
			}
		default:
			j.fail(group, err)
			return
		}
	}
}

// take returns the appends that are written next: as many as go into one write
// and into what is left of the segment, but at least one.
func (j *Journal) take() []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fatal != nil {
		return nil
	}
	left := min(j.cfg.SegmentSize-j.w.offset, groupBytes)
	n := 0
	for n < len(j.queue) && n < groupFrames {
		left -= int64(len(j.queue[n].frame))
		if n > 0 && left < 0 {
			break
		}
		j.queue[n].taken = true
		n++
	}
	group := slices.Clone(j.queue[:n])
	j.queue = slices.Delete(j.queue, 0, n)
	return group
}

// putBack undoes take. Who has stopped waiting is let go.
func (j *Journal) putBack(group []*request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := make([]*request, 0, len(group)+len(j.queue))
	for _, r := range group {
		r.taken = false
		if r.cancelled != nil {
			r.err = r.cancelled
			close(r.done)
			continue
		}
		kept = append(kept, r)
	}
	j.queue = append(kept, j.queue...)
}

// fail ends all appends with err: those of the group, those that wait, and,
// unless the journal is only closing, those that come.
func (j *Journal) fail(group []*request, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !errors.Is(err, ErrClosed) {
		fatal, ok := errors.AsType[*FatalError](err)
		if !ok {
			fatal = &FatalError{Op: "write", Err: err}
		}
		j.fatal, err = fatal, fatal
		j.log.Error("journal cannot be written to any more: the process must stop", "err", err)
	}
	for _, r := range append(group, j.queue...) {
		r.err = err
		close(r.done)
	}
	j.queue = nil
}

// commit writes and syncs a group, and makes it visible. With an error for want
// of room the group can be committed again.
func (j *Journal) commit(group []*request) error {
	var size int64
	for _, r := range group {
		size += int64(len(r.frame))
	}
	if err := j.prepare(size); err != nil {
		return err
	}
	chain, err := j.writeGroup(group, size)
	if err != nil {
		return err
	}
	started := time.Now()
	if err := j.w.f.datasync(); err != nil {
		return &FatalError{Op: "sync " + segmentName(j.w.seg.first), Err: err}
	}
	j.metrics.Synced(time.Since(started))
	j.setFull(false)
	j.publish(group, chain)
	return nil
}

// prepare makes sure that the segment has room for size bytes, or begins a new
// one.
func (j *Journal) prepare(size int64) error {
	if err := j.makeRoom(size); err != nil {
		return err
	}
	if j.w.sealed || (j.w.offset+size > j.cfg.SegmentSize && j.w.next > j.w.seg.first) {
		if err := j.roll(); err != nil {
			return err
		}
	}
	return j.w.allocate(size, j.cfg.SegmentSize)
}

// allocate makes the file large enough for size more bytes, and larger where
// the disk has room.
func (w *writer) allocate(size, segmentSize int64) error {
	need := w.offset + size
	if need <= w.allocated {
		return nil
	}
	for _, to := range []int64{max(need, min(w.allocated+allocateStep, segmentSize)), need} {
		err := w.f.allocate(w.allocated, to-w.allocated)
		if err == nil {
			w.allocated = to
			return nil
		}
		if !NoSpace(err) {
			return err
		}
		if to == need {
			return errors.Join(err, w.cut())
		}
	}
	return nil
}

// cut gives back what is allocated after the last frame.
func (w *writer) cut() error {
	if err := w.f.truncate(w.offset); err != nil {
		return &FatalError{Op: "truncate " + segmentName(w.seg.first), Err: err}
	}
	w.allocated, w.padded = w.offset, w.offset
	return nil
}

// pad appends zeros to the parts of a write of size bytes, where it is small and
// goes beyond what has zeros.
func (w *writer) pad(parts [][]byte, size int64) [][]byte {
	end := w.offset + size
	if size > padLargest || end <= w.padded {
		return parts
	}
	w.padded = min(end+padStep, w.allocated)
	for at := end; at < w.padded; at += int64(len(w.zeros)) {
		parts = append(parts, w.zeros[:min(int64(len(w.zeros)), w.padded-at)])
	}
	return parts
}

// writeGroup numbers and links the frames, and writes them. It returns the
// chain's new end.
func (j *Journal) writeGroup(group []*request, size int64) ([32]byte, error) {
	w := &j.w
	now := max(time.Now().UnixNano(), w.appended)
	next, chain := w.next, w.chain
	parts := make([][]byte, len(group))
	for i, r := range group {
		r.first, r.appended = next, now
		next = r.next()
		chain = r.seal(r.frame, chain, r.digest)
		parts[i] = r.frame
	}
	if err := w.f.writeAt(w.pad(parts, size), w.offset); err != nil {
		if !NoSpace(err) {
			return chain, &FatalError{Op: "write " + segmentName(w.seg.first), Err: err}
		}
		return chain, errors.Join(err, w.cut())
	}
	w.allocated = max(w.allocated, w.offset+size)
	return chain, nil
}

// publish makes a durable group visible and answers those who wait for it.
func (j *Journal) publish(group []*request, chain [32]byte) {
	w := &j.w
	j.mu.Lock()
	for _, r := range group {
		// Under the lock, so that nobody has a frame in hand who can still be
		// told that the journal ends before it.
		if r.events > 0 {
			j.recent.add(r.header, r.source, r.body, r.memory)
		} else {
			r.memory.release()
		}
		w.seg.index.add(w.offset, &r.header)
		w.offset += int64(len(r.frame))
		w.next = r.next()
		w.appended = r.appended
		j.merge(r.source, r.position)
	}
	w.chain = chain
	w.seg.size = w.offset
	j.head = chain
	j.last = w.next - 1
	j.announce()
	j.mu.Unlock()
	for _, r := range group {
		if r.packed != nil {
			r.packed.release()
		}
		close(r.done)
	}
}

// merge applies a change to a source's position. The caller holds mu.
func (j *Journal) merge(source string, change event.Position) {
	if len(change) == 0 {
		return
	}
	p := j.positions[source].Merge(change)
	j.positions[source] = p
	if len(p) == 0 {
		delete(j.positions, source)
	}
}
