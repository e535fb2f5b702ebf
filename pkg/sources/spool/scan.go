package spool

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// maxGone bounds how many streams that no file has are remembered.
const maxGone = 10000

// scan looks at everything that the patterns match, finds what rotation made
// of that, and queues what changed.
func (r *reader) scan() {
	began := r.now()
	r.rescan = false
	r.scans++
	clear(r.linked)
	clear(r.troubles) // what still cannot be read will say so again
	l := look(r.paths)
	for _, err := range l.errs {
		r.monitor.Failed(reasonOf(err), err)
		r.troubles[err.Error()] = err
	}
	r.watcher.watch(l.dirs)
	for _, path := range l.paths {
		r.visit(path)
	}
	r.findRotated(l)
	r.noteLost(l)
	r.forgetGone(l)
	r.skipAll = false
	// What appeared between the look at a directory and its watch is found by
	// one more look.
	r.rescan = r.rescan || r.watcher.blind()
	r.scanned, r.scanTook = began, r.now().Sub(began)
	r.monitor.Connected(len(l.errs) == 0 && len(l.missing) < len(r.paths))
	for _, err := range l.errs { // also of where rotated files were looked for
		if r.once {
			r.troubles[err.Error()] = err
		}
	}
}

// visit looks at one path.
func (r *reader) visit(path string) {
	info, err := os.Lstat(path)
	real := path
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if real, err = filepath.EvalSymlinks(path); err == nil {
			info, err = os.Stat(real)
			r.watcher.also(filepath.Dir(real))
			r.linked[real] = struct{}{}
		} else if _, why := os.Stat(path); why != nil {
			err = why // names the file
		}
	}
	if err != nil {
		// A link to itself leads to no file, as one to nothing does.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ELOOP) {
			r.monitor.Failed(reasonOf(err), err)
			r.troubles[path] = err
		}
		return
	}
	if !info.Mode().IsRegular() {
		return
	}
	id, links := inodeOf(real, info)
	f := r.files[id]
	if f != nil && f.scan == r.scans {
		return // the same file by another name
	}
	if f == nil {
		f = &file{id: id, path: real, kin: familyPath(real), size: -1}
		r.files[id] = f
		if s := r.mains[id]; s != nil {
			r.attach(f, s) // for now: it is compared before it is read
			f.moved = s.mark.path != real
		} else {
			f.skip = r.skipAll && info.Size() > 0
		}
	}
	f.scan, f.lost, f.links = r.scans, false, links
	r.place(f, real)
	if f.size != info.Size() || !f.mtime.Equal(info.ModTime()) {
		f.size, f.mtime = info.Size(), info.ModTime()
		r.queue.add(f)
	}
}

// findRotated visits the files that rotation made of those that match, under
// names that no pattern matches: what they have may not have been read yet.
func (r *reader) findRotated(l *listing) {
	r.findUnlinked()
	dirs := maps.Clone(l.dirs)
	for path := range r.linked {
		dirs[filepath.Dir(path)] = struct{}{}
	}
	for dir := range dirs {
		for _, e := range l.read(dir) {
			path := filepath.Join(dir, e.Name())
			if _, matched := l.seen[path]; !matched && e.Type().IsRegular() && r.rotatedFrom(path) {
				r.visit(path)
			}
		}
	}
}

// findUnlinked visits what was read by a symbolic link that now leads elsewhere.
func (r *reader) findUnlinked() {
	for _, s := range r.streams {
		path := s.mark.path
		if r.followed(path) {
			continue
		}
		r.linked[path] = struct{}{}
		if s.mark.gone != 0 {
			continue
		}
		if info, err := os.Lstat(path); err == nil {
			if id, _ := inodeOf(path, info); id == s.mark.main {
				r.visit(path)
			}
		}
	}
}

// rotatedFrom says whether path is what rotation makes of the name of a file
// that is followed. One that is being written has to be matched.
func (r *reader) rotatedFrom(path string) bool {
	if packingSuffix.MatchString(path) {
		return false
	}
	for _, base := range []string{unrotated(path), familyPath(path)} {
		if base != path && r.followed(base) {
			return true
		}
	}
	return false
}

// followed says whether a pattern matches path, or a symbolic link leads there.
func (r *reader) followed(path string) bool {
	if _, ok := r.linked[path]; ok {
		return true
	}
	return slices.ContainsFunc(r.paths, func(pattern string) bool {
		ok, _ := filepath.Match(pattern, path)
		return ok
	})
}

// noteLost deals with files that were not found: what is open is read to its
// end, what is closed is gone.
func (r *reader) noteLost(l *listing) {
	for _, f := range r.files {
		switch {
		case f.scan == r.scans:
		case f.src != nil:
			if !f.lost {
				f.lost = true
				r.queue.add(f)
			}
		case l.readable(filepath.Dir(f.path)):
			r.bury(f)
		default:
			f.lost = true
		}
	}
}

// bury forgets a file that is gone.
func (r *reader) bury(f *file) {
	if f.src == nil && f.packing == plain && f.stream != nil && f.size > f.stream.mark.offset {
		r.log.Warn("file vanished before it was read to its end", "path", f.path, "offset", f.stream.mark.offset, "size", f.size)
	}
	r.drop(f)
}

// forgetGone drops streams that no file has for long.
func (r *reader) forgetGone(l *listing) {
	var gone []*stream
	now := r.now()
	limit := now.Add(-r.timing.forget).Unix()
	for _, s := range r.streams {
		if len(s.files) > 0 || !l.readable(filepath.Dir(s.mark.path)) {
			continue
		}
		if s.mark.gone == 0 {
			s.mark.gone = now.Unix()
			r.touch(s)
		}
		if s.mark.gone < limit {
			r.forget(s)
		} else {
			gone = append(gone, s)
		}
	}
	if len(gone) <= maxGone {
		return
	}
	slices.SortFunc(gone, func(a, b *stream) int { return cmp.Compare(a.mark.gone, b.mark.gone) })
	for _, s := range gone[:len(gone)-maxGone] {
		r.forget(s)
	}
}

func (r *reader) forget(s *stream) {
	r.dropStream(s)
	r.batch.next[s.key] = nil
}

// lookAgain queues the files that waited for time to pass.
func (r *reader) lookAgain() {
	for f := range r.waits {
		delete(r.waits, f)
		switch idle := r.now().Sub(f.mtime); {
		case r.files[f.id] != f:
		case f.lost && f.src != nil && (f.links == 0 && idle >= r.timing.grace || idle >= 120*r.timing.grace) && !r.unread(f):
			r.bury(f)
		default:
			r.queue.add(f)
		}
	}
}

// unread says whether an open file has more than was read of it.
func (r *reader) unread(f *file) bool {
	info, err := f.raw.Stat()
	return err == nil && f.packing == plain && info.Size() > f.offset()
}

// rotated says whether f's writer has gone on to another file.
func (f *file) rotated() bool {
	if f.lost || f.moved || f.links == 0 {
		return true
	}
	if f.path == f.kin {
		return false
	}
	_, err := os.Lstat(f.kin)
	return err == nil
}
