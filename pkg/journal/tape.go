package journal

import (
	"io"
	"sort"
)

// The journal as its own readers see it: up to what is durable, with the newest
// frames in memory.

func (j *Journal) recentFrame(sequence uint64) *recentFrame { return j.recent.find(sequence) }

func (j *Journal) reached(next uint64) bool { return next > j.Last() }

func (j *Journal) at(sequence uint64) (stretch, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].first > sequence })
	return j.stretch(max(i-1, 0)), true
}

func (j *Journal) after(first uint64) (stretch, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].first > first })
	if i == len(j.segments) {
		return stretch{}, false
	}
	return j.stretch(i), true
}

func (j *Journal) refresh(s stretch) stretch {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].first >= s.first })
	if i < len(j.segments) && j.segments[i].first == s.first {
		return j.stretch(i)
	}
	return s // removed: it was sealed, and grows no more
}

// stretch describes segment i. The caller holds mu.
func (j *Journal) stretch(i int) stretch {
	seg := j.segments[i]
	return stretch{first: seg.first, limit: seg.size, sealed: i+1 < len(j.segments), index: seg.index.snapshot()}
}

// snapshot returns an index that does not change any more.
func (x *index) snapshot() *index {
	if x == nil {
		return nil
	}
	c := *x
	if n := len(c.entries); n > 0 {
		// The last entry still grows, in place.
		c.entries = append(c.entries[:n-1:n-1], c.entries[n-1])
	}
	return &c
}

func (j *Journal) more() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.grown
}

func (j *Journal) lost(f io.ReaderAt, segment string, from, to int64, first, next uint64) {
	if f == nil && next <= j.Oldest() {
		return // removed, and told of if it mattered
	}
	j.damage.found(f, segment, from, to, first, next)
}

func (j *Journal) over() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	return nil
}

func (j *Journal) files() (disk, string, *decompressor) { return j.disk, j.dir, j.unzip }
