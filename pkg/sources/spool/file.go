package spool

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A file is one identity: a content that grows, under whatever name. One that
// is gone is kept for a while, so that it is known when it turns up again,
// compressed or copied.
type file struct {
	key  string // its part of the position
	mark bookmark
	kin  string // familyPath of where it is
	id   inode  // zero: no file on disk has this content, as far as we know

	src     content // nil: closed
	raw     *os.File
	packing packing
	inUse   *list.Element // in reader.opened
	checked bool          // since src was opened

	size     int64 // as last looked at; -1: look again
	mtime    time.Time
	links    uint64
	scan     int // the number of the last scan that found it
	verified int // the number of the scan after which its content was last compared

	known   bool   // it was told apart from all others
	matched bool   // the last scan found it by a pattern
	was     string // where it was, until its content is compared at its new path; empty: compared
	stray   bool   // no pattern matches it, but it has the name of a rotated file that is followed
	copied  bool   // a stray that is a copy of a file that is there
	after   int64  // of a stray: what was changed later than this (Unix nanoseconds) was never seen; 0: not known
	skip    bool   // begin at its end
	moved   bool   // its name changed, or it carries on a file that is gone: no one writes to it soon
	lost    bool   // the last scan did not find it
	queued  bool

	start []byte // the first bytes read, at most startSize: what most files differ in
	head  []byte // the first bytes read, until they are headSize
	last  []byte // the last tailSize bytes read

	long    []byte // the beginning of a line that is too long and not read to its end
	scanned int64  // with long: up to where its end was looked for
}

// errReplaced: another file has taken the path since the last scan.
var errReplaced = errors.New("another file took its place")

// open opens f, unless it is, and looks at it. Afterwards f.src is nil only
// where there is not enough content to say what it is.
func (r *reader) open(f *file) error {
	if f.src == nil {
		raw, err := os.Open(f.mark.path)
		if err != nil {
			return err
		}
		info, err := raw.Stat()
		if err == nil {
			if id, _ := inodeOf(info); id != f.id {
				err = errReplaced
			}
		}
		if err == nil {
			err = f.use(raw)
		}
		if err != nil || f.src == nil {
			_ = raw.Close()
			f.raw = nil
			if err == nil {
				f.look(info)
			}
			return err
		}
		f.checked = false
		f.inUse = r.opened.PushFront(f)
		r.limitOpen()
	}
	r.opened.MoveToFront(f.inUse)
	info, err := f.raw.Stat()
	if err != nil {
		return err
	}
	f.look(info)
	return nil
}

func (f *file) look(info fs.FileInfo) {
	f.size, f.mtime = info.Size(), info.ModTime()
	_, f.links = inodeOf(info)
}

// use makes raw the file's content, if it can be told what it is.
func (f *file) use(raw *os.File) error {
	var magic [4]byte
	n, err := raw.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.packing = packingOf(magic[:n], f.mark.path)
	f.raw = raw
	switch f.packing {
	case unsure:
	case plain:
		f.src = raw
	default:
		f.src = &unpacked{file: raw, kind: f.packing}
	}
	return nil
}

func (r *reader) close(f *file) {
	if f.src == nil {
		return
	}
	_ = f.src.Close()
	r.opened.Remove(f.inUse)
	f.src, f.raw, f.inUse = nil, nil, nil
}

// limitOpen closes the files that were read the longest ago. A file without a
// name cannot be opened again, so those are spared.
func (r *reader) limitOpen() {
	for e := r.opened.Back(); e != nil && r.opened.Len() > r.maxOpen; {
		f, ok := e.Value.(*file)
		e = e.Prev()
		if ok && f.links > 0 && !f.lost {
			r.close(f)
		}
	}
}

