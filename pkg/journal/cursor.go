package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Cursor is how far one sink has got, with what became of the events before it.
// Base+Delivered+Duplicate+Filtered+DeadLetter+Lost = Sequence.
type Cursor struct {
	Base       uint64 // the sequence before the first event that the sink was ever due
	Sequence   uint64 // everything up to here is settled
	Delivered  uint64
	Duplicate  uint64
	Filtered   uint64
	DeadLetter uint64
	Lost       uint64    // events that could no longer be read
	Numbered   uint64    // the last delivery number given to a settled event
	Acked      time.Time // when the cursor last moved
	Journal    string    // Journal.ID of the journal that the sequences are of; empty: not known
}

const (
	// A cursor file is two slots that are written in turn, each in a disk
	// sector of its own: a torn write leaves the other one.
	slotSize   = 512
	slotLength = 96  // bytes of a slot that every version knows
	slotWhole  = 116 // with the journal's identity
	cursorSize = 2 * slotSize
	slotMagic  = "SLCURS\x00\x01" // the last byte is the version

	// cursorSync is how often at most a cursor is synced: a power cut costs
	// that much of repeated deliveries.
	cursorSync = time.Second
)

// cursorPath is the file of a sink's cursor.
func cursorPath(dir, sink string) string { return filepath.Join(dir, url.PathEscape(sink)) }

// LoadCursor reads the cursor of a sink in dir, which is the data directory's
// "cursors"; ok is false if it has none. It may be called while another process
// writes the cursor.
func LoadCursor(dir, sink string) (c Cursor, ok bool, err error) {
	f, err := os.Open(cursorPath(dir, sink)) // #nosec G304 -- below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return Cursor{}, false, nil
	}
	if err != nil {
		return Cursor{}, false, fmt.Errorf("journal: cursor of %s: %w", sink, err)
	}
	defer func() { _ = f.Close() }()
	b, err := slots(f)
	if err != nil {
		return Cursor{}, false, fmt.Errorf("journal: cursor of %s: %w", sink, err)
	}
	c, _, ok = newer(b)
	return c, ok, nil
}

// CursorFile writes one sink's cursor. It belongs to one goroutine.
type CursorFile struct {
	f          file
	sink       string
	generation uint64
	synced     time.Time
	damaged    bool
}

// Damaged tells that the file has content, but no cursor that can be read: the
// sink had one when the file was opened, and it is not known any more.
func (f *CursorFile) Damaged() bool { return f.damaged }

// OpenCursor opens or makes the cursor file of a sink in dir, which is the data
// directory's "cursors"; it returns the cursor in it, if there is one.
func OpenCursor(dir, sink string) (*CursorFile, Cursor, bool, error) {
	c, cursor, ok, err := openCursor(dir, sink)
	if err != nil {
		return nil, Cursor{}, false, fmt.Errorf("journal: cursor of %s: %w", sink, err)
	}
	return c, cursor, ok, nil
}

func openCursor(dir, sink string) (_ *CursorFile, _ Cursor, _ bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Cursor{}, false, err
	}
	name := cursorPath(dir, sink)
	raw, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- below the data directory
	if err != nil {
		return nil, Cursor{}, false, err
	}
	f := osFile{raw}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	b, err := slots(f)
	if err != nil {
		return nil, Cursor{}, false, err
	}
	cursor, generation, ok := newer(b)
	damaged := !ok && len(bytes.Trim(b, "\x00")) > 0
	info, err := f.Stat()
	if err != nil {
		return nil, Cursor{}, false, err
	}
	if info.Size() < cursorSize {
		// With its full size on the disk, storing needs no room any more.
		if err := f.writeAt([][]byte{make([]byte, cursorSize-info.Size())}, info.Size()); err != nil {
			return nil, Cursor{}, false, err
		}
		if err := errors.Join(f.Sync(), osDisk{}.syncDir(dir)); err != nil {
			return nil, Cursor{}, false, err
		}
	}
	return &CursorFile{f: f, sink: sink, generation: generation, synced: time.Now(), damaged: damaged}, cursor, ok, nil
}

// Store replaces the cursor: after a crash of the process the last one stored
// is read back, after a power cut perhaps an earlier one. Never a torn one.
func (f *CursorFile) Store(c Cursor) error {
	generation := f.generation + 1
	err := f.f.writeAt([][]byte{encodeSlot(c, generation)}, int64(generation%2)*slotSize) // #nosec G115 -- 0 or 1
	if err == nil {
		f.generation = generation
		if now := time.Now(); now.Sub(f.synced) >= cursorSync {
			f.synced = now
			err = f.f.datasync()
		}
	}
	if err != nil {
		return fmt.Errorf("journal: store the cursor of %s: %w", f.sink, err)
	}
	return nil
}

// Close syncs and closes the file.
func (f *CursorFile) Close() error {
	if err := errors.Join(f.f.datasync(), f.f.Close()); err != nil {
		return fmt.Errorf("journal: close the cursor of %s: %w", f.sink, err)
	}
	return nil
}

func encodeSlot(c Cursor, generation uint64) []byte {
	le := binary.LittleEndian
	b := make([]byte, slotWhole)
	copy(b, slotMagic)
	acked := int64(0)
	if !c.Acked.IsZero() {
		acked = c.Acked.UnixNano()
	}
	for i, v := range []uint64{
		generation, c.Base, c.Sequence, c.Delivered, c.Duplicate, c.Filtered, c.DeadLetter, c.Lost, c.Numbered,
		uint64(acked), // #nosec G115 -- two's complement, read back the same way
	} {
		le.PutUint64(b[8+8*i:], v)
	}
	le.PutUint32(b[92:], checksum(b[:92]))
	if id, err := hex.DecodeString(c.Journal); err == nil {
		copy(b[96:112], id)
	}
	le.PutUint32(b[112:], identityChecksum(b))
	return b
}

// identityChecksum binds a slot's identity to its cursor. The first checksum is
// left out: a CRC of bytes that end with their own CRC is always the same.
func identityChecksum(b []byte) uint32 {
	return checksum(append(b[:92:92], b[96:112]...))
}

func decodeSlot(b []byte) (c Cursor, generation uint64, ok bool) {
	le := binary.LittleEndian
	if len(b) < slotLength || string(b[:8]) != slotMagic || le.Uint32(b[92:]) != checksum(b[:92]) {
		return Cursor{}, 0, false
	}
	at := func(i int) uint64 { return le.Uint64(b[8+8*i:]) }
	c = Cursor{
		Base: at(1), Sequence: at(2), Delivered: at(3), Duplicate: at(4), Filtered: at(5), DeadLetter: at(6),
		Lost: at(7), Numbered: at(8),
	}
	if acked := int64(at(9)); acked != 0 { // #nosec G115 -- two's complement, as it was written
		c.Acked = time.Unix(0, acked).UTC()
	}
	// An agent that does not know of the identity leaves an older one in its
	// place, which the second checksum gives away.
	if len(b) >= slotWhole && le.Uint32(b[112:]) == identityChecksum(b) {
		c.Journal = identityText([16]byte(b[96:112]))
	}
	return c, at(0), true
}

// slots reads the two slots of a cursor file, or what there is of them.
func slots(f io.ReaderAt) ([]byte, error) {
	b := make([]byte, cursorSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// newer returns the newer one of the two cursors; the generation is 0 where
// there is none.
func newer(b []byte) (c Cursor, generation uint64, ok bool) {
	for at := 0; at < len(b); at += slotSize {
		if slot, g, sound := decodeSlot(b[at:]); sound && g >= generation {
			c, generation, ok = slot, g, true
		}
	}
	return c, generation, ok
}
