package spool

import (
	"container/list"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// A file is one inode that is followed, under whatever name.
type file struct {
	id     inode
	path   string  // where it was last seen
	kin    string  // familyPath of it
	stream *stream // what it has; nil: not told yet
	left   *stream // what it had before it was truncated

	src     content // nil: closed
	raw     *os.File
	packing packing
	members *members      // of the content, where that is compressed; nil: not looked at yet
	inUse   *list.Element // in reader.opened
	checked int64         // up to this offset it was seen to have what its stream has
	sure    bool          // that was since src was opened

	size  int64 // as last looked at; -1: look again
	mtime time.Time
	links uint64
	scan  int // the number of the last scan that found it

	skip   bool // begin at its end
	moved  bool // its name changed: no one writes to it soon
	lost   bool // the last scan did not find it
	queued bool

	rested time.Time // not read again before then

	long    []byte // the beginning of a line that is too long and not read to its end
	scanned int64  // with long: up to where its end was looked for
}

// errReplaced: another file has taken the path since the last scan.
var errReplaced = errors.New("another file took its place")

// open opens f, unless it is, and looks at it. Afterwards f.src is nil only
// where there is not enough content to say what it is.
func (r *reader) open(f *file) error {
	if f.src == nil {
		raw, err := os.Open(f.path) // #nosec G304 -- the user's glob
		if err != nil {
			return err
		}
		info, err := raw.Stat()
		if err == nil {
			if id, _ := inodeOf(raw.Name(), info); id != f.id {
				err = errReplaced
			}
		}
		if err == nil {
			err = f.use(raw, r.now)
		}
		if err != nil || f.src == nil {
			_ = raw.Close()
			f.raw = nil
			if err == nil {
				f.look(raw.Name(), info)
			}
			return err
		}
		f.sure = false
		f.inUse = r.opened.PushFront(f)
		r.limitOpen()
	}
	r.opened.MoveToFront(f.inUse)
	info, err := f.raw.Stat()
	if err != nil {
		return err
	}
	f.look(f.raw.Name(), info)
	return nil
}

func (f *file) look(path string, info fs.FileInfo) {
	f.size, f.mtime = info.Size(), info.ModTime()
	_, f.links = inodeOf(path, info)
}

// use makes raw the file's content, if it can be told what it is. now is the clock by
// which decompressing is timed.
func (f *file) use(raw *os.File, now func() time.Time) error {
	var magic [4]byte
	n, err := raw.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.packing = packingOf(magic[:n], f.path)
	f.raw = raw
	switch f.packing {
	case unsure:
	case plain:
		f.src = raw
	default:
		if f.members == nil {
			f.members = new(members)
		}
		f.src = &unpacked{file: raw, kind: f.packing, members: f.members, now: now}
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
// name cannot be opened again, so those are spared, however many they are; so is
// what is in use, the current file and the one that was opened just now.
func (r *reader) limitOpen() {
	for e := r.opened.Back(); e != r.opened.Front() && r.opened.Len() > r.maxOpen; {
		f, ok := e.Value.(*file)
		e = e.Prev()
		if ok && f != r.current && f.links > 0 && !f.lost {
			r.close(f)
		}
	}
}

// offset is how far f was read.
func (f *file) offset() int64 {
	if f.stream == nil {
		return 0
	}
	return f.stream.mark.offset
}
