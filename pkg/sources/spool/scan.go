package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxGone bounds how many files that are gone are remembered.
const maxGone = 10000

// scan looks at everything that the patterns match, finds known files under
// new names, and queues what changed.
func (r *reader) scan() {
	began := r.now()
	r.rescan = false
	r.scans++
	l := look(r.paths)
	for _, err := range l.errs {
		r.monitor.Failed(reasonOf(err), err)
	}
	r.watcher.watch(l.dirs)
	for _, path := range l.paths {
		r.visit(path, false)
	}
	r.findMoved(l)
	r.noteLost(l)
	r.forgetGone(l)
	r.skipAll = false
	r.scanned, r.scanTook = began, r.now().Sub(began)
	r.monitor.Connected(len(l.errs) == 0 && len(l.missing) < len(r.paths))
	for _, err := range l.errs {
		if r.once {
			r.troubles[err.Error()] = err
		}
	}
}

// visit looks at one path.
func (r *reader) visit(path string, stray bool) {
	info, err := os.Lstat(path)
	real := path
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if real, err = filepath.EvalSymlinks(path); err == nil {
			info, err = os.Stat(real)
			r.watcher.also(filepath.Dir(real))
		}
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.monitor.Failed(reasonOf(err), err)
			r.troubles[path] = err
		}
		return
	}
	if !info.Mode().IsRegular() {
		return
	}
	id, links := inodeOf(info)
	f := r.byID[id]
	if f != nil && f.scan == r.scans {
		return // the same file by another name
	}
	if f == nil {
		if stray && r.strays[id] == (stamp{info.Size(), info.ModTime().UnixNano()}) {
			return
		}
		f = &file{id: id, key: r.newKey(id), size: -1, stray: stray, skip: r.skipAll && !stray && info.Size() > 0}
		f.mark = bookmark{dev: id.dev, ino: id.ino, path: real}
		r.add(f)
		if stray {
			f.after = r.seenUntil(f)
		}
	}
	f.scan, f.lost, f.links = r.scans, false, links
	f.matched = !stray
	f.stray = f.stray && stray
	if f.mark.gone != 0 {
		f.mark.gone = 0
		r.batch.touched[f] = struct{}{}
	}
	r.place(f, real)
	if f.size != info.Size() || !f.mtime.Equal(info.ModTime()) {
		f.size, f.mtime = info.Size(), info.ModTime()
		r.queue.add(f)
	}
}

// seenUntil is when the log that f was rotated from had last changed when it
// was read (Unix nanoseconds); 0 where it never was. A file that was changed
// later was written and rotated away while nobody looked.
func (r *reader) seenUntil(f *file) int64 {
	var until int64
	for _, k := range r.kin[f.kin] {
		if k != f && k.known && k.mark.offset > 0 {
			until = max(until, k.mark.mtime)
		}
	}
	if until == 0 && !r.scanned.IsZero() {
		return r.scanned.UnixNano()
	}
	return until
}

// findMoved looks for files that no pattern matches any more, in the directory
// where they were, among the names that rotation makes.
func (r *reader) findMoved(l *listing) {
	wanted := make(map[string]map[string]struct{}) // directory → families
	for _, f := range r.files {
		if f.scan == r.scans && !f.stray {
			continue
		}
		dir, base := filepath.Split(f.kin)
		dir = filepath.Clean(dir)
		if wanted[dir] == nil {
			wanted[dir] = make(map[string]struct{})
		}
		wanted[dir][base] = struct{}{}
	}
	for dir, families := range wanted {
		for _, e := range l.read(dir) {
			if _, ok := families[family(e.Name())]; !ok || e.IsDir() {
				continue
			}
			path := filepath.Join(dir, e.Name())
			if _, matched := l.seen[path]; !matched {
				r.visit(path, true)
			}
		}
	}
}

// noteLost deals with files that were not found: what is open is read to its
// end, what is closed is gone.
func (r *reader) noteLost(l *listing) {
	for _, f := range r.files {
		if f.scan == r.scans || f.mark.gone != 0 {
			continue
		}
		switch {
		case f.src != nil:
			if !f.lost {
				f.lost = true
				r.queue.add(f)
			}
		case !f.known:
			r.drop(f) // nothing of it was read
		case l.readable(filepath.Dir(f.mark.path)):
			r.bury(f)
		default:
			f.lost = true
		}
	}
}

// bury marks f as gone.
func (r *reader) bury(f *file) {
	if f.src == nil && f.packing == plain && f.size > f.mark.offset {
		r.log.Warn("file vanished before it was read to its end", "path", f.mark.path, "offset", f.mark.offset, "size", f.size)
	}
	r.close(f)
	r.retryHeld()
	delete(r.waits, f)
	f.lost = true
	f.mark.gone = r.now().Unix()
	if f.mark.offset == 0 {
		r.drop(f)
		return
	}
	r.batch.touched[f] = struct{}{}
}

// forgetGone drops bookmarks of files that are gone for long.
func (r *reader) forgetGone(l *listing) {
	var gone []*file
	limit := r.now().Add(-r.timing.forget).Unix()
	for _, f := range r.files {
		switch {
		case f.mark.gone == 0 || f.scan == r.scans:
		case f.mark.gone < limit && l.readable(filepath.Dir(f.mark.path)):
			r.forget(f)
		default:
			gone = append(gone, f)
		}
	}
	if len(gone) <= maxGone {
		return
	}
	slices.SortFunc(gone, func(a, b *file) int { return int(a.mark.gone - b.mark.gone) })
	for _, f := range gone[:len(gone)-maxGone] {
		r.forget(f)
	}
}

func (r *reader) forget(f *file) {
	r.drop(f)
	delete(r.batch.touched, f)
	r.batch.next[f.key] = nil
}

// lookAgain queues the files that waited for time to pass.
func (r *reader) lookAgain() {
	for f := range r.waits {
		delete(r.waits, f)
		switch idle := r.now().Sub(f.mtime); {
		case r.files[f.key] != f:
		case f.lost && f.src != nil && (f.links == 0 && idle >= r.timing.grace || idle >= 120*r.timing.grace) && !r.unread(f):
			r.bury(f)
		default:
			r.queue.add(f)
		}
	}
}

// retryHeld queues the files that may be copies of others: one of those others
// has changed.
func (r *reader) retryHeld() {
	for f := range r.waits {
		if !f.known {
			delete(r.waits, f)
			r.queue.add(f)
		}
	}
}

// unread says whether an open file has more than was read of it.
func (r *reader) unread(f *file) bool {
	info, err := f.raw.Stat()
	return err == nil && f.packing == plain && info.Size() > f.mark.offset
}

// rotated says whether f's writer has gone on to another file.
func (f *file) rotated() bool {
	if f.lost || f.moved || f.links == 0 {
		return true
	}
	if f.mark.path == f.kin {
		return false
	}
	_, err := os.Lstat(f.kin)
	return err == nil
}
