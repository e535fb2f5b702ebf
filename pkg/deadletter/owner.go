package deadletter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Limits of one owner's state.
const (
	window     = 1 << 16 // IDs that are remembered, to recognise a repeat
	compactMin = 1 << 20 // bytes below which a file is not worth replacing
)

// line is what a line of a file says: a letter, or that one was removed.
type line struct {
	Letter
	Removed string `json:"removed"`
}

type tombstone struct {
	Removed string    `json:"removed"`
	Time    time.Time `json:"time"`
	By      string    `json:"by,omitempty"`
}

// owner is what a process knows of one owner's file.
type owner struct {
	name string
	path string

	file  os.FileInfo // the file that was read; nil: none
	read  int64       // bytes of it that were understood: up to the last line end
	count int         // letters that are there
	lines int         // lines, dead ones included

	ids  map[string]struct{} // the last IDs that are there
	ring []string            // the same in order of coming; those removed meanwhile included
	next int
}

func newOwner(name, path string) *owner {
	o := &owner{name: name, path: path}
	o.reset()
	return o
}

func (o *owner) reset() {
	o.file, o.read, o.count, o.lines = nil, 0, 0, 0
	o.ids, o.ring, o.next = make(map[string]struct{}), nil, 0
}

// catchUp reads what was written to the file since it was last read, by this
// process or another.
func (o *owner) catchUp() error {
	f, err := os.Open(o.path)
	if errors.Is(err, os.ErrNotExist) {
		o.reset()
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if o.file == nil || !os.SameFile(o.file, info) || info.Size() < o.read {
		o.reset()
	}
	o.file = info
	if info.Size() == o.read {
		return nil
	}
	if _, err := f.Seek(o.read, io.SeekStart); err != nil {
		return err
	}
	end, err := scan(f, func(l line, _ int64) error {
		o.lines++
		o.note(l)
		return nil
	})
	o.read += end
	return err
}

// heal ends a line that a crash has torn, so that it is alone on its line. The
// lock is held: nobody else is still writing it.
func (o *owner) heal() error {
	if o.file == nil || o.file.Size() == o.read {
		return nil
	}
	if err := o.append([]byte{'\n'}, nil); err != nil {
		return err
	}
	o.reset() // the line may be whole after all
	return o.catchUp()
}

// note takes a line into the state.
func (o *owner) note(l line) {
	if l.Removed != "" {
		if o.count > 0 {
			o.count--
		}
		delete(o.ids, l.Removed)
		return
	}
	if l.ID == "" {
		return
	}
	o.count++
	if len(o.ring) < window {
		o.ring = append(o.ring, l.ID)
	} else {
		delete(o.ids, o.ring[o.next])
		o.ring[o.next] = l.ID
		o.next = (o.next + 1) % window
	}
	o.ids[l.ID] = struct{}{}
}

// put appends the letters that are not there yet and syncs. The lock is held.
func (o *owner) put(letters []Letter) error {
	var buf bytes.Buffer
	var added []line
	seen := make(map[string]struct{}, len(letters))
	for _, l := range letters {
		if l.ID == "" {
			return errors.New("a dead letter without an ID")
		}
		_, there := o.ids[l.ID]
		_, twice := seen[l.ID]
		if there || twice {
			continue
		}
		seen[l.ID] = struct{}{}
		l.Owner = o.name
		if err := encodeLine(&buf, l); err != nil {
			return err
		}
		added = append(added, line{Letter: Letter{ID: l.ID}})
	}
	return o.append(buf.Bytes(), added)
}

// remove appends a tombstone for each letter that is there. The lock is held.
func (o *owner) remove(ids []string, by string) (int, error) {
	want := make(map[string]bool, len(ids))
	for _, id := range ids {
		want[id] = true
	}
	var buf bytes.Buffer
	var added []line
	err := list(o.path, func(l Letter) error {
		if !want[l.ID] {
			return nil
		}
		added = append(added, line{Removed: l.ID})
		return encodeLine(&buf, tombstone{Removed: l.ID, Time: time.Now().UTC(), By: by})
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	if err := o.append(buf.Bytes(), added); err != nil {
		return 0, err
	}
	if o.read > compactMin && o.count < o.lines/2 {
		return len(added), o.compact()
	}
	return len(added), nil
}

// append writes whole lines and syncs them. Where it fails the file is cut back
// to what it was, so that a disk that is full is not filled with halves.
func (o *owner) append(data []byte, added []line) (err error) {
	if len(data) == 0 {
		return nil
	}
	f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if _, err = f.WriteAt(data, size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	if size == 0 {
		if err = syncDirOf(o.path); err != nil {
			return err
		}
	}
	o.file, o.read = info, size+int64(len(data))
	o.lines += len(added)
	for _, l := range added {
		o.note(l)
	}
	return nil
}

func encodeLine(buf *bytes.Buffer, v any) error {
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	return nil
}

// scan gives the lines of r that can be read, with the offset of each, and
// returns the offset after the last line end.
func scan(r io.Reader, each func(l line, at int64) error) (end int64, err error) {
	return lines(r, func(raw []byte, at int64) error {
		if l, ok := parse(raw); ok {
			return each(l, at)
		}
		return nil
	})
}

// parse reads a line; ok is false where it is damaged.
func parse(raw []byte) (l line, ok bool) {
	if json.Unmarshal(raw, &l) != nil {
		return line{}, false
	}
	return l, l.ID != "" || l.Removed != ""
}

// lines gives the whole lines of r, with their ends and the offset of each, and
// returns the offset after the last one. What follows may still be written.
func lines(r io.Reader, each func(raw []byte, at int64) error) (end int64, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		long = append(long, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return end, nil
		case err != nil:
			return end, err
		}
		if err := each(long, end); err != nil {
			return end, err
		}
		end += int64(len(long))
		long = long[:0]
	}
}

// list gives the letters of a file that were not removed.
func list(path string, each func(Letter) error) error {
	return living(path, func(_ []byte, l line, ok bool) error {
		if !ok {
			return nil
		}
		return each(l.Letter)
	})
}

// living gives the lines of a file that still say something: the letters that
// were not removed, and, with ok false, lines that are damaged.
func living(path string, each func(raw []byte, l line, ok bool) error) error {
	f, err := os.Open(path) // #nosec G304 -- in the data directory
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()

	gone := make(map[string]int64) // ID → where its last tombstone is
	end, err := scan(f, func(l line, at int64) error {
		if l.Removed != "" {
			gone[l.Removed] = at
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = lines(io.LimitReader(f, end), func(raw []byte, at int64) error {
		l, ok := parse(raw)
		removed, buried := gone[l.ID]
		if ok && (l.Removed != "" || buried && at < removed) {
			return nil
		}
		return each(raw, l, ok)
	})
	return err
}
