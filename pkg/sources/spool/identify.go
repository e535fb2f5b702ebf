package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// identify tells a file that was not seen before from those that were: it may
// carry on one that is gone, compressed or copied. It returns false while that
// cannot be known.
func (r *reader) identify(f *file) (bool, error) {
	begins := &beginning{sums: make(map[int]digest)}
	n, err := f.src.ReadAt(r.scratch[:headSize], 0)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errDamaged) {
		return false, err
	}
	begins.bytes = slices.Clone(r.scratch[:n])
	r.restartReplaced(f, begins)
	kin := r.kin[f.kin]
	recent := r.now().Sub(f.mtime) < r.timing.hold
	var found *file
	partly := false
	for _, k := range kin {
		if k != f && k.mark.offset == 0 && k.live(r.scans) && r.copyOfUnread(f, k, begins, recent) {
			return false, nil // k is read first
		}
		if k == f || !k.known || k.mark.offset == 0 || found != nil && k.mark.offset <= found.mark.offset {
			continue
		}
		packs := f.packing != plain && k.packing == plain // a compressed copy of a plain file
		live := k.live(r.scans)
		settled := live && !packs && (!recent || r.once)
		if settled && !f.stray {
			continue // two files that begin alike, and both are there
		}
		if k.mark.headLen() < 32 && k.mark.path != f.mark.path && !packs {
			continue // too little to go by
		}
		if !begins.like(k) {
			continue
		}
		if live {
			if begins.longEnough(k) || samePrefix(k, begins.bytes) {
				if settled {
					f.copied = true
					continue
				}
				return false, nil // it is being copied or compressed: wait for what becomes of k
			}
			continue
		}
		ok, err := matches(f.src, &k.mark, r.scratch[:])
		if err != nil && !errors.Is(err, errDamaged) {
			return false, err
		}
		if ok {
			found = k
		}
		partly = partly || !ok
	}
	if found == nil && recent && !r.once && (partly || n == 0) {
		return false, nil // it begins like one that is gone, but is not all there yet
	}
	if f.stray && found == nil && f.packing != plain {
		name := packedSuffix.ReplaceAllString(f.mark.path, "")
		if _, err := os.Lstat(name); err == nil && name != f.mark.path {
			return false, nil // an old file that is being compressed: its time is not set yet
		}
	}
	f.known = true
	f.checked = false
	if found != nil {
		r.takeOver(f, found)
	}
	return true, nil
}

// restartReplaced restarts those of f's family that no longer have the content
// that they are known for: f may be where it went.
func (r *reader) restartReplaced(f *file, begins *beginning) {
	for _, k := range slices.Clone(r.kin[f.kin]) {
		if k == f || !k.known || k.mark.offset == 0 || !k.live(r.scans) || k.verified == r.scans || !begins.like(k) {
			continue
		}
		k.verified = r.scans
		if replaced, err := replaced(k, r.scratch[:]); err == nil && replaced {
			r.restart(k)
			r.queue.add(k)
		}
	}
}

// replaced opens k apart from its own reading, which may be in the middle.
func replaced(k *file, scratch []byte) (bool, error) {
	raw, err := os.Open(k.mark.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = raw.Close() }()
	info, err := raw.Stat()
	if err != nil {
		return false, err
	}
	if id, _ := inodeOf(info); id != k.id {
		return false, nil
	}
	var src content = raw
	if k.packing != plain {
		src = &unpacked{file: raw, kind: k.packing}
	}
	same, err := matches(src, &k.mark, scratch)
	return !same, err
}

// unseen says whether a stray holds lines that were never seen: it was written
// and rotated away while nobody looked.
func (f *file) unseen() bool {
	return !f.copied && f.after > 0 && f.mtime.UnixNano() > f.after
}

// copyOfUnread says whether f seems to be what rotation makes of k, of which
// nothing was read yet: a compressed or a plain copy.
func (r *reader) copyOfUnread(f, k *file, begins *beginning, recent bool) bool {
	packs := f.packing != plain && (k.packing == plain || k.packing == unsure)
	copies := recent && !r.once && f.packing == plain && k.mark.path == k.kin && f.mark.path != f.kin
	return (packs || copies) && len(begins.bytes) > 0 && samePrefix(k, begins.bytes)
}

// A beginning is the first bytes of a file that is to be told apart.
type beginning struct {
	bytes []byte
	sums  map[int]digest // of so many of them
}

// longEnough says whether the bytes are enough to be sure of like.
func (b *beginning) longEnough(k *file) bool { return len(b.bytes) >= k.mark.headLen() }

// like says whether k may begin like this. It reads no file: there may be
// thousands to be told from.
func (b *beginning) like(k *file) bool {
	n := min(len(b.bytes), len(k.start))
	if !bytes.Equal(b.bytes[:n], k.start[:n]) {
		return false
	}
	n = k.mark.headLen()
	if len(b.bytes) < n {
		return true
	}
	sum, ok := b.sums[n]
	if !ok {
		sum = digestOf(b.bytes[:n])
		b.sums[n] = sum
	}
	return sum == k.mark.head
}

// samePrefix says whether k, a plain file, begins with want.
func samePrefix(k *file, want []byte) bool {
	if k.packing != plain && k.packing != unsure {
		return false
	}
	raw := k.raw
	if raw == nil {
		var err error
		if raw, err = os.Open(k.mark.path); err != nil {
			return false
		}
		defer func() { _ = raw.Close() }()
	}
	got := make([]byte, len(want))
	n, _ := raw.ReadAt(got, 0)
	return n > 0 && bytes.Equal(got[:n], want[:n])
}

// live says whether a file that has k's content is on disk or open.
func (f *file) live(scan int) bool {
	return f.src != nil || f.id != inode{} && f.scan == scan && !f.lost
}

// takeOver makes f go on where k ended, under k's key.
func (r *reader) takeOver(f, k *file) {
	r.log.Info("file carries on another", "path", f.mark.path, "of", k.mark.path, "offset", k.mark.offset)
	delete(r.files, f.key)
	r.remove(k)
	delete(r.batch.touched, k) // the part is f's now
	path := f.mark.path
	f.key, f.mark = k.key, k.mark
	f.start, f.head, f.last = nil, nil, nil
	f.mark.path, f.mark.dev, f.mark.ino, f.mark.gone, f.mark.bad = path, f.id.dev, f.id.ino, 0, 0
	f.moved, f.stray, f.skip = path != k.mark.path, false, false
	r.files[f.key] = f
	r.batch.touched[f] = struct{}{}
}

// skipToEnd puts f's bookmark behind the last line that is complete.
func (r *reader) skipToEnd(f *file) error {
	f.skip = false
	buf := make([]byte, 256<<10)
	var off, end int64 // end: behind the last line feed
	if f.packing == plain {
		off = max(0, f.size-int64(r.maxLine))
	}
	for {
		n, err := f.src.ReadAt(buf, off)
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				end = off + int64(i) + 1
				break
			}
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if end == 0 && off > int64(r.maxLine) {
		end = off
	}
	f.mark.offset = end
	head, tail := make([]byte, f.mark.headLen()), make([]byte, f.mark.tailLen())
	if _, err := f.src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := f.src.ReadAt(tail, end-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("find the end: %w", err)
	}
	f.mark.head, f.mark.tail = digestOf(head), digestOf(tail)
	f.head, f.last = slices.Clip(head), tail
	if len(head) == headSize {
		f.head = nil
	}
	r.batch.touched[f] = struct{}{}
	return nil
}
