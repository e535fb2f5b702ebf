package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

var errNotRegular = errors.New("not a regular file")

// maxOpen bounds how many files are kept open between writes.
const maxOpen = 32

// outputs are the files that are open.
type outputs struct {
	byPath map[string]*output
}

// output is an open file.
type output struct {
	file *os.File
	part part // its Length is where the next write begins
	born time.Time
}

// output returns the file at path, opened or made, and put aside first if it
// is due.
func (s *Sink) output(path string) (*output, error) {
	o := s.open.byPath[path]
	if o != nil && !o.inPlace() {
		s.open.close(o) // moved or removed by somebody else: they want a new one
		o = nil
	}
	if o == nil {
		var err error
		if o, err = s.create(path); err != nil {
			return nil, err
		}
		s.open.byPath[path] = o
	}
	if s.due(o) {
		if err := s.rotate(o); err != nil {
			return nil, err
		}
		return s.output(path)
	}
	return o, nil
}

func (s *Sink) create(path string) (*output, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, dirMode(s.mode)); err != nil {
		return nil, err
	}
	_, missing := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_CLOEXEC, s.mode) // #nosec G304 -- the path is the user's
	if err != nil {
		return nil, err
	}
	o := &output{file: f}
	if err := o.fill(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	if missing != nil {
		if err := atomicfile.SyncDir(dir); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	return o, nil
}

// fill learns what there is to be known of an open file.
func (o *output) fill(path string) error {
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, errNotRegular)
	}
	dev, ino := inode(info)
	o.part = part{Path: path, Dev: dev, Ino: ino, Length: info.Size()}
	o.born = bornAt(o.file, info)
	return nil
}

// inPlace says whether the path still leads to the file, and learns its length:
// another instance may have appended a replay.
func (o *output) inPlace() bool {
	info, err := os.Stat(o.part.Path)
	if err != nil {
		return false
	}
	dev, ino := inode(info)
	if dev != o.part.Dev || ino != o.part.Ino {
		return false
	}
	o.part.Length = info.Size()
	return true
}

// append writes one batch, with compression as a complete member. Where that
// does not succeed, the caller cuts the file later.
func (o *output) append(lines [][]byte, pack pack) (int, error) {
	n, err := pack(o.file, lines)
	o.part.Length += int64(n)
	if err != nil {
		return n, fmt.Errorf("write: %w", err)
	}
	return n, nil
}

func (s *outputs) close(o *output) {
	_ = o.file.Close() // everything in it was synced or is cut
	delete(s.byPath, o.part.Path)
}

func (s *outputs) closeAll() {
	for _, o := range s.byPath {
		s.close(o)
	}
}

// cut takes off what is beyond the mark.
func (s *Sink) cut(m mark) error {
	s.open.closeAll()
	for _, p := range m.Files {
		path, err := find(p)
		if err != nil {
			return err
		}
		if path == "" {
			continue // removed: nothing of it can be repeated
		}
		if err := s.cutFile(path, p.Length); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) cutFile(path string, length int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- recorded by us
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() <= length {
		return err
	}
	s.log.Info("cutting off what was written but not acknowledged; it is written again",
		"path", path, "length", length, "bytes", info.Size()-length)
	if err := f.Truncate(length); err != nil {
		return err
	}
	return f.Sync()
}

// find returns where a recorded file is now: at its path or, where it was put
// aside, in the same directory. Empty: it is gone.
func find(p part) (string, error) {
	is := func(path string) bool {
		info, err := os.Lstat(path)
		if err != nil {
			return false
		}
		dev, ino := inode(info)
		return info.Mode().IsRegular() && dev == p.Dev && ino == p.Ino
	}
	if real, err := filepath.EvalSymlinks(p.Path); err == nil && is(real) {
		return real, nil
	}
	entries, err := os.ReadDir(filepath.Dir(p.Path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	for _, e := range entries {
		if path := filepath.Join(filepath.Dir(p.Path), e.Name()); is(path) {
			return path, nil
		}
	}
	return "", nil
}
