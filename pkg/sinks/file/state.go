package file

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// A mark says up to which sequence the files are known to hold everything, and
// how long those that the last or the next write is about are then. What is
// beyond is a write that was not acknowledged.
type mark struct {
	Count    uint64 `json:"count"` // of marks made: the higher one counts
	Sequence uint64 `json:"sequence"`
	Journal  string `json:"journal,omitempty"` // that the sequence is of; empty: not known
	Files    []part `json:"files"`
}

// part is a file and its length in bytes.
type part struct {
	Path   string `json:"path"`
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
	Length int64  `json:"length"`
}

// state keeps marks in one file of two slots that are written in turn, so that
// a torn write leaves the mark before it. A slot is the CRC-32C of the text,
// its length (both 4 bytes, little endian), and the text: the mark as JSON.
// Whoever writes to the files locks it.
type state struct {
	dir  string
	file *os.File // nil: not opened yet
}

const (
	slotSize = 1 << 20
	maxParts = 100 // that one mark can hold: paths are at most 4096 bytes long
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// lock opens the file if need be, waits until no other instance writes, and
// returns the last mark.
func (s *state) lock() (mark, error) {
	if s.file == nil {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return mark{}, err
		}
		f, err := os.OpenFile(filepath.Join(s.dir, "state"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return mark{}, err
		}
		if err := atomicfile.SyncDir(s.dir); err != nil {
			_ = f.Close()
			return mark{}, err
		}
		s.file = f
	}
	if err := lockFile(s.file); err != nil {
		return mark{}, fmt.Errorf("lock %s: %w", s.file.Name(), err)
	}
	m, err := s.load()
	if err != nil {
		s.unlock()
	}
	return m, err
}

func (s *state) unlock() {
	_ = unlockFile(s.file)
}

// load returns the mark that counts; the zero mark where none was made.
func (s *state) load() (mark, error) {
	var last mark
	for slot := range int64(2) {
		m, err := s.read(slot)
		if err != nil {
			return mark{}, fmt.Errorf("read %s: %w", s.file.Name(), err)
		}
		if m.Count > last.Count {
			last = m
		}
	}
	return last, nil
}

// read returns the mark in a slot; the zero mark where it is empty or torn.
func (s *state) read(slot int64) (mark, error) {
	var head [8]byte
	if whole, err := s.fill(head[:], slot*slotSize); !whole {
		return mark{}, err
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size == 0 || size > slotSize-8 {
		return mark{}, nil
	}
	text := make([]byte, size)
	if whole, err := s.fill(text, slot*slotSize+8); !whole {
		return mark{}, err
	}
	if crc32.Checksum(text, castagnoli) != binary.LittleEndian.Uint32(head[:4]) {
		return mark{}, nil
	}
	var m mark
	if err := json.Unmarshal(text, &m); err != nil {
		return mark{}, err
	}
	return m, nil
}

// fill reads all of p; false without an error: the file ends before that.
func (s *state) fill(p []byte, off int64) (whole bool, err error) {
	n, err := s.file.ReadAt(p, off)
	if n == len(p) {
		return true, nil
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return false, err
}

// store makes m the mark that counts, durably.
func (s *state) store(m mark) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(text) > slotSize-8 {
		return fmt.Errorf("write %s: %d bytes are too many", s.file.Name(), len(text))
	}
	rec := make([]byte, 8, 8+len(text))
	binary.LittleEndian.PutUint32(rec, crc32.Checksum(text, castagnoli))
	binary.LittleEndian.PutUint32(rec[4:], uint32(len(text))) //nolint:gosec // G115: checked above
	if _, err := s.file.WriteAt(append(rec, text...), int64(m.Count%2)*slotSize); err != nil {
		return fmt.Errorf("write %s: %w", s.file.Name(), err)
	}
	if err := s.file.Sync(); err != nil {
		name := s.file.Name()
		_ = s.file.Close()
		s.file = nil // what a failed sync left in memory is not to be trusted
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return nil
}

func (s *state) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
