package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

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
	pack pack
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
	o.pack, err = packer(packingOf(path))
	return err
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
func (o *output) append(lines [][]byte) (int, error) {
	n, err := o.pack(o.file, lines)
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

// pack writes lines to a file, compressed or not, and returns how many bytes that
// were.
type pack func(f io.Writer, lines [][]byte) (int, error)

func packer(p packing) (pack, error) {
	switch p {
	case packedGzip:
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		return func(f io.Writer, lines [][]byte) (int, error) {
			buf.Reset()
			w.Reset(&buf)
			if _, err := writeLines(w, lines); err != nil {
				return 0, err
			}
			if err := w.Close(); err != nil {
				return 0, err
			}
			return f.Write(buf.Bytes())
		}, nil
	case packedZstd:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		var buf []byte
		return func(f io.Writer, lines [][]byte) (int, error) {
			text := bytes.NewBuffer(make([]byte, 0, sizeOf(lines)))
			if _, err := writeLines(text, lines); err != nil {
				return 0, err
			}
			buf = w.EncodeAll(text.Bytes(), buf[:0])
			return f.Write(buf)
		}, nil
	default:
		return writeLines, nil
	}
}

// chunkBytes is how much of a batch is copied together for one write.
const chunkBytes = 256 << 10

// writeLines writes whole lines, a chunk at a time.
func writeLines(w io.Writer, lines [][]byte) (written int, err error) {
	chunk := make([]byte, 0, min(sizeOf(lines), chunkBytes))
	for i, line := range lines {
		chunk = append(append(chunk, line...), '\n')
		if i+1 < len(lines) && len(chunk)+len(lines[i+1])+1 <= chunkBytes {
			continue
		}
		n, err := w.Write(chunk)
		written += n
		if err != nil {
			return written, err
		}
		chunk = chunk[:0]
	}
	return written, nil
}

// sizeOf is the length of lines with their line feeds.
func sizeOf(lines [][]byte) int {
	n := len(lines)
	for _, line := range lines {
		n += len(line)
	}
	return n
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