// same says whether f's content is still what its bookmark was made of. A
// compressed file is only asked once it was opened: its beginning cannot be
// read again for nothing.
func (r *reader) same(f *file) (bool, error) {
	if f.packing != plain && f.checked {
		return true, nil
	}
	if f.packing == plain && f.size < f.mark.offset {
		return false, nil
	}
	ok, err := matches(f.src, &f.mark, r.scratch[:])
	if ok {
		f.checked = true
		if f.was != "" {
			f.was = ""
			r.batch.touched[f] = struct{}{}
		}
		n := f.mark.headLen()
		if n < headSize {
			f.head = append(f.head[:0], r.scratch[:n]...)
		}
		f.start = append(f.start[:0], r.scratch[:min(n, startSize)]...)
		f.last = append(f.last[:0], r.scratch[headSize:headSize+f.mark.tailLen()]...)
	}
	return ok, err
}

// matches says whether src has the content that the bookmark was made of. The
// head and the tail are left in scratch, the tail from headSize on.
func matches(src content, mark *bookmark, scratch []byte) (bool, error) {
	head := scratch[:mark.headLen()]
	tail := scratch[headSize : headSize+mark.tailLen()]
	for _, part := range []struct {
		b    []byte
		off  int64
		want digest
	}{{head, 0, mark.head}, {tail, mark.offset - int64(len(tail)), mark.tail}} {
		n, err := src.ReadAt(part.b, part.off)
		if n < len(part.b) {
			if err == nil || errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, err
		}
		if len(part.b) > 0 && digestOf(part.b) != part.want {
			return false, nil
		}
	}
	return true, nil
}

// advance moves the bookmark over data, which was read at its offset.
func (r *reader) advance(f *file, data []byte) {
	if n := len(f.start); n < startSize && f.mark.offset == int64(n) {
		f.start = append(f.start, data[:min(len(data), startSize-n)]...)
	}
	if n := f.mark.headLen(); n < headSize {
		f.head = append(f.head, data[:min(len(data), headSize-n)]...)
		f.mark.head = digestOf(f.head)
		if len(f.head) == headSize {
			f.head = nil
		}
	}
	if len(data) >= tailSize {
		f.last = append(f.last[:0], data[len(data)-tailSize:]...)
	} else {
		f.last = append(f.last, data...)
		f.last = append(f.last[:0], f.last[max(0, len(f.last)-tailSize):]...)
	}
	f.mark.tail = digestOf(f.last)
	f.mark.offset += int64(len(data))
	r.batch.touched[f] = struct{}{}
}

// restart begins again with a file whose content was replaced. What it had is
// kept as a file of its own: a copy of it may turn up.
func (r *reader) restart(f *file) {
	r.log.Info("content replaced, reading from the start", "path", f.mark.path, "offset", f.mark.offset)
	if f.mark.offset > 0 {
		old := &file{key: f.key, mark: f.mark, start: f.start, kin: f.kin, known: true, packing: f.packing}
		if f.was != "" {
			old.mark.path = f.was
		}
		old.mark.dev, old.mark.ino, old.mark.gone, old.mark.bad = 0, 0, r.now().Unix(), 0
		r.add(old)
		r.batch.touched[old] = struct{}{}
	} else {
		delete(r.files, f.key)
		r.unkin(f)
	}
	f.key = r.newKey(f.id)
	f.mark = bookmark{dev: f.id.dev, ino: f.id.ino, path: f.mark.path}
	f.start, f.head, f.last, f.long, f.scanned, f.skip = nil, nil, nil, nil, 0, false
	f.was, f.moved = "", false
	f.known, f.checked = false, false // it may carry on another
	f.stray, f.copied = !f.matched, false
	r.unkin(f)
	r.replaceKin(f)
	f.after = r.seenUntil(f)
	r.close(f)
	r.rescan = true // its copy may be there by now
	r.retryHeld()
}

func (r *reader) newKey(id inode) string {
	r.born++
	return fmt.Sprintf("%x-%x-%x-%x", id.dev, id.ino, r.started.UnixNano(), r.born)
}
